"""The whole job, in the order in which it happens.

    read -> stretch -> downscale -> weigh -> protect -> fit -> render -> correct -> write

A `Job` carries it: `Job.prepare` goes as far as the weights and the sky, `Job.fit` makes the model,
`Job.plan` measures it and finds the level that is put back, and `Job.correct` takes it out of the
image. `fastbg.jobs` has the jobs that users start, on arrays and on files. No stage needs the whole
image in memory: all but the fit go over it in bands of rows (`fastbg.image.bands`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from . import search_input
from .backends.registry import choose
from .checks import UNTOLD_PATTERN, UNUSED_SKY, check_settings, check_size
from .diagnostics import diagnose
from .fit import fit_of_sky, fit_spline
from .image.downscale import measured_and_reduced, restretched
from .image.frame import Frame
from .image.image import Image
from .image.order_statistics import quantiles
from .image.stretch import Stretch
from .image.undebayered import looks_undebayered
from .levels import LEVELS, levels_of_model, measured_of
from .model.correction import Correction, with_pedestal
from .model.model import BackgroundModel
from .opinion import second_opinion, steps_of
from .progress import ProgressCallback, Stages
from .result import Corrected, Fitted, Measured, Plan, Prepared, Reduced
from .search_input import Weight
from .settings.settings import Settings
from .sky.detection import Sky
from .sky.selection import MOST_FITS
from .take_out import Store, take_out

if TYPE_CHECKING:
    from .reference.copies import Copies, Reference
    from .samples.points import SamplePoints
    from .samples.sky import MeasuredSamples


class Job:
    """One job: its settings, its progress, its evaluator, and its warnings.

    A context manager: it closes what its evaluator holds.

    Parameters
    ----------
    settings : Settings
    progress : callable, optional
        Called with a `Progress`; returning False cancels the job.

    Raises
    ------
    BackendError
        If the evaluator is not available.
    """

    def __init__(self, settings: Settings, progress: ProgressCallback | None = None) -> None:
        self.settings = settings
        self.stages = Stages(progress)
        self.warnings: list[str] = []
        self.backend = choose(settings.backend, settings.gpu_memory, self.warnings)
        self.looks_undebayered = False
        self._opened = ExitStack()

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def threads(self) -> int:
        """The number of threads that go over bands of rows."""
        return self.settings.worker_threads

    def prepare(
        self,
        frame: Frame,
        weight: Image | None = None,
        sky: Image | None = None,
        samples: SamplePoints | None = None,
        reference: Reference | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Prepared:
        """Stretch, downscale and weigh an image, and search for its sky if the settings ask so.

        Parameters
        ----------
        frame : Frame
        weight : Image, of 1 or K channels, in [0, 1], optional
            1 = used. Without it, the thresholds of the settings decide.
        sky : Image, of 1 or K channels, in [0, 1], optional
            1 = sky, whatever it looks like; but what the weight ignores stays ignored.
        samples : SamplePoints, optional
            The sky goes through these and is not searched for; in pixels of ``frame.samples``.
        reference : Reference, optional
            An image of the same sky, whose light is that of objects.
        meanwhile : callable, optional
            Called before the search, which leaves processors idle: it may begin something else.

        Raises
        ------
        InputError
            If the image cannot be stretched, or the weight image, that of the sky, the samples or
            the reference do not fit it.
        SettingsError
            If a weight image is to be inverted and there is none, or samples or a reference and a
            descent are asked for.
        """
        given = {"masked": weight, "sampled": samples, "referenced": reference}
        check_settings(self.settings, **{key: each is not None for key, each in given.items()})
        with self.stages.stage("prepare"):
            reduced = self.reduce(frame)
            known = self.known(reduced, sky)
            used = self.weigh(reduced, weight, known)
            measured = None if samples is None else self.measure_samples(frame, samples, weight)
            copies = None if reference is None else self.align(reduced, reference)
        if meanwhile:
            meanwhile()
        own: Any = {"known": known, "samples": measured, "reference": copies}
        return self.search(reduced, used, masked=weight is not None, **own)

    def reduce(self, frame: Frame) -> Reduced:
        """Measure and downscale an image: all that depends on neither masks nor thresholds.

        The image must not be too small, and must have a range that can be stretched.
        """
        image = frame.image
        factor = self.settings.factor(image.shape)
        # From here on, the factor is known: the report and the history tell it.
        settings = self.settings = replace(self.settings, downscaling_factor=factor)
        check_size(image.shape, settings)
        self.look_at(frame)
        wanted = [0, 0.5, settings.quantile, 1]
        found, small = measured_and_reduced(
            image, wanted, self._stretch_of, factor, settings.block_function, **self._over_pixels
        )
        statistics = found.values()
        own, stretch = self._stretch_of(statistics), Stretch.of(statistics, settings.quantile)
        stretched = small
        if settings.finds_sky:
            stretched = restretched(small, own, stretch, self.backend.kernels)
        measured = measured_of(image, statistics[:, [0, 1, 3]], found)
        return Reduced(frame, factor, measured, own, small, stretch, stretched)

    def known(self, reduced: Reduced, sky: Image | None) -> np.ndarray | None:
        """How much of each down-scaled pixel is known to be sky, (h, w), float32, in [0, 1].

        None without an image of it, of 1 or K channels, in [0, 1], which must fit.
        """
        return search_input.known(reduced, sky, self.settings, **self._over_pixels)

    def weigh(
        self, reduced: Reduced, weight: Weight = None, known: np.ndarray | None = None
    ) -> np.ndarray:
        """How much of each down-scaled pixel may be used: (h, w, K), float32, in [0, 1].

        Parameters
        ----------
        reduced : Reduced
        weight : Image, of 1 or K channels, or ndarray, (h, w), in [0, 1], optional
            1 = used; at full resolution, or on the grid of the fit. Without it, the thresholds of
            the settings decide.
        known : ndarray, (h, w), in [0, 1], optional
            See `known`: thresholds do not ignore it.

        Raises
        ------
        InputError
            If the weight image does not fit the image, or if that or the border leaves none of it.
        """
        return search_input.usable(reduced, weight, known, self.settings, **self._over_pixels)

    def measure_samples(
        self, frame: Frame, samples: SamplePoints, weight: Image | None = None
    ) -> MeasuredSamples:
        """The levels of samples, of which one must lie in the image, where a weight is not 0."""
        return search_input.measured_samples(frame, samples, weight, self.settings)

    def align(self, reduced: Reduced, reference: Reference) -> Copies:
        """Bring a reference, which must cover the image, to the grid of the fit."""
        return search_input.aligned(reduced, reference, self.settings, **self._over_pixels)

    def search(
        self,
        reduced: Reduced,
        used: np.ndarray,
        *,
        masked: bool,
        known: np.ndarray | None = None,
        samples: MeasuredSamples | None = None,
        reference: Copies | None = None,
    ) -> Prepared:
        """Search for the sky where the image may be used, if the settings ask so.

        Parameters
        ----------
        reduced : Reduced
            It stays as it is, and may be searched again.
        used : ndarray, (h, w, K), float32, in [0, 1]
            What `weigh` returns; it is overwritten.
        masked : bool
            Whether a mask told it, which is obeyed.
        known : ndarray, (h, w), float32, in [0, 1], optional
            How much of each pixel is known to be sky.
        samples : MeasuredSamples, optional
            The sky goes through these instead.
        reference : Copies, optional
            An image of the same sky on the grid of the fit: see `align`.

        Raises
        ------
        InputError
            If too little of the image, or too few samples, can be used; or if the scale between
            the image and its reference is not determined.
        """
        settings, hard = self.settings, used
        used = search_input.softened(used, known, settings.feather / reduced.factor)
        softened = not np.array_equal(hard, used)
        sky: Sky | None = None
        if samples is not None:
            if known is not None:
                self.warnings.append(UNUSED_SKY)
            with self.stages.stage("protect"):
                sky = search_input.sky_of_samples(samples, reduced, used, settings)
        elif settings.finds_sky:
            with self.stages.stage("protect", MOST_FITS) as advance:
                how = settings, known, reference, advance
                sky = search_input.searched(reduced, used, *how, masked=masked, **self._over_pixels)
                used = sky.weight
        problem = search_input.problem_of(reduced, used, settings)
        own = reduced.frame, reduced.measured, reduced.stretch
        return Prepared(*own, problem, sky, masked, softened)

    @property
    def _over_pixels(self) -> dict[str, Any]:
        return {"threads": self.threads, "kernels": self.backend.kernels}

    def _stretch_of(self, statistics: np.ndarray) -> Stretch:
        """The stretch of the small copy, by its (K, 4) statistics: for a search a linear one."""
        stretch = Stretch.of(statistics, self.settings.quantile)
        return Stretch.linear(statistics) if self.settings.finds_sky else stretch

    def fit(self, prepared: Prepared, *, corrects: bool = True) -> Fitted:
        """Fit: from the prepared problem to the model.

        The model is the sky that was found or, with a number of control points, the end of a
        descent.

        Parameters
        ----------
        prepared : Prepared
        corrects : bool, optional
            Whether an image will be corrected, so that its diagnostics are those of the strength of
            the settings.

        Raises
        ------
        InputError
            If too few pixels are usable.
        BackendError
            If the evaluator fails.
        Cancelled
            If the progress callback asks for it.
        """
        settings, problem = self.settings, prepared.problem
        with self.stages.stage("fit", steps_of(settings)) as advance:
            if settings.control_points:
                stretch = prepared.stretch
                best = fit_spline(problem, settings, self.backend, advance, prepared.found)
            else:
                assert prepared.sky is not None
                stretch = prepared.sky.stretch
                best = fit_of_sky(prepared.sky, problem, self.backend)
            model = BackgroundModel(best.spline, stretch, prepared.frame.image.shape)
            strength = settings.strength if corrects else 1
            diagnostics = diagnose(model, problem, prepared.stretch, prepared.sky, strength)
            opinion = None
            if settings.second_opinion and not settings.control_points:
                opinion = second_opinion(prepared, diagnostics, settings, self.backend, advance)
        return Fitted(model, best, diagnostics, opinion=opinion)

    def look_at(self, frame: Frame) -> None:
        """Warn of a frame that seems to be undebayered, where nothing tells its pattern."""
        if frame.pattern or frame.samples.channels != 1:
            return
        self.looks_undebayered = looks_undebayered(frame.samples)
        if self.looks_undebayered and self.settings.cfa == "auto":
            self.warnings.append(UNTOLD_PATTERN)

    def measure(self, image: Image) -> Measured:
        """Order statistics of an image."""
        found = quantiles(image, LEVELS, self.threads, kernels=self.backend.kernels)
        return measured_of(image, found.values(), found)

    def plan(
        self,
        frame: Frame,
        model: BackgroundModel,
        measured: Measured,
        levels: np.ndarray | None = None,
    ) -> Plan:
        """Render the model once for its statistics, and find the level that is put back.

        Parameters
        ----------
        frame : Frame
        model : BackgroundModel
        measured : Measured
            Statistics of ``frame.image``.
        levels : ndarray, (K, 3), optional
            A guess at minimum, median and maximum of the spline: see `fastbg.fit.Fit.levels`.
        """
        settings, image, kernels = self.settings, frame.image, self.backend.kernels
        with self.stages.stage("render", image.shape[0]) as advance:
            rendered = model.rendered(self.backend, image.shape)
            self._opened.callback(rendered.close)
            background, clamped = levels_of_model(
                *(model, image, rendered, levels, self.backend, self.threads),
                missing=measured.missing,
                advance=advance,
            )
            own: Any = {"kernels": kernels, "strength": settings.strength}
            plain = Correction(image, rendered.linear, settings.mode, background.median, **own)
            correction = with_pedestal(
                plain, settings.pedestal, measured.median, background.median, self.threads
            )
        stored = correction
        if frame.pattern:
            fine = model.rendered_mosaic(self.backend, frame.samples.shape, frame.pattern)
            self._opened.callback(fine.close)
            stored = correction.of_mosaic(frame.samples, fine.linear, frame.pattern)
        return Plan(frame, correction, stored, background, *clamped)

    def correct(self, plan: Plan, store: Store, clipped: bool = False) -> Corrected:
        """Take the background out, band by band.

        Parameters
        ----------
        plan : Plan
        store : callable
            Gets every row once, (K, n, W) each.
        clipped : bool, optional
            Whether what `store` writes is clipped to [0, 1].
        """
        with self.stages.stage("correct", plan.stored.image.shape[0]) as advance:
            return take_out(plan, store, clipped, self.threads, self.backend.kernels, advance)

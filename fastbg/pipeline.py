"""The whole job, in the order in which it happens.

    read -> stretch -> downscale -> weigh -> protect -> fit -> render -> correct -> write

A `Job` carries it: `Job.prepare` goes as far as the weights and the sky, `Job.fit` makes the model,
`Job.plan` measures it and finds the level that is put back, and `Job.correct` takes it out of the
image. `fastbg.jobs` has the jobs that users start, on arrays and on files. No stage needs the whole
image in memory: all but the fit go over it in bands of rows (`fastbg.image.bands`).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from .backends.registry import choose
from .checks import UNTOLD_PATTERN, check_settings, check_size, check_used
from .diagnostics import diagnose
from .fit import fit_of_sky, fit_spline
from .image.downscale import BELOW, block_centres, measured_and_reduced, restretched
from .image.frame import Frame
from .image.image import Image
from .image.kernels import ABOVE_1, NEGATIVE
from .image.order_statistics import (
    quantiles,
)
from .image.stretch import Stretch
from .image.undebayered import looks_undebayered
from .image.weights import (
    feathered,
    inverted,
    weight_from_image,
    weight_from_thresholds,
    without_border,
)
from .levels import LEVELS, around, levels_in_few_rows, measured_of
from .model.correction import Correction, with_pedestal
from .model.model import BackgroundModel
from .model.render import Rendered
from .opinion import DESCENTS, second_opinion
from .progress import ProgressCallback, Stages
from .result import Corrected, Fitted, Measured, Plan, Prepared, Reduced
from .samples.points import SamplePoints
from .samples.sky import MeasuredSamples, sky_through
from .settings.settings import Settings
from .sky.detection import Sky
from .sky.edges import placed
from .sky.panels import detect_panels
from .sky.seams import find_seams, seams_at
from .sky.selection import MOST_FITS
from .spline.loss import Problem
from .spline.panels import Seam
from .take_out import Store, take_out


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

        Raises
        ------
        InputError
            If the image cannot be stretched, or the weight image, that of the sky or the samples do
            not fit it.
        SettingsError
            If a weight image is to be inverted and there is none, or samples and a descent are
            asked for.
        """
        check_settings(self.settings, masked=weight is not None, sampled=samples is not None)
        with self.stages.stage("prepare"):
            reduced = self.reduce(frame)
            known = self.known(reduced, sky)
            used = self.weigh(reduced, weight, known)
            measured = None if samples is None else self.measure_samples(frame, samples, weight)
        masked = weight is not None
        return self.search(reduced, used, masked=masked, known=known, samples=measured)

    def reduce(self, frame: Frame) -> Reduced:
        """Measure and downscale an image: all that depends on neither masks nor thresholds.

        Raises
        ------
        InputError
            If the image cannot be stretched, or is too small.
        """
        image = frame.image
        factor = self.settings.factor(image.shape)
        # From here on, the factor is known: the report and the history tell it.
        settings = self.settings = replace(self.settings, downscaling_factor=factor)
        check_size(image.shape, settings)
        self.look_at(frame)
        wanted = [0, 0.5, settings.quantile, 1]
        found, small = measured_and_reduced(
            image, wanted, self._stretch_of, factor, self._block_function, **self._over_pixels
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

        None without an image of it, ``sky``, of 1 or K channels, in [0, 1].

        Raises
        ------
        InputError
            If that does not fit the image.
        """
        return None if sky is None else self._of_blocks(sky, reduced, "sky").mean(axis=2)

    def _of_blocks(self, weight: Image, reduced: Reduced, name: str) -> np.ndarray:
        """A weight image on the grid of the fit, 0 where the image is missing."""
        shape, blocks = reduced.frame.image.shape, (reduced.factor, self._block_function)
        return weight_from_image(
            weight, shape, reduced.stretched, *blocks, **self._over_pixels, name=name
        )

    def weigh(
        self, reduced: Reduced, weight: Image | None = None, known: np.ndarray | None = None
    ) -> np.ndarray:
        """How much of each down-scaled pixel may be used: (h, w, K), float32, in [0, 1].

        Parameters
        ----------
        reduced : Reduced
        weight : Image, of 1 or K channels, in [0, 1], optional
            1 = used. Without it, the thresholds of the settings decide.
        known : ndarray, (h, w), in [0, 1], optional
            See `known`: thresholds do not ignore it.

        Raises
        ------
        InputError
            If the weight image does not fit the image, or if that or the border leaves none of it.
        """
        settings, stretched = self.settings, reduced.stretched
        if weight is None:
            low, high = settings.threshold_min, settings.threshold_max
            used = weight_from_thresholds(stretched, low, high)
            if known is not None:
                used = np.maximum(used, known[..., np.newaxis] * ~np.isnan(stretched))
        else:
            weight = inverted(weight) if settings.invert_mask else weight
            used = self._of_blocks(weight, reduced, "mask")
        check_used(used, settings, masked=weight is not None)
        stored = reduced.frame.samples.shape
        block = reduced.factor * (2 if reduced.frame.pattern else 1)
        return without_border(used, settings.sides, stored, block)

    def measure_samples(
        self, frame: Frame, samples: SamplePoints, weight: Image | None = None
    ) -> MeasuredSamples:
        """The levels of samples, in pixels of ``frame.samples``, where a weight image is not 0.

        Raises
        ------
        InputError
            If none of them lies in the image.
        """
        if weight is not None and self.settings.invert_mask:
            weight = inverted(weight)
        # Of a mosaic, superpixels are fitted.
        samples = samples.binned(2) if frame.pattern else samples
        return MeasuredSamples.of(frame.image, samples, weight)

    def search(
        self,
        reduced: Reduced,
        used: np.ndarray,
        *,
        masked: bool,
        known: np.ndarray | None = None,
        samples: MeasuredSamples | None = None,
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

        Raises
        ------
        InputError
            If too little of the image, or too few samples, can be used.
        """
        settings, frame, stretched = self.settings, reduced.frame, reduced.stretched
        hard, used = used, feathered(used, settings.feather / reduced.factor)
        softened = not np.array_equal(hard, used)
        if known is not None:
            used = np.maximum(used, hard * known[..., np.newaxis])
        y, x = (block_centres(size, reduced.factor) for size in frame.image.shape)
        sky: Sky | None = None
        if samples is not None:
            with self.stages.stage("protect"):
                found = reduced.small, used, y, x, reduced.own
                sky = sky_through(
                    *(samples, *found),
                    smoothing=None if settings.smoothing == "auto" else settings.smoothing,
                    protection=settings.protect,
                )
        elif settings.finds_sky:
            seams = self._seams(frame, reduced.small, used)
            with self.stages.stage("protect", MOST_FITS) as advance:
                how = settings.protection(masked=masked)
                sky = detect_panels(
                    *(reduced.small, used, y, x, reduced.own, how, seams, advance),
                    given=settings.seams != "auto",
                    known=known,
                    flexibility=settings.flexibility,
                    **self._over_pixels,
                )
                used = sky.weight
        # Cells of the mesh have medians where single blocks have none.
        clipped = stretched == BELOW
        if clipped.any():
            stretched = np.where(clipped, np.float32(np.nan), stretched)
            used = np.where(clipped, np.float32(0), used)
        problem = Problem(stretched, used, y, x, settings.order, settings.alpha)
        return Prepared(frame, reduced.measured, reduced.stretch, problem, sky, masked, softened)

    @property
    def _block_function(self) -> str:
        """The value of a block; for a search, a median that tells more of integers."""
        function: str = self.settings.downscaling_func
        # A descent fits what its reference fits.
        return "grouped median" if function == "median" and self.settings.finds_sky else function

    @property
    def _over_pixels(self) -> dict[str, Any]:
        return {"threads": self.threads, "kernels": self.backend.kernels}

    def _seams(self, frame: Frame, small: np.ndarray, used: np.ndarray) -> list[Seam]:
        """The seams of the image, if it is to be fitted panel by panel."""
        wanted = self.settings.seams
        if self.settings.control_points or wanted == "off":
            return []
        if wanted != "auto":
            return seams_at(wanted, frame.samples.shape)
        image = frame.image
        return placed(find_seams(small, used), image, self.settings.factor(image.shape))

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
        steps = settings.epochs * settings.starts if settings.control_points else 1
        if settings.second_opinion and not settings.control_points:
            steps = DESCENTS * settings.epochs * settings.starts
        with self.stages.stage("fit", steps) as advance:
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
        guess = None if levels is None else around(levels)
        with self.stages.stage("render", image.shape[0]) as advance:
            rendered = self._rendered(model, image.shape)
            found = levels_in_few_rows(
                model, image, guess, self.backend, self.threads, whole=measured.missing == 0
            )
            if found is None:
                stretched = rendered.stretched
                found = quantiles(stretched, LEVELS, self.threads, image, guess, advance, kernels)
            # The inverse stretch is monotone: order statistics may pass it instead of all samples.
            statistics = found.values(lambda pairs: model.stretch.invert(pairs, kernels)[0])
            low, middle, high = statistics.T
            background = Measured(low, middle, high, measured.missing)
            plain = Correction(
                *(image, rendered.linear, settings.mode, background.median),
                kernels=kernels,
                strength=settings.strength,
            )
            correction = with_pedestal(
                plain, settings.pedestal, measured.median, background.median, self.threads
            )
        stored = correction
        if frame.pattern:
            fine = model.rendered_mosaic(self.backend, frame.samples.shape, frame.pattern)
            self._opened.callback(fine.close)
            stored = correction.of_mosaic(frame.samples, fine.linear, frame.pattern)
        clamped = found.total(NEGATIVE), found.total(ABOVE_1)
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

    def _rendered(self, model: BackgroundModel, shape: tuple[int, int]) -> Rendered:
        rendered = model.rendered(self.backend, shape)
        self._opened.callback(rendered.close)
        return rendered

"""The image of a session: opened and reduced once, and fitted as often as the document changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_settings, check_size
from ..errors import InputError, SettingsError
from ..image.image import Image
from ..io.orientation import Turn
from ..jobs.arguments import GivenSamples, Masks
from ..jobs.outputs import Outputs
from ..jobs.source import Source, read
from ..model.correction import Correction
from ..model.render import Rendered
from ..pipeline import Job
from ..progress import Progress
from ..result import Fitted, Prepared, Reduced
from ..result import Preparation as Summary
from ..samples.grid import Ground
from ..settings.settings import Settings
from .document import Document, job_settings
from .layers import Grid, Painted
from .pictures import presentable
from .prepared import Preparation

HALF = 0.5
"""What a mask leaves less of is no sky."""

ALL_OR_NOTHING = (
    "some weights of the mask lie between 0 and 1: the page takes each cell of the fit whole, "
    "where it has half its weight or more, or not at all; fastbg run honours such weights"
)
"""The warning of a mask that cannot be painted as it is."""

MOST_CELLS = 1 << 22
"""Cells of a grid on which the page can fit; more would take too much memory for it."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """A fit of the document.

    Attributes
    ----------
    revision : int
        Of the document.
    seconds : float
    settings : Settings
        With the downscaling factor that "auto" has become.
    reduced, prepared, preparation, fitted
        As a job has them.
    correction : Correction
        How the model is taken out; its images can no longer be read.
    background : ndarray, (K, h, w), float32, linear
        The model on the grid of the fit.
    """

    revision: int
    seconds: float
    settings: Settings
    reduced: Reduced
    prepared: Prepared
    preparation: Summary
    fitted: Fitted
    correction: Correction
    background: np.ndarray


class Engine:
    """An opened image.

    Parameters
    ----------
    path : Path
    settings : Settings
    masks, sky : paths, optional
        What is not sky and what is, as a job is given it; see `first`.
    samples : path, optional
        Sample points.

    Attributes
    ----------
    path : Path
    warnings : list of str
        Lines about the file.
    source : Source
        The opened file.

    Raises
    ------
    InputError, SettingsError
        If it cannot be used.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        masks: Masks = None,
        sky: Masks = None,
        samples: GivenSamples = None,
    ) -> None:
        self.path = path
        self.warnings: list[str] = []
        with ExitStack() as files:
            self.source = self._opened(files, settings, masks, sky, samples)
            self._files = files.pop_all()
        self._preparation = Preparation(self.source.frame)
        self._state = _state(path)

    def close(self) -> None:
        """Close the image."""
        self._files.close()

    def check_unchanged(self) -> None:
        """Raise InputError if the file is no longer what was opened."""
        try:
            same = _state(self.path) == self._state
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be found any more ({error.strerror}): put it back"
            ) from error
        if not same:
            raise InputError(
                f"{self.path} was changed since it was opened: start fastbg live again to see it"
            )

    @property
    def image(self) -> Image:
        """The image as it is shown: in colours, with its border."""
        frame = self.source.frame
        return frame.by_colour(frame.whole or frame.samples)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels of the file: of a mosaic, those of the mosaic."""
        return self.source.frame.samples.shape

    @property
    def unit(self) -> int:
        """Pixels of the file along the side of a pixel of the image in colours."""
        return 2 if self.source.frame.pattern else 1

    @property
    def turn(self) -> Turn:
        """The turn between the image as it is shown and as the file stores it."""
        return self.source.file.turn

    def grid(self, settings: Settings) -> Grid:
        """The cells of a fit.

        Raises
        ------
        SettingsError
            If there are more than can be fitted while one waits.
        """
        shape = self.source.frame.image.shape
        factor = settings.factor(shape)
        check_size(shape, settings)
        h, w = (-(-size // factor) for size in shape)
        if h * w > MOST_CELLS:
            raise SettingsError(
                f"a downscaling factor of {factor} leaves {w} x {h} pixels, too many to be fitted "
                "while you wait: choose a larger one here, or run the command line"
            )
        return Grid((h, w), factor * self.unit)

    def first(self, settings: Settings) -> Document:
        """What a session begins with: the settings, and the masks as if they had been painted.

        Raises
        ------
        InputError, SettingsError
            If a mask does not fit the image, or the grid is too large.
        """
        grid = self.grid(settings)
        painted = Painted.nothing(grid)
        source = self.source
        weight, sky = source.drawn
        check_settings(settings, masked=weight is not None, sampled=source.points is not None)
        with Job(settings) as job:
            reduced = self._preparation.reduce(job) if weight or sky else None
            if reduced and sky and (known := job.known(reduced, sky)) is not None:
                painted = painted.with_cells("sky", known >= HALF)
            if reduced and weight:
                used = job.weigh(reduced, weight)
                if ((used > 0) & (used < 1)).any():
                    self.warnings.append(ALL_OR_NOTHING)
                masked = used.min(axis=2) < HALF
                seen = ~np.isnan(reduced.stretched).any(axis=2)
                painted = painted.with_cells("not_sky", masked & seen)
        settings = replace(settings, invert_mask=False)
        points = source.points
        samples = () if points is None else tuple(map(tuple, points.rows.tolist()))
        return Document(settings, painted.packed(), samples)

    def fit(
        self,
        document: Document,
        painted: Painted,
        revision: int = 0,
        watch: Callable[[Progress], object] | None = None,
    ) -> Outcome:
        """What a job would find with this document and these layers, which may be newer.

        Raises
        ------
        InputError, SettingsError, BackendError
            As a job does.
        Cancelled
            If `watch` asks for it.
        """
        started = time.perf_counter()
        with Job(job_settings(document, painted), watch) as job:
            samples = document.samples if document.use_samples else ()
            prepared = self._preparation.prepare(job, painted, samples)
            reduced = self._preparation.reduce(job)
            fitted = job.fit(prepared)
            plan = job.plan(reduced.frame, fitted.model, prepared.measured, fitted.fit.levels)
            background = _rendered(job, prepared, fitted)
            seconds = time.perf_counter() - started
            own = reduced, prepared, prepared.preparation(), fitted, plan.correction, background
            return Outcome(revision, seconds, job.settings, *own)

    def ground(self, document: Document, painted: Painted) -> Ground:
        """Where the sky is dark; see `Preparation.ground`."""
        with Job(job_settings(document, painted)) as job:
            return self._preparation.ground(job, painted)

    def probe(self, outcome: Outcome, x: float, y: float) -> dict[str, Any]:
        """The exact values of all views at the pixel under a point.

        Returns
        -------
        dict
            ``original``, ``model``, ``corrected`` and ``uncertainty``, K numbers each, linear, and
            ``weight``; NaN = missing.

        Raises
        ------
        InputError
            If the point lies outside of the image, or the image cannot be read any more.
        """
        image, problem = self.image, outcome.prepared.problem
        row, column = int(y // self.unit), int(x // self.unit)
        if not (0 <= row < image.shape[0] and 0 <= column < image.shape[1]):
            raise InputError("that place lies outside of the image")
        place = np.array([(row + 0.5) / image.shape[0], (column + 0.5) / image.shape[1]])
        own = image.rows(slice(row, row + 1))[:, :, column : column + 1].copy()
        model = outcome.fitted.model.evaluate(place).astype(np.float32).reshape(own.shape)
        pixel, background = _pixel(own), _pixel(model)
        correction = replace(outcome.correction, image=pixel, background=background)
        corrected = correction.read(slice(0, 1), np.empty((3, *own.shape), np.float32))[2]
        uncertainty = outcome.fitted.diagnostics.uncertainty
        cell = _index(place, uncertainty.shape)
        weight = problem.weight[_index(place, problem.weight.shape)]
        views = {"original": own, "model": model, "corrected": corrected}
        shown = {name: presentable(each).ravel().tolist() for name, each in views.items()}
        return {**shown, "uncertainty": uncertainty[cell].tolist(), "weight": float(weight.max())}

    def _opened(
        self,
        files: ExitStack,
        settings: Settings,
        masks: Masks,
        sky: Masks,
        samples: GivenSamples,
    ) -> Source:
        with Job(settings) as job:
            none = Outputs({}, overwrite=False)
            source = read(job, self.path, masks, sky, none, files, samples=samples)
            self.warnings = [*job.warnings]
        return source


def _rendered(job: Job, prepared: Prepared, fitted: Fitted) -> np.ndarray:
    """The model on the grid of the fit, (K, h, w), float32, linear."""
    model, problem = fitted.model, prepared.problem
    rendering = Rendered(job.backend, model.spline, model.stretch, problem.y, problem.x)
    with closing(rendering):
        return rendering.linear.planes()


def _state(path: Path) -> tuple[int, ...]:
    """What changes when a file is written, or replaced by another one."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _pixel(values: np.ndarray) -> Image:
    """An image of one pixel, (K, 1, 1)."""
    return Image(len(values), (1, 1), lambda rows, out: values)


def _index(place: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int]:
    """The row and the column of a normalised place in an array."""
    row, column = (
        min(int(part * size), size - 1) for part, size in zip(place, shape[:2], strict=True)
    )
    return row, column

"""The image of a session: opened and reduced once, and fitted as often as the document changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import SettingsError
from ..image.image import Image
from ..io.orientation import Turn
from ..jobs.outputs import Outputs
from ..jobs.source import Source, read
from ..model.render import Rendered
from ..pipeline import Job
from ..progress import Progress
from ..result import Fitted, Preparation, Prepared, Reduced
from ..settings.settings import Settings
from .document import Document
from .layers import Grid, Painted

MOST_CELLS = 1 << 22
"""Cells of a grid on which the page can fit; more would take too much memory for it."""

OF_THE_READING = ("white", "cfa")
"""Settings with which an image is opened."""


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
    level : ndarray, (K,), linear
        The level that is put back: nearly that of a job, which measures more of the model.
    warnings : list of str
        Lines of the job.
    """

    revision: int
    seconds: float
    settings: Settings
    reduced: Reduced
    prepared: Prepared
    preparation: Preparation
    fitted: Fitted
    level: np.ndarray
    warnings: list[str]


class Engine:
    """An opened image.

    Parameters
    ----------
    path : Path
    settings : Settings

    Raises
    ------
    InputError, SettingsError
        If it cannot be used.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._files = ExitStack()
        self._read_with: Settings | None = None
        self._reduced: dict[tuple[object, ...], Reduced] = {}
        self.warnings: list[str] = []
        self.source = self._opened(settings)

    def close(self) -> None:
        """Close the image."""
        self._files.close()

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
        h, w = (-(-size // factor) for size in shape)
        if h * w > MOST_CELLS:
            raise SettingsError(
                f"a downscaling factor of {factor} leaves {w} x {h} pixels, too many to be fitted "
                "while you wait: choose a larger one here, or run the command line"
            )
        return Grid((h, w), factor * self.unit)

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
        with Job(document.settings, watch) as job:
            reduced = self._reduce(job)
            masked, used = self._weight(job, reduced, painted)
            prepared = job.search(reduced, used, masked=masked)
            fitted = job.fit(prepared)
            level = fitted.model.stretch.invert(fitted.fit.levels)[0][:, 1]
            seconds = time.perf_counter() - started
            own = reduced, prepared, prepared.preparation(), fitted, level, [*job.warnings]
            return Outcome(revision, seconds, job.settings, *own)

    def render(self, outcome: Outcome) -> np.ndarray:
        """The model on the grid of the fit, (K, h, w), float32, linear."""
        model, problem = outcome.fitted.model, outcome.prepared.problem
        with Job(outcome.settings) as job:
            rendering = Rendered(job.backend, model.spline, model.stretch, problem.y, problem.x)
            with closing(rendering):
                return rendering.linear.planes()

    def _reduce(self, job: Job) -> Reduced:
        """`Job.reduce`, once for all settings that make no difference to it."""
        own = job.settings
        shape = self.source.frame.image.shape
        key = own.factor(shape), own.downscaling_func, own.quantile, own.finds_sky
        if key not in self._reduced:
            self._reduced.clear()
            self._reduced[key] = job.reduce(self.source.frame)
        reduced = self._reduced[key]
        job.settings = replace(own, downscaling_factor=reduced.factor)
        return reduced

    def _weight(self, job: Job, reduced: Reduced, painted: Painted) -> tuple[bool, np.ndarray]:
        """`Job.weigh` with the painted layer as the mask that it is exported as."""
        if not painted.not_sky.any():
            return False, job.weigh(reduced)
        missing = np.isnan(reduced.stretched)
        return True, np.where(missing | painted.not_sky[..., None], np.float32(0), np.float32(1))

    def _opened(self, settings: Settings) -> Source:
        with Job(settings) as job:
            none = Outputs({}, overwrite=False)
            source = read(job, self.path, None, none, self._files)
            self.warnings = [*job.warnings]
        return source

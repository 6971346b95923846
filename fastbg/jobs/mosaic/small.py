"""The small copies of the images of a mosaic: how workers make them, and how they are read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...checks import check_settings
from ...image.downscale import block_centres, restretched
from ...image.frame import Frame
from ...image.stretch import Stretch
from ...io import atomic
from ...mosaic.cells import Panel
from ...pipeline import Job
from ...progress import ProgressCallback
from ...result import Measured, Prepared, Reduced
from ...search_input import objects_of, problem_of, softened
from ...sky.detection import Sky
from ..batch.tasks import Task
from ..outputs import Outputs
from ..source import errors_of, read
from ..together.small import opened, small_file

FOLDER = ".fastbg-mosaic"
"""The folder of the small copies, in that of the outputs."""

SETTINGS = (
    *("white", "cfa", "downscaling_factor", "downscaling_func", "quantile", "backend"),
    *("threshold_min", "threshold_max", "invert_mask", "border", "catalogue", "protect_at"),
)
"""The settings on which small copies depend."""


@dataclass(frozen=True)
class Reducing(Task):
    """The task of a worker: the small copy of an image."""

    def process(self, progress: ProgressCallback, *, overwrite: bool) -> dict[str, Any]:
        output = small_file(self.path, self.folder)
        atomic.check_targets([output], overwrite=overwrite, inputs=[self.path])
        with Job(self.settings, progress) as job, ExitStack() as files:
            own: Any = {"max_memory": self.max_memory, "fits": False, "corrects": False}
            outputs = Outputs({}, overwrite=overwrite)
            source = read(job, self.path, self.masks, self.sky, outputs, files, **own)
            with job.stages.stage("prepare"), errors_of(source):
                weight, sky = source.drawn
                check_settings(job.settings, masked=weight is not None, sampled=False)
                reduced = job.reduce(source.frame)
                known = job.known(reduced, sky)
                used = job.weigh(reduced, weight, known)
            source.check_unchanged()
            white = source.file.white
            guessed = white.value if white and white.how == "guessed" else 0.0
            found = SmallCopy(
                shape=source.frame.image.shape,
                factor=reduced.factor,
                small=reduced.small,
                own=reduced.own,
                stretch=reduced.stretch,
                measured=reduced.measured,
                used=used,
                known=known,
                objects=objects_of(reduced, known),
                masked=weight is not None,
                white=guessed,
            )
            files.enter_context(job.stages.stage("write"))
            (part,) = files.enter_context(atomic.staged([output], overwrite=True))
            with open(part, "wb") as file:
                np.savez(file, **found.arrays())
        return {"input": str(self.path), "outputs": {"small": str(output)}, "doubts": []}


@dataclass(frozen=True, eq=False)
class SmallCopy:
    """The small copy of an image, with what may be used of it.

    Attributes
    ----------
    shape : (H, W)
        That of the image, as it is fitted.
    factor, small, own, stretch, measured
        Those of `Reduced`.
    used : ndarray, (h, w, K), in [0, 1]
        How much of each down-scaled pixel may be used.
    known : ndarray, (h, w), or None
        How much of it is known to be sky.
    objects : ndarray, (h, w), bool, or None
        Which ones are objects that are known from the start.
    masked : bool
    white : float
        What was guessed for the white of the image: see `fastbg.io.white`.
    """

    shape: tuple[int, int]
    factor: int
    small: np.ndarray
    own: Stretch
    stretch: Stretch
    measured: Measured
    used: np.ndarray
    known: np.ndarray | None
    objects: np.ndarray | None
    masked: bool
    white: float

    def arrays(self) -> dict[str, Any]:
        """What a file of it holds."""
        found: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, Stretch | Measured):
                found |= {f"{name}.{part}": each for part, each in vars(value).items()}
            elif value is not None:
                found[name] = value
        return found

    @classmethod
    def read(cls, path: Path) -> SmallCopy:
        """That in a file; raises InputError if it is damaged."""
        with opened(path) as file:
            held: dict[str, Any] = {name: file[name] for name in file.files}
            parts: dict[str, dict[str, Any]] = {"own": {}, "stretch": {}, "measured": {}}
            for name in [each for each in held if "." in each]:
                whole, part = name.split(".")
                value = held.pop(name)
                parts[whole][part] = value if value.ndim else value.item()
            height, width = held.pop("shape").tolist()
            plain = {name: held.pop(name).item() for name in ("factor", "masked", "white")}
            return cls(
                shape=(height, width),
                own=Stretch(**parts["own"]),
                stretch=Stretch(**parts["stretch"]),
                measured=Measured(**parts["measured"]),
                **{"known": None, "objects": None, **plain, **held},
            )

    @property
    def centres(self) -> tuple[np.ndarray, np.ndarray]:
        """The normalised coordinates of the rows and of the columns."""
        height, width = self.shape
        return block_centres(height, self.factor), block_centres(width, self.factor)

    @property
    def linear(self) -> np.ndarray:
        """(h, w, K): in linear units; NaN where it is unknown."""
        planes = np.moveaxis(self.small, 2, 0)
        values = self.own.invert(planes)[0]
        return np.moveaxis(np.where(np.isfinite(planes), values, np.nan), 0, 2)

    def weight(self, feather: float) -> np.ndarray:
        """(h, w), in [0, 1]: how much of each pixel may be sky, by the softness of a mask."""
        weight: np.ndarray = softened(self.used, self.known, feather / self.factor).mean(axis=2)
        return weight

    def panel(self, places: tuple[np.ndarray, np.ndarray], feather: float) -> Panel:
        """The panel, at places on a plane."""
        own = self.linear, self.weight(feather), places, *self.centres
        return Panel.of(*own, self.known, self.objects)

    def reduced(self, job: Job, frame: Frame) -> Reduced:
        """The same as a job makes it of a frame."""
        job.settings = replace(job.settings, downscaling_factor=self.factor)
        stretched = restretched(self.small, self.own, self.stretch, job.backend.kernels)
        own = self.measured, self.own, self.small, self.stretch, stretched
        return Reduced(frame, self.factor, *own)

    def prepared(self, job: Job, reduced: Reduced, sky: Sky) -> Prepared:
        """The problem that was fitted, with the sky that was found."""
        problem = problem_of(reduced, sky.weight, job.settings)
        own = reduced.frame, self.measured, self.stretch
        return Prepared(*own, problem, sky, self.masked)

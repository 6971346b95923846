"""The small copies of frames on one grid: how workers make them, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...coordinates.aligned import aligned
from ...errors import InputError
from ...image.image import Image
from ...io import atomic
from ...io.names import default_name
from ...pipeline import Job
from ...progress import ProgressCallback
from ...result import Measured
from ..batch.tasks import Task
from ..outputs import Outputs
from ..source import errors_of, read
from .placing import Canvas, look

FOLDER = ".fastbg-together"
"""The folder of the small copies, in that of the outputs."""

SATURATED = 0.9
"""A block may hold a saturated star, and tells no scale, with a sample above this part of the way
from the median of the frame to its largest sample."""

MARK = np.float32(1e30)
"""Stands for such a sample, so that the mean of its block stands out."""


@dataclass(frozen=True)
class Reducing(Task):
    """The task of a worker: the small copy of a frame.

    Attributes
    ----------
    canvas : Canvas
    """

    canvas: Canvas = None  # type: ignore[assignment]

    def absolute(self) -> Task:
        found = super().absolute()
        assert isinstance(found, Reducing)
        target = found.canvas.target.absolute()
        return replace(found, canvas=replace(found.canvas, target=target))

    def process(self, progress: ProgressCallback, *, overwrite: bool) -> dict[str, Any]:
        output = small_file(self.path, self.folder)
        settings, canvas = self.settings, self.canvas
        atomic.check_targets([output], overwrite=overwrite, inputs=[self.path])
        with Job(settings, progress) as job, ExitStack() as files:
            outputs = Outputs({}, overwrite=overwrite)
            source = read(job, self.path, None, None, outputs, files, corrects=False)
            image = source.frame.image
            over: Any = {"threads": job.threads, "kernels": job.backend.kernels}
            with job.stages.stage("prepare"), errors_of(source):
                measured = job.measure(image)
                fields = look(canvas.target, settings).field, look(self.path, settings).field
                where = canvas.mapping(*fields), canvas.shape, canvas.factor
                medians = aligned(image, *where, function=settings.block_function, **over)
                low, high = measured.median, measured.maximum
                marked = _marked(image, low + SATURATED * (high - low))
                means = aligned(marked, *where, function="mean", **over)
            source.check_unchanged()
            files.enter_context(job.stages.stage("write"))
            (part,) = files.enter_context(atomic.staged([output], overwrite=True))
            with open(part, "wb") as file:
                np.savez(file, means=means, medians=medians, **_numbers(measured))
        return {"input": str(self.path), "outputs": {"small": str(output)}, "doubts": []}


def _marked(image: Image, bright: np.ndarray) -> Image:
    """The image with `MARK` where a sample exceeds a level, (K,)."""
    level = bright.astype(np.float32)[:, np.newaxis, np.newaxis]

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band, out = image.read(rows, out), out[:, : rows.stop - rows.start]
        if band is not out:
            np.copyto(out, band)
        np.copyto(out, MARK, where=out > level)
        return out

    return replace(image, read=read)


def _numbers(measured: Measured) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in vars(measured).items()}


def small_file(path: Path, folder: Path) -> Path:
    """The file of the small copy of a frame."""
    return default_name(path, folder, "small", ".npz")


@dataclass(frozen=True, eq=False)
class Copies:
    """The small copies of all frames, in files of which one channel is read at a time.

    Attributes
    ----------
    files : sequence of Path
    """

    files: Sequence[Path]

    def means(self, channel: int) -> np.ndarray:
        """(n, h w), float32, linear: means of blocks; NaN = missing, or a saturated star there."""
        found = self._all("means", channel)
        bright = (found > MARK / 2**32).any(axis=0)
        found[:, bright] = np.nan
        return found

    def medians(self, channel: int, used: np.ndarray) -> np.ndarray:
        """(n, h w), float32, linear: the medians of the blocks of some of the frames."""
        return self._all("medians", channel, used)

    def measured(self, number: int) -> Measured:
        """Statistics of a frame at full resolution."""
        with np.load(self.files[number]) as file:
            own = {name: file[name] for name in ("minimum", "median", "maximum")}
            return Measured(**own, missing=int(file["missing"]))

    def _all(self, name: str, channel: int, used: np.ndarray | None = None) -> np.ndarray:
        planes = []
        for number, path in enumerate(self.files):
            if used is not None and not used[number]:
                continue
            try:
                with np.load(path) as file:
                    planes.append(np.moveaxis(file[name], 2, 0)[channel].ravel())
            except (OSError, ValueError, KeyError) as error:
                raise InputError(f"{path} is damaged ({error}): remove it and run again") from error
        return np.array(planes, np.float32)

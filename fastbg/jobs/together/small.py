"""The small copies of frames on one grid: how workers make them, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ...checks import check_size
from ...coordinates.aligned import aligned
from ...coordinates.mapping import Mapping
from ...coordinates.window import values_of_blocks
from ...errors import InputError
from ...image.bands import row_bands
from ...image.blocks import over_blocks
from ...image.image import Image
from ...image.order_statistics import Quantiles, count_pass, guess_quantiles, search
from ...image.stretch import check_range
from ...io import atomic
from ...io.names import default_name
from ...levels import LEVELS, measured_of
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
            with job.stages.stage("prepare"), errors_of(source):
                check_size(source.frame.image.shape, settings)
                fields = look(canvas.target, settings).field, look(self.path, settings).field
                found = reduced(job, source.frame.image, canvas, canvas.mapping(*fields))
            source.check_unchanged()
            white = source.file.white
            guessed = white.value if white and white.how == "guessed" else 0.0
            files.enter_context(job.stages.stage("write"))
            (part,) = files.enter_context(atomic.staged([output], overwrite=True))
            with open(part, "wb") as file:
                np.savez(file, **found, white=guessed)
        return {"input": str(self.path), "outputs": {"small": str(output)}, "doubts": []}


def reduced(job: Job, image: Image, canvas: Canvas, where: Mapping) -> dict[str, Any]:
    """Statistics, medians and means of an image, by the names that they have in a small copy.

    Raises
    ------
    InputError
        If a channel shows nothing at all: it has no samples, or one value alone.
    """
    if where.how == "same grid":
        measured, medians, means = _in_one_pass(job, image, canvas.factor)
    else:
        grid: Any = where, canvas.shape, canvas.factor
        over: Any = {"threads": job.threads, "kernels": job.backend.kernels}
        measured = job.measure(image)
        medians = aligned(image, *grid, function=job.settings.block_function, **over)
        means = aligned(marked(image, bright(measured)), *grid, function="mean", **over)
    for number, (low, high) in enumerate(zip(measured.minimum, measured.maximum, strict=True), 1):
        check_range(low, high, f"channel {number} of {image.channels}")
    return {"medians": medians, "means": means, **vars(measured)}


def _in_one_pass(job: Job, image: Image, factor: int) -> tuple[Measured, np.ndarray, np.ndarray]:
    """The statistics, medians and means of an image whose blocks are those of the grid."""
    function, kernels = job.settings.block_function, job.backend.kernels
    room = (image.channels, *(-(-size // factor) for size in image.shape))
    medians, means, largest = (np.empty(room, np.float32) for _ in range(3))

    def read(rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        band = image.read(rows, buffers[0])
        own = slice(rows.start // factor, -(-rows.stop // factor))
        medians[:, own] = values_of_blocks(band, factor, function, kernels)
        means[:, own] = values_of_blocks(band, factor, "mean", kernels)
        largest[:, own] = over_blocks(np.fmax, band, factor)
        return band, band

    guess = guess_quantiles(image, LEVELS, job.threads, kernels=kernels)
    found = Quantiles(image.channels, LEVELS, guess, kernels)
    count_pass(found, image, row_bands(image.shape, factor), job.threads, read, 1)
    search(found, image, row_bands(image.shape), job.threads)
    if np.isnan(medians).all():
        raise InputError(
            "is empty: every sample is missing (zero, or not a finite number); leave it out"
        )
    measured = measured_of(image, found.values(), found)
    means[largest > bright(measured)[:, np.newaxis, np.newaxis]] = MARK
    return measured, np.moveaxis(medians, 0, 2), np.moveaxis(means, 0, 2)


def bright(measured: Measured) -> np.ndarray:
    """Above which samples may be saturated: (K,), float32, linear."""
    low, high = measured.median, measured.maximum
    found: np.ndarray = (low + SATURATED * (high - low)).astype(np.float32)
    return found


def marked(image: Image, level: np.ndarray) -> Image:
    """The image with `MARK` where a sample exceeds a level, (K,)."""
    level = level[:, np.newaxis, np.newaxis]

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band, out = image.read(rows, out), out[:, : rows.stop - rows.start]
        if band is not out:
            np.copyto(out, band)
        np.copyto(out, MARK, where=out > level)
        return out

    return replace(image, read=read)


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

    def measured(self, number: int) -> tuple[Measured, float]:
        """Statistics of a frame at full resolution, and what was guessed for its white."""
        with opened(self.files[number]) as file:
            own = {name: file[name] for name in ("minimum", "median", "maximum")}
            return Measured(**own, missing=int(file["missing"])), float(file["white"])

    def _all(self, name: str, channel: int, used: np.ndarray | None = None) -> np.ndarray:
        planes = []
        for number, path in enumerate(self.files):
            if used is not None and not used[number]:
                continue
            with opened(path) as file:
                planes.append(np.moveaxis(file[name], 2, 0)[channel].ravel())
        return np.array(planes, np.float32)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The arrays of a small copy, by their names; raises InputError if the file is damaged."""
    try:
        with np.load(path) as file:
            yield file
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}): remove it and run again") from error

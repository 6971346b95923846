"""A problem that is open on the device: its loss, its gradient, and descents that stay there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numba import cuda

from ..spline.descent import Descent
from ..spline.loss import Problem
from ..spline.objective import Objective
from . import account, adam, direct, tiled
from .descents import Descents
from .device import failures
from .layout import NEGATIVE, RUNNING, USUAL, Chunks, Launch
from .memory import Arrays, DeviceMemory, Holder
from .pixels import Pixels, arrange
from .tiles import Axes


class CudaObjective(Objective):
    """A problem whose pixels lie on the device, or are streamed through it some chunks at a time.

    See `fastbg.spline.objective.Objective`.

    Parameters
    ----------
    problem : Problem
    memory : DeviceMemory
        An evaluation may take all of its budget.
    launch : Launch
    arranged : callable, optional
        See `fastbg.cuda_kernels.pixels.arrange`, which is the default.
    """

    def __init__(
        self,
        problem: Problem,
        memory: DeviceMemory,
        launch: Launch = USUAL,
        arranged: Callable[[Problem, int], Pixels] | None = None,
    ) -> None:
        self.channels, self.launch = problem.channels, launch
        self.alpha = np.float32(problem.alpha)
        self._memory, self._holder = memory, Holder()
        self.pixels = (arranged or arrange)(problem, launch.threads)
        self.cut, self.kept = self.pixels.cut, self.pixels.kept
        self._kernels: Any = tiled if self.cut.axes else direct
        self._passes = self._kernels.passes(problem.order, self.channels, launch.threads)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient, as `fastbg.spline.objective.Objective` says.

        Raises
        ------
        BackendError
            If the device fails, or the budget is too small.
        """
        n = parameters.size
        with np.errstate(over="ignore"):
            single = parameters.astype(np.float32)
        if not np.isfinite(single).all():
            # The hot kernels are compiled for finite numbers.
            return math.nan, np.full(n, math.nan)
        with self.in_use(), failures():
            stream = cuda.stream()
            pixels, work = self.hold(account.of_gradient(self.cut, n))
            work["parameters"].copy_to_device(single[np.newaxis], stream=stream)
            work["ended"].copy_to_device(np.full(1, RUNNING, np.int32), stream=stream)
            self.sweep(work, pixels, stream)
            totals = adam.kernels(self.launch.threads)[0]
            totals[self.columns(n), self.launch.threads, stream](
                work["partials"], self.kept, self.channels, self.alpha, work["out"]
            )
            (out,) = work["out"].copy_to_host(stream=stream)
            stream.synchronize()
        return float(out[-1]), out[:-1]

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Callable[[int, float], None] = lambda iteration, loss: None,
    ) -> list[Descent]:
        """Minimise by Adam from every start, as many side by side as fit into the budget.

        See `fastbg.spline.objective.Objective.descend`.

        Raises
        ------
        BackendError
            If the device fails, or the budget is too small.
        """
        found: list[Descent] = []
        n = starts[0].size
        while len(found) < len(starts):
            left, done = starts[len(found) :], len(found) * iterations
            with self.in_use():
                together = account.starts_together(
                    self.cut, self.channels, n, len(left), iterations, self._memory.budget
                )
                descents = Descents(self, np.array(left[:together]), iterations, learning_rate)
                found += descents.run(partial(_counted, watch, done))
        return found

    def close(self) -> None:
        """Free what it holds of the device's memory; closing it again does nothing."""
        self._memory.close(self._holder)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let this thread alone use the device."""
        with self._memory.used_by(self._holder):
            yield

    def hold(self, work: account.Arrays) -> tuple[Arrays, Arrays]:
        """The pixels on the device, as many chunks as fit beside other arrays, and these arrays.

        The pixels are all there, or they are room to be filled.
        """
        budget = self._memory.budget
        chunks = account.chunks_beside(work, self.cut, self.channels, budget)
        groups, fresh = self._holder.hold(
            self._memory, pixels=account.of_pixels(self.cut, self.channels, chunks), work=work
        )
        pixels = groups["pixels"]
        if "pixels" in fresh:
            for name, values in self.pixels.axes.items():
                pixels[name].copy_to_device(values)
            if chunks == self.cut.chunks:
                pixels["pixels"].copy_to_device(self.pixels.values)
        return pixels, groups["work"]

    def holds_all(self, pixels: Arrays) -> bool:
        """Whether these are all pixels, or room for as many as are streamed at a time."""
        return bool(pixels["pixels"].shape[1] == self.cut.pixels)

    def sweep(self, work: Arrays, pixels: Arrays, stream: Any) -> None:
        """Sum up over all pixels: enqueued, or done where pixels are streamed."""
        first, *again = self._passes
        if self.holds_all(pixels):
            for kernel in self._passes:
                self._pass(kernel, work, pixels, 0, stream)
            return
        self._stream_through(first, work, pixels, stream)
        starts, n = work["parameters"].shape
        negative = [
            work["partials"][start, 0, n + NEGATIVE].copy_to_host(stream=stream)
            for start in range(starts)
        ]
        stream.synchronize()
        if np.any(negative):
            for kernel in again:
                self._stream_through(kernel, work, pixels, stream)

    def columns(self, n: int, starts: int = 1) -> tuple[int, int]:
        """The grid of the kernels that add up chunks."""
        return max(-(-n // adam.PARAMETERS), self.launch.fewest), starts

    def _stream_through(self, kernel: Any, work: Arrays, pixels: Arrays, stream: Any) -> None:
        there = pixels["pixels"]
        width = there.shape[1]
        for first in range(0, self.cut.chunks, width // self.cut.chunk):
            part = self.pixels.values[:, first * self.cut.chunk :][:, :width]
            for row, values in enumerate(part):
                there[row, : values.size].copy_to_device(values, stream=stream)
            self._pass(kernel, work, pixels, first, stream)

    def _pass(self, kernel: Any, work: Arrays, pixels: Arrays, first: int, stream: Any) -> None:
        cut, there = self.cut, pixels["pixels"]
        chunks: list[Any] = [Chunks(there, first, cut.chunk, cut.pixels, self.kept)]
        starts, n = work["parameters"].shape
        if cut.axes:
            chunks.append(Axes(*(pixels[name] for name in Axes._fields)))
        centres = (n - 3 * self.channels) // (2 + self.channels)
        groups = -(-centres // self._kernels.group_size(centres, self.launch.threads))
        present = min(-(-there.shape[1] // cut.chunk), cut.chunks - first)
        grid = (max(present, self.launch.fewest), groups, starts)
        kernel[grid, self.launch.threads, stream](
            *chunks, work["parameters"], self.alpha, work["ended"], work["partials"]
        )


def _counted(watch: Callable[[int, float], None], before: int, done: int, loss: float) -> None:
    watch(before + done, loss)

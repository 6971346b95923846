"""The pixels of a problem on the device, and the sums over them that make its loss and gradient."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
from numba import cuda

from ..spline.loss import Problem
from . import account, adam, direct, tiled
from .layout import NEGATIVE, USUAL, Chunks, Launch
from .memory import Arrays, DeviceMemory, Holder
from .pixels import Pixels, arrange
from .tiles import Axes


class Evaluation:
    """A problem whose pixels lie on the device, or are streamed through it some chunks at a time.

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
        self.memory, self._holder = memory, Holder()
        self.pixels = (arranged or arrange)(problem, launch.threads)
        self.cut, self.kept = self.pixels.cut, self.pixels.kept
        self._kernels: Any = tiled if self.cut.axes else direct
        self._passes = self._kernels.passes(problem.order, self.channels, launch.threads)

    def close(self) -> None:
        """Free what it holds of the device's memory; closing it again does nothing."""
        self.memory.close(self._holder)

    def in_use(self) -> AbstractContextManager[None]:
        """Let this thread alone use the device."""
        return self.memory.used_by(self._holder)

    def hold(self, work: account.Arrays) -> tuple[Arrays, Arrays]:
        """The pixels on the device, as many chunks as fit beside other arrays, and these arrays.

        The pixels are all there, or they are room to be filled.
        """
        budget = self.memory.budget
        chunks = account.chunks_beside(work, self.cut, self.channels, budget)
        groups, fresh = self._holder.hold(
            self.memory, pixels=account.of_pixels(self.cut, self.channels, chunks), work=work
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

    @cached_property
    def stream(self) -> Any:
        """What the device does for this problem happens in the order of this stream."""
        return cuda.stream()

    def evaluate(self, work: Arrays, pixels: Arrays) -> None:
        """Enqueue the loss and its gradient."""
        self.sweep(work, pixels)
        totals = adam.kernels(self.launch.threads)[0]
        totals[self.columns(work["parameters"].shape[1]), self.launch.threads, self.stream](
            work["partials"], self.kept, self.channels, self.alpha, work["out"]
        )

    def sweep(self, work: Arrays, pixels: Arrays) -> None:
        """Sum up over all pixels: enqueued, or done where pixels are streamed."""
        first, *again = self._passes
        if self.holds_all(pixels):
            for kernel in self._passes:
                self._pass(kernel, work, pixels, 0)
            return
        self._stream_through(first, work, pixels)
        starts, n = work["parameters"].shape
        negative = [
            work["partials"][start, 0, n + NEGATIVE].copy_to_host(stream=self.stream)
            for start in range(starts)
        ]
        self.stream.synchronize()
        if np.any(negative):
            for kernel in again:
                self._stream_through(kernel, work, pixels)

    def columns(self, n: int, starts: int = 1) -> tuple[int, int]:
        """The grid of the kernels that add up chunks."""
        return max(-(-n // adam.PARAMETERS), self.launch.fewest), starts

    def _stream_through(self, kernel: Any, work: Arrays, pixels: Arrays) -> None:
        there = pixels["pixels"]
        width = there.shape[1]
        for first in range(0, self.cut.chunks, width // self.cut.chunk):
            part = self.pixels.values[:, first * self.cut.chunk :][:, :width]
            for row, values in enumerate(part):
                there[row, : values.size].copy_to_device(values, stream=self.stream)
            self._pass(kernel, work, pixels, first)

    def _pass(self, kernel: Any, work: Arrays, pixels: Arrays, first: int) -> None:
        cut, there = self.cut, pixels["pixels"]
        chunks: list[Any] = [Chunks(there, first, cut.chunk, cut.pixels, self.kept)]
        starts, n = work["parameters"].shape
        if cut.axes:
            chunks.append(Axes(*(pixels[name] for name in Axes._fields)))
        centres = (n - 3 * self.channels) // (2 + self.channels)
        groups = -(-centres // self._kernels.group_size(centres, self.launch.threads))
        present = min(-(-there.shape[1] // cut.chunk), cut.chunks - first)
        grid = (max(present, self.launch.fewest), groups, starts)
        kernel[grid, self.launch.threads, self.stream](
            *chunks, work["parameters"], self.alpha, work["ended"], work["partials"]
        )

"""The rendering of a spline, planned once and evaluated in bands of rows."""

from __future__ import annotations

import numpy as np
from numba import cuda

from ..spline.spline import Spline
from . import account, render
from .device import failures
from .layout import USUAL, Launch
from .memory import Arrays, DeviceMemory, Holder
from .tile_work import tile_shape
from .tiles import FAR, Axes, axis_arrays


class CudaRendering:
    """A spline and a grid on the device, and room for some rows of its values.

    See `fastbg.backends.protocol.Rendering`.

    Parameters
    ----------
    spline : Spline
    y, x : ndarray, (H,) and (W,), float64, normalised
        The coordinates of all rows and columns.
    memory : DeviceMemory
    launch : Launch
    far_from : float
        See `fastbg.cuda_kernels.forward.near_field`.

    Attributes
    ----------
    at_once : int
        Rows that there is room for.

    Raises
    ------
    BackendError
        If the device fails, or not even a row of tiles fits into the budget.
    """

    def __init__(
        self,
        spline: Spline,
        y: np.ndarray,
        x: np.ndarray,
        memory: DeviceMemory,
        launch: Launch = USUAL,
        far_from: float = FAR,
    ) -> None:
        channels, tile = spline.weights.shape[1], tile_shape(launch.threads)
        parameters = spline.flatten().astype(np.float32)[np.newaxis]
        self._launch, self._tile, self._columns = launch, tile, x.size
        self._memory, self._holder = memory, Holder()
        self._values = {
            "parameters": parameters,
            **axis_arrays("y", y, tile[0]),
            **axis_arrays("x", x, tile[1]),
        }
        axes = ((y.size, tile[0]), (x.size, tile[1]))
        self.at_once = account.rows_at_once(channels, parameters.size, axes, memory.budget)
        self._arrays = account.of_rendering(channels, parameters.size, axes, self.at_once)
        self._kernel = render.renderer(spline.order, channels, launch.threads, far_from)
        with memory.used_by(self._holder), failures():
            self.stream = cuda.stream()
            self.load()

    def rows(self, rows: slice, out: np.ndarray) -> None:
        """Fill ``out``, (K, n, W) float32, C-contiguous, with the spline at n consecutive rows.

        The bits of a row do not depend on the others. Several threads take turns.

        Raises
        ------
        BackendError
            If the device fails.
        """
        with self._memory.used_by(self._holder), failures():
            work = self.load()
            for top in range(rows.start, rows.stop, self.at_once):
                stop = min(top + self.at_once, rows.stop)
                self.enqueue(work, top, stop)
                part = out[:, top - rows.start : stop - rows.start]
                for values, plane in zip(work["out"], part, strict=True):
                    values[: stop - top].copy_to_host(plane, stream=self.stream)
            self.stream.synchronize()

    def close(self) -> None:
        """Free what it holds of the device's memory; closing it again does nothing."""
        self._memory.close(self._holder)

    def load(self) -> Arrays:
        """Its arrays, filled again if the memory was needed for something else."""
        groups, fresh = self._holder.hold(self._memory, work=self._arrays)
        if fresh:
            for name, values in self._values.items():
                groups["work"][name].copy_to_device(values, stream=self.stream)
        return groups["work"]

    def enqueue(self, work: Arrays, first: int, stop: int) -> None:
        """Launch the kernel for at most `at_once` rows."""
        height, width = self._tile
        down = -(-stop // height) - first // height
        blocks = down * -(-self._columns // width)
        self._kernel[max(blocks, self._launch.fewest), self._launch.threads, self.stream](
            Axes(*(work[name] for name in Axes._fields)),
            work["parameters"],
            first,
            stop,
            work["out"],
        )

"""The spline at some rows of a grid of pixels, tile by tile: see `forward`.

Tiles belong to the whole grid and not to the rows that are asked for, so that a row has the same
bits in whichever band it is rendered. The work of a pixel hardly depends on the number of control
points.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from numba import cuda, float32

from .compilation import device, kernel
from .forward import tile_memory, tile_values
from .layout import USUAL
from .tile_work import PIXELS, Place, TileWork
from .tiles import FAR


@lru_cache
def renderer(order: int, channels: int, threads: int = USUAL.threads, far_from: float = FAR) -> Any:
    """The kernel for an order and K channels.

    Its grid has a block for each tile that holds one of the rows, or more. See
    `fastbg.cuda_kernels.forward.near_field` for ``far_from``. The kernel takes

    axes : Axes
    parameters : (1, n), float32
    first, stop : int
        The rows.
    out : (K, stop - first, columns), float32; written
    """
    work = TileWork(threads, channels)
    own, rows, room = work.own, work.rows, PIXELS * channels
    allocate, evaluate = tile_memory(work), tile_values(order, work, far_from)
    store = _store(work)

    def render(axes, parameters, first, stop, out):
        t, across = cuda.threadIdx.x, axes.x_tiles.shape[0]
        place = Place(axes, first // rows + cuda.blockIdx.x // across, cuda.blockIdx.x % across, t)
        if place.down * rows >= stop:
            return
        memory = allocate()
        values = cuda.local.array(room, float32)
        n = (parameters.shape[1] - 3 * channels) // own
        evaluate(place, 0, n, parameters, 0, memory, values)
        store(place, first, stop, values, out)

    return kernel(render, order, channels, threads, "tiles" if far_from < math.inf else "direct")


def _store(work: TileWork) -> Any:
    channels, rows, columns, apart = work.channels, work.rows, work.columns, work.apart

    @device
    def store(place, first, stop, values, out):
        """Write the values at a thread's pixels, but for those beyond the rows and columns."""
        column = place.right * columns + place.thread % columns
        for v in range(PIXELS):
            row = place.down * rows + place.thread // columns + v * apart
            if first <= row and row < stop and column < out.shape[2]:
                for k in range(channels):
                    out[k, row - first, column] = values[v * channels + k]

    return store

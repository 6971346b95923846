"""The spline at some rows of a grid of pixels, tile by tile: see `forward`.

Tiles belong to the whole grid and not to the rows that are asked for, so that a row has the same
bits in whichever band it is rendered. The work of a pixel hardly depends on the number of control
points.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import cuda, float32, int32

from .compilation import device, kernel
from .forward import far_field, loaders, near_field
from .layout import USUAL
from .pixel_loss import ZERO
from .tile_work import PIXELS, Place, TileMemory, TileWork
from .tiles import FAR, NODES


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
    own, rows, columns = work.own, work.rows, work.columns
    room, far_room, sums_room = PIXELS * channels, work.nodes * channels, channels * work.at_nodes
    load_centre, load_axes = loaders(work)
    find_near, add_near = near_field(order, work, far_from)
    add_far, to_nodes, to_pixels = far_field(order, work)
    store = _store(work)

    def render(axes, parameters, first, stop, out):
        t, across = cuda.threadIdx.x, axes.x_tiles.shape[0]
        place = Place(axes, first // rows + cuda.blockIdx.x // across, cuda.blockIdx.x % across, t)
        if place.down * rows >= stop:
            return
        memory = TileMemory(
            cuda.shared.array((own, threads), float32),
            cuda.shared.array(threads, int32),
            cuda.shared.array(threads, int32),
            cuda.shared.array(sums_room, float32),
            cuda.shared.array((channels, NODES, columns), float32),
            cuda.shared.array(rows, float32),
            cuda.shared.array(columns, float32),
            cuda.shared.array((NODES, rows), float32),
            cuda.shared.array((NODES, columns), float32),
        )
        values = cuda.local.array(room, float32)
        far = cuda.local.array(far_room, float32)
        n = (parameters.shape[1] - 3 * channels) // own
        load_axes(place, memory)
        for e in range(room):
            values[e] = ZERO
        for e in range(far_room):
            far[e] = ZERO
        for batch in range(0, n, threads):
            count = min(threads, n - batch)
            cuda.syncthreads()
            if t < count:
                load_centre(parameters, 0, batch + t, t, memory.centre)
            near_count = find_near(place, count, memory)
            cuda.syncthreads()
            add_far(place, count, memory, far)
            add_near(t, near_count, memory, values)
        to_nodes(place, far, parameters, 0, memory)
        to_pixels(t, memory, values)
        store(place, first, stop, values, out)

    return kernel(render)


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

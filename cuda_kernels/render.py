"""The spline on a grid of pixels, tile by tile.

What is far from a tile is smooth on it: it is summed up at a few nodes, and interpolated from
there. Only what is near is evaluated at every pixel. So the work of a pixel hardly depends on the
number of control points.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numba import cuda, float32, int32, uint64

from . import maths
from .compilation import device, kernel
from .layout import USUAL
from .pixel_loss import ZERO
from .reduction import STEP
from .tile_work import *
from .tiles import FAR, HALF_WIDTH, MIDDLE, NODES

PIXELS = 8
"""Of a thread, one below the other: each reading of a centre serves all."""

MOST_COLUMNS = 64
"""Of a tile."""

ARRAYS = ("y", "x", "y_tiles", "x_tiles", "y_weights", "x_weights", "parameters")
"""What the kernel reads."""

GRID = NODES * NODES
"""Nodes of a tile."""

NODES_A_THREAD = 2
"""For which a thread sums up a part of the centres: each reading of a centre serves all."""


def tile_shape(threads: int = USUAL.threads) -> tuple[int, int]:
    """Rows and columns."""
    columns = min(threads, MOST_COLUMNS)
    return PIXELS * threads // columns, columns


@lru_cache
def renderer(order: int, channels: int, threads: int = USUAL.threads, far_from: float = FAR) -> Any:
    """The kernel for an order and K channels, for a grid of as many blocks as tiles, or more.

    Centres are far from ``far_from`` half-widths of a tile on; from infinity on none is, and all is
    evaluated directly.

    y, x : (height,) and (columns,), float32
    y_tiles, x_tiles : (T, NODES + 2), float32
    y_weights, x_weights : (height or columns, NODES), float32
        See `fastbg.cuda_kernels.tiles.axis_arrays`.
    parameters : (n,), float32
    rows : int
        How many of the height.
    out : (K, height, columns), float32; written
    """
    phi = device(maths.PHI[order])
    own, room = 2 + channels, PIXELS * channels
    tile_rows, tile_columns = tile_shape(threads)
    apart = threads // tile_columns
    """Rows between two pixels of a thread."""
    slices = max(1, threads * NODES_A_THREAD // GRID)
    """Of the centres, which different threads sum up at the same node."""
    team = threads // slices
    """Threads that sum up the same slice, at different nodes."""
    nodes, sums = GRID // team, GRID * slices
    far_room = nodes * channels
    far_squared = np.float32(far_from * far_from)

    def render(y, x, y_tiles, x_tiles, y_weights, x_weights, parameters, rows, out):
        t = cuda.threadIdx.x
        centre = cuda.shared.array((own, threads), float32)
        near = cuda.shared.array((own, threads), float32)
        flag = cuda.shared.array(threads, int32)
        at_nodes = cuda.shared.array((channels, sums), float32)
        across = cuda.shared.array((channels, NODES, tile_columns), float32)
        down_weights = cuda.shared.array((NODES, tile_rows), float32)
        values = cuda.local.array(room, float32)
        far = cuda.local.array(far_room, float32)
        py = cuda.local.array(PIXELS, float32)
        n = (parameters.shape[0] - 3 * channels) // own
        base = own * n
        columns = out.shape[2]
        down, right = cuda.blockIdx.x // x_tiles.shape[0], cuda.blockIdx.x % x_tiles.shape[0]
        first_row, left = down * tile_rows, right * tile_columns
        if first_row >= rows:
            return
        column = min(left + t % tile_columns, columns - 1)
        px = x[column]
        weights = cuda.local.array(NODES, float32)
        part = cuda.local.array(channels, float32)
        line, place = uint64(t // tile_columns), uint64(t % tile_columns)
        slice_, member = t // team, t % team
        half = max(y_tiles[down, HALF_WIDTH], x_tiles[right, HALF_WIDTH])
        reach = far_squared * half * half
        for v in range(PIXELS):
            py[v] = y[min(first_row + t // tile_columns + v * apart, rows - 1)]
        for e in range(room):
            values[e] = ZERO
        for e in range(far_room):
            far[e] = ZERO
        for batch in range(0, n, threads):
            cuda.syncthreads()
            i = batch + t
            is_near = int32(0)
            if i < n:
                cy, cx = parameters[2 * i], parameters[2 * i + 1]
                centre[0, t], centre[1, t] = cy, cx
                for k in range(channels):
                    centre[2 + k, t] = parameters[2 * n + channels * i + k]
                dy = cy - y_tiles[down, MIDDLE]
                dx = cx - x_tiles[right, MIDDLE]
                is_near = int32(dy * dy + dx * dx < reach)
            flag[t] = is_near
            count = cuda.syncthreads_count(is_near)
            if is_near:
                # In their order, so that sums never depend on that of execution.
                before = 0
                for s in range(t):
                    before += flag[s]
                for e in range(own):
                    near[e, before] = centre[e, t]
                for k in range(channels):
                    centre[2 + k, t] = ZERO
            cuda.syncthreads()
            s, stop, step = uint64(slice_), uint64(min(threads, n - batch)), uint64(slices)
            while s < stop:
                for v in range(nodes):
                    node = member + v * team
                    dy = y_tiles[down, node // NODES] - centre[0, s]
                    dx = x_tiles[right, node % NODES] - centre[1, s]
                    f = phi(dy * dy + dx * dx)
                    for k in range(channels):
                        far[v * channels + k] += f * centre[2 + k, s]
                s += step
            s, stop = uint64(0), uint64(count)
            while s < stop:
                for v in range(PIXELS):
                    dy, dx = py[v] - near[0, s], px - near[1, s]
                    f = phi(dy * dy + dx * dx)
                    for k in range(channels):
                        values[v * channels + k] += f * near[2 + k, s]
                s += STEP

        for v in range(nodes):
            for k in range(channels):
                at_nodes[k, slice_ * GRID + member + v * team] = far[v * channels + k]
        cuda.syncthreads()
        for e in range(t, channels * GRID, threads):
            k, node = e // GRID, e % GRID
            total = (
                y_tiles[down, node // NODES] * parameters[base + k]
                + x_tiles[right, node % NODES] * parameters[base + channels + k]
                + parameters[base + 2 * channels + k]
            )
            for r in range(slices):
                total += at_nodes[k, r * GRID + node]
            at_nodes[k, node] = total
        cuda.syncthreads()
        for b in range(NODES):
            weights[b] = x_weights[column, b]
        a, stop, step = uint64(line), uint64(NODES), uint64(apart)
        while a < stop:
            for k in range(channels):
                total = ZERO
                for b in range(NODES):
                    total += weights[b] * at_nodes[k, a * stop + uint64(b)]
                across[k, a, place] = total
            a += step
        for e in range(t, NODES * tile_rows, threads):
            row = min(first_row + e % tile_rows, rows - 1)
            down_weights[e // tile_rows, e % tile_rows] = y_weights[row, e // tile_rows]
        cuda.syncthreads()
        a = uint64(0)
        while a < stop:
            for k in range(channels):
                part[k] = across[k, a, place]
            for v in range(PIXELS):
                weight = down_weights[a, line + uint64(v * apart)]
                for k in range(channels):
                    values[v * channels + k] += weight * part[k]
            a += STEP
        for v in range(PIXELS):
            row = first_row + t // tile_columns + v * apart
            if row < rows and left + t % tile_columns < columns:
                for k in range(channels):
                    out[k, row, column] = values[v * channels + k]

    return kernel(render)

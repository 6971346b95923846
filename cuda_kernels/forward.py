"""Device functions that evaluate the spline on a tile: shared by `render` and `tiled`.

A centre far from a tile is smooth on it. The far field is summed up at the tile's nodes and
interpolated to the pixels; centres that are near are evaluated at every pixel. All threads of a
block call these functions together. A block holds as many centres at a time as it has threads: a
group.

Symbols: K channels, N control points, u the index of the thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, float32, int32, uint64

from . import maths
from .compilation import device
from .pixel_loss import ZERO
from .reduction import STEP
from .tile_work import GRID, PIXELS, TileMemory, TileWork
from .tiles import FAR, HALF_WIDTH, MIDDLE, NODES


def tile_memory(work: TileWork) -> Any:
    """``allocate``, which returns the `TileMemory` of a block."""
    channels, threads, own, room = work.channels, work.threads, work.own, work.room
    rows, columns = work.rows, work.columns

    @device
    def allocate():
        return TileMemory(
            cuda.shared.array((own, threads), float32),
            cuda.shared.array(threads, int32),
            cuda.shared.array(threads, int32),
            cuda.shared.array(room, float32),
            cuda.shared.array((channels, NODES, columns), float32),
            cuda.shared.array(rows, float32),
            cuda.shared.array(columns, float32),
            cuda.shared.array((NODES, rows), float32),
            cuda.shared.array((NODES, columns), float32),
        )

    return allocate


def tile_values(order: int, work: TileWork, far_from: float = FAR) -> Any:
    """``evaluate``: the spline on a tile. See `near_field` for ``far_from``."""
    threads, values_room = work.threads, PIXELS * work.channels
    far_room = work.nodes * work.channels
    load_centre, load_axes = loaders(work)
    find_near, add_near = near_field(order, work, far_from)
    add_far, to_nodes = far_field(order, work)
    to_pixels = interpolation(work)

    @device
    def evaluate(place, group, n, parameters, start, memory, values):
        """Fill the values at a thread's pixels; return how many of the group's centres are near.

        The group of centres that is given comes last, and stays in the shared memory.
        """
        u = place.thread
        far = cuda.local.array(far_room, float32)
        load_axes(place, memory)
        for e in range(far_room):
            far[e] = ZERO
        for e in range(values_room):
            values[e] = ZERO
        last = (n - 1) // threads
        near_count = int32(0)
        for g in range(last + 1):
            # The last group takes the turn of the one that is given.
            first = threads * (group if g == last else last if g == group else g)
            count = min(threads, n - first)
            cuda.syncthreads()
            if u < count:
                load_centre(parameters, start, first + u, u, memory.centre)
            near_count = find_near(place, count, memory)
            cuda.syncthreads()
            add_far(place, count, memory, far)
            add_near(u, near_count, memory, values)
        to_nodes(place, far, parameters, start, memory)
        to_pixels(u, memory, values)
        return near_count

    return evaluate


def loaders(work: TileWork) -> tuple[Any, Any]:
    """``load_centre`` and ``load_axes``, which fill the shared memory of a tile."""
    channels, own = work.channels, work.own
    rows, columns, threads = work.rows, work.columns, work.threads

    @device
    def load_centre(parameters, start, i, u, centre):
        """Copy centre i of a start, (B, n), to place u."""
        n = (parameters.shape[1] - 3 * channels) // own
        centre[0, u], centre[1, u] = parameters[start, 2 * i], parameters[start, 2 * i + 1]
        for k in range(channels):
            centre[2 + k, u] = parameters[start, 2 * n + channels * i + k]

    @device
    def load_axes(place, memory):
        """Copy what belongs to the rows and columns of a tile; beyond an edge, the last ones."""
        u, axes = place.thread, place.axes
        first = place.down * rows
        column = min(place.right * columns + u % columns, axes.x.shape[0] - 1)
        for r in range(u, rows, threads):
            memory.row_y[r] = axes.y[min(first + r, axes.y.shape[0] - 1)]
        for e in range(u, NODES * rows, threads):
            r = min(first + e % rows, axes.y.shape[0] - 1)
            memory.down_weights[e // rows, e % rows] = axes.y_weights[r, e // rows]
        memory.column_x[uint64(u % columns)] = axes.x[column]
        for b in range(NODES):
            memory.right_weights[b, uint64(u % columns)] = axes.x_weights[column, b]

    return load_centre, load_axes


def near_field(order: int, work: TileWork, far_from: float = FAR) -> tuple[Any, Any]:
    """``find_near`` and ``add_near``.

    A centre is near if it is closer to the middle of the tile than ``far_from`` half-widths. From
    infinity on all centres are near.
    """
    phi = device(maths.PHI[order])
    channels, columns, apart = work.channels, work.columns, work.apart
    far_squared = np.float32(far_from * far_from)

    @device
    def find_near(place, count, memory):
        """Flag and list the near ones of the first ``count`` centres; return their number."""
        u, axes = place.thread, place.axes
        is_near = int32(0)
        if u < count:
            dy = memory.centre[0, u] - axes.y_tiles[place.down, MIDDLE]
            dx = memory.centre[1, u] - axes.x_tiles[place.right, MIDDLE]
            half = max(axes.y_tiles[place.down, HALF_WIDTH], axes.x_tiles[place.right, HALF_WIDTH])
            is_near = int32(dy * dy + dx * dx < far_squared * half * half)
        memory.flag[u] = is_near
        near_count = cuda.syncthreads_count(is_near)
        if is_near:
            # The list is in the order of the centres, so that sums do not depend on the order of
            # execution.
            before = 0
            for s in range(u):
                before += memory.flag[s]
            memory.near[before] = u
        return near_count

    @device
    def add_near(u, near_count, memory, values):
        """Add the near centres to the values at a thread's pixels."""
        line, px = uint64(u // columns), memory.column_x[uint64(u % columns)]
        q, stop = uint64(0), uint64(near_count)
        while q < stop:
            s = uint64(memory.near[q])
            for v in range(PIXELS):
                dy = memory.row_y[line + uint64(v * apart)] - memory.centre[0, s]
                dx = px - memory.centre[1, s]
                f = phi(dy * dy + dx * dx)
                for k in range(channels):
                    values[v * channels + k] += f * memory.centre[2 + k, s]
            q += STEP

    return find_near, add_near


def far_field(order: int, work: TileWork) -> tuple[Any, Any]:
    """``add_far`` and ``to_nodes``, to be called in this order."""
    phi = device(maths.PHI[order])
    channels, own, threads = work.channels, work.own, work.threads
    slices, team, nodes, at_nodes = work.slices, work.team, work.nodes, work.at_nodes

    @device
    def add_far(place, count, memory, far):
        """Add a thread's slice of the far centres, of the first ``count``, at its nodes."""
        u, axes = place.thread, place.axes
        node_of = u % team
        s, stop, step = uint64(u // team), uint64(count), uint64(slices)
        while s < stop:
            if memory.flag[s] == 0:
                for v in range(nodes):
                    node = node_of + v * team
                    dy = axes.y_tiles[place.down, node // NODES] - memory.centre[0, s]
                    dx = axes.x_tiles[place.right, node % NODES] - memory.centre[1, s]
                    f = phi(dy * dy + dx * dx)
                    for k in range(channels):
                        far[v * channels + k] += f * memory.centre[2 + k, s]
            s += step

    @device
    def to_nodes(place, far, parameters, start, memory):
        """Leave the sum of all slices and the polynomial at the nodes."""
        u, axes = place.thread, place.axes
        base = own * ((parameters.shape[1] - 3 * channels) // own)
        for v in range(nodes):
            for k in range(channels):
                at = k * at_nodes + u // team * GRID + u % team + v * team
                memory.sums[at] = far[v * channels + k]
        cuda.syncthreads()
        for e in range(u, channels * GRID, threads):
            k, node = e // GRID, e % GRID
            total = (
                axes.y_tiles[place.down, node // NODES] * parameters[start, base + k]
                + axes.x_tiles[place.right, node % NODES] * parameters[start, base + channels + k]
                + parameters[start, base + 2 * channels + k]
            )
            for r in range(slices):
                total += memory.sums[k * at_nodes + r * GRID + node]
            memory.sums[k * at_nodes + node] = total
        cuda.syncthreads()

    return add_far, to_nodes


def interpolation(work: TileWork) -> Any:
    """``to_pixels``, from the sums at the nodes."""
    channels, columns, apart, at_nodes = work.channels, work.columns, work.apart, work.at_nodes

    @device
    def to_pixels(u, memory, values):
        """Add the far field to the values at a thread's pixels: along rows, then down columns."""
        part = cuda.local.array(channels, float32)
        line, place = uint64(u // columns), uint64(u % columns)
        a, stop, step = uint64(line), uint64(NODES), uint64(apart)
        while a < stop:
            for k in range(channels):
                part[k] = ZERO
            for b in range(NODES):
                weight = memory.right_weights[b, place]
                for k in range(channels):
                    part[k] += weight * memory.sums[uint64(k * at_nodes + b) + a * stop]
            for k in range(channels):
                memory.across[k, a, place] = part[k]
            a += step
        cuda.syncthreads()
        a = uint64(0)
        while a < stop:
            for k in range(channels):
                part[k] = memory.across[k, a, place]
            for v in range(PIXELS):
                weight = memory.down_weights[a, line + uint64(v * apart)]
                for k in range(channels):
                    values[v * channels + k] += weight * part[k]
            a += STEP

    return to_pixels

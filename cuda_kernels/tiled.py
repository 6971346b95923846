"""The loss and its gradient in tiles of pixels, for large problems: see `objective` for small ones.

What is far from a tile is smooth on it. Forward it is summed up at a few nodes and interpolated to
the pixels, as in `render`; backward the slopes of the pixels are gathered at the nodes, by the
transpose of the same weights, and what is far meets only these. What is near meets every pixel. So
the work of a pixel hardly depends on the number of control points.

A block goes over a chunk of whole tiles. Pixels without weight have a place in their tile, too.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import cuda, float32, int32, uint64

from . import maths
from .compilation import device, kernel
from .layout import EXTRAS, INVERSE, LOG, NEGATIVE, RUNNING, SETS, USUAL
from .objective import LN_2, ONE, STEP, TWO, ZERO
from .render import GRID, NODES_A_THREAD, PIXELS, tile_shape
from .tiles import FAR, HALF_WIDTH, MIDDLE, NODES

ARRAYS = ("y", "x", "y_tiles", "x_tiles", "y_weights", "x_weights")
"""Of the grid, which the kernels read."""


@lru_cache
def passes(order: int, channels: int, threads: int = USUAL.threads) -> tuple[Any, ...]:
    """The kernels for an order and K channels, for at most as many centres as threads.

    The first takes the mean below zero for zero and measures it. Where it is not, the others go
    over the pixels again, for one set of sums each; both at once would not fit into registers. All
    take a grid of (chunks or more, 1, starts) and

    pixels : (2 K, L), float32
        Data and weight of some whole chunks, tile after tile.
    first, chunk, count : int
        The first of these chunks, places of a chunk, and of all.
    kept : int
        P, the pixels with a weight.
    y, x, y_tiles, x_tiles, y_weights, x_weights
        See `fastbg.cuda_kernels.render.renderer`.
    parameters : (B, n), float32
    alpha : float32
    ended : (B,), int32
        What is not `RUNNING` is left out.
    partials : (B, SETS, n + EXTRAS, chunks), float32; written
    """
    first = _make(order, channels, threads, 0, again=False)
    return (first, *(_make(order, channels, threads, set_, again=True) for set_ in range(SETS)))


def _make(order: int, channels: int, threads: int, set_: int, again: bool) -> Any:
    phi, phi_prime = device(maths.PHI[order]), device(maths.PHI_PRIME[order])
    argument_of, own_slope = device(maths.argument_of), device(maths.own_slope)
    rows, columns = tile_shape(threads)
    area, apart = rows * columns, threads // columns
    own = 2 + channels
    """Sums of a centre: two for where it is, K for its weights."""
    slices = max(1, threads * NODES_A_THREAD // GRID)
    """Of the centres, which different threads sum up at the same node."""
    team = threads // slices
    nodes, at_nodes = GRID // team, GRID * slices
    far_room, room = nodes * channels, PIXELS * channels
    parts = max(1, threads // GRID)
    """Of the columns, which different threads gather at the same node."""
    part_room = parts * GRID
    polynomial_room = -(-3 * channels // threads)
    lanes = min(16, threads)
    scratch_room = max(channels * at_nodes, apart * NODES * columns, own * threads)
    far_squared = np.float32(FAR * FAR)

    def sweep(
        pixels,
        first,
        chunk,
        count,
        kept,
        y,
        x,
        y_tiles,
        x_tiles,
        y_weights,
        x_weights,
        parameters,
        alpha,
        ended,
        partials,
    ):
        t = cuda.threadIdx.x
        number, start = cuda.blockIdx.x + first, cuda.blockIdx.z
        if number * chunk >= min(count, first * chunk + pixels.shape[1]) or ended[start] != RUNNING:
            return
        centre = cuda.shared.array((own, threads), float32)
        flag = cuda.shared.array(threads, int32)
        near = cuda.shared.array(threads, int32)
        extra = cuda.shared.array((EXTRAS, threads), float32)
        scratch = cuda.shared.array(scratch_room, float32)
        across = cuda.shared.array((channels, NODES, columns), float32)
        down_weights = cuda.shared.array((NODES, rows), float32)
        row_y = cuda.shared.array(rows, float32)
        right_weights = cuda.shared.array((NODES, columns), float32)
        part_sums = cuda.shared.array(part_room, float32)
        slopes_at = cuda.shared.array((channels, GRID), float32)
        n = (parameters.shape[1] - 3 * channels) // own
        base = own * n
        negative = ZERO
        if again:
            column = parameters.shape[1] + NEGATIVE
            total = ZERO
            for c in range(t, partials.shape[3], threads):
                total += partials[start, 0, column, c]
            scratch[t] = total
            if not cuda.syncthreads_or(int32(total != ZERO)):
                return
            # Every thread of every block in the same order.
            for s in range(threads):
                negative += scratch[s]
            negative /= float32(kept) * float32(channels)
        if t < n:
            centre[0, t], centre[1, t] = parameters[start, 2 * t], parameters[start, 2 * t + 1]
            for k in range(channels):
                centre[2 + k, t] = parameters[start, 2 * n + channels * t + k]
        cuda.syncthreads()

        # Threads are in teams of one for each centre, with a share of the nodes each.
        shares = threads // n
        gathered = cuda.local.array(own, float32)
        for e in range(own):
            gathered[e] = ZERO

        values = cuda.local.array(room, float32)
        far = cuda.local.array(far_room, float32)
        residual = cuda.local.array(channels, float32)
        here = cuda.local.array(own, float32)
        polynomial = cuda.local.array(polynomial_room, float32)
        for r in range(polynomial_room):
            polynomial[r] = ZERO
        for e in range(EXTRAS):
            extra[e, t] = ZERO
        index = cuda.shared.array(threads, int32)
        index[t] = t
        for tile in range(number * chunk // area, min((number + 1) * chunk, count) // area):
            # Read again, as whatever follows from it would be kept in registers from tile to tile.
            u = index[t]
            line, place = uint64(u // columns), uint64(u % columns)
            slice_, node_of = u // team, u % team
            mine, share = u % n, u // n
            slot = tile * area - first * chunk + u
            valid = 0
            for v in range(PIXELS):
                for k in range(channels):
                    if pixels[channels + k, slot + v * threads] != ZERO:
                        valid |= 1 << v
            if not cuda.syncthreads_or(int32(valid)):
                continue
            down, right = tile // x_tiles.shape[0], tile % x_tiles.shape[0]
            column = min(right * columns + u % columns, x.shape[0] - 1)
            px = x[column]

            # Which centres are near.
            is_near = int32(0)
            if u < n:
                dy = centre[0, u] - y_tiles[down, MIDDLE]
                dx = centre[1, u] - x_tiles[right, MIDDLE]
                half = max(y_tiles[down, HALF_WIDTH], x_tiles[right, HALF_WIDTH])
                is_near = int32(dy * dy + dx * dx < far_squared * half * half)
            flag[u] = is_near
            near_count = cuda.syncthreads_count(is_near)
            if is_near:
                # In their order, so that sums never depend on that of execution.
                before = 0
                for s in range(u):
                    before += flag[s]
                near[before] = u
            for r in range(u, rows, threads):
                row_y[r] = y[min(down * rows + r, y.shape[0] - 1)]
            for e in range(u, NODES * rows, threads):
                r = min(down * rows + e % rows, y.shape[0] - 1)
                down_weights[e // rows, e % rows] = y_weights[r, e // rows]
            for b in range(NODES):
                right_weights[b, place] = x_weights[column, b]

            # Forward.
            for e in range(far_room):
                far[e] = ZERO
            s, stop, step = uint64(slice_), uint64(n), uint64(slices)
            while s < stop:
                if flag[s] == 0:
                    for v in range(nodes):
                        node = node_of + v * team
                        dy = y_tiles[down, node // NODES] - centre[0, s]
                        dx = x_tiles[right, node % NODES] - centre[1, s]
                        f = phi(dy * dy + dx * dx)
                        for k in range(channels):
                            far[v * channels + k] += f * centre[2 + k, s]
                s += step
            for v in range(nodes):
                for k in range(channels):
                    scratch[k * at_nodes + slice_ * GRID + node_of + v * team] = far[
                        v * channels + k
                    ]
            cuda.syncthreads()
            for e in range(u, channels * GRID, threads):
                k, node = e // GRID, e % GRID
                total = (
                    y_tiles[down, node // NODES] * parameters[start, base + k]
                    + x_tiles[right, node % NODES] * parameters[start, base + channels + k]
                    + parameters[start, base + 2 * channels + k]
                )
                for r in range(slices):
                    total += scratch[k * at_nodes + r * GRID + node]
                scratch[k * at_nodes + node] = total
            cuda.syncthreads()
            a, stop, step = uint64(line), uint64(NODES), uint64(apart)
            while a < stop:
                for k in range(channels):
                    residual[k] = ZERO
                for b in range(NODES):
                    weight = right_weights[b, place]
                    for k in range(channels):
                        residual[k] += weight * scratch[uint64(k * at_nodes + b) + a * stop]
                for k in range(channels):
                    across[k, a, place] = residual[k]
                a += step
            cuda.syncthreads()
            for e in range(room):
                values[e] = ZERO
            a = uint64(0)
            while a < stop:
                for k in range(channels):
                    residual[k] = across[k, a, place]
                for v in range(PIXELS):
                    weight = down_weights[a, line + uint64(v * apart)]
                    for k in range(channels):
                        values[v * channels + k] += weight * residual[k]
                a += STEP
            q, stop = uint64(0), uint64(near_count)
            while q < stop:
                s = uint64(near[q])
                for v in range(PIXELS):
                    dy = row_y[line + uint64(v * apart)] - centre[0, s]
                    dx = px - centre[1, s]
                    f = phi(dy * dy + dx * dx)
                    for k in range(channels):
                        values[v * channels + k] += f * centre[2 + k, s]
                q += STEP

            # From values to slopes, in their place.
            for v in range(PIXELS):
                if valid >> v & 1:
                    mean = ZERO
                    for k in range(channels):
                        weight = pixels[channels + k, slot + v * threads]
                        value = values[v * channels + k]
                        residual[k] = weight * (pixels[k, slot + v * threads] - value)
                        mean += residual[k]
                        extra[NEGATIVE, u] -= TWO * min(value, ZERO)
                    mean /= float32(channels)
                    argument = argument_of(residual, mean, alpha, negative)
                    inverse = ONE / argument
                    extra[LOG, u] += LN_2 * math.log2(argument)
                    extra[INVERSE, u] += inverse
                    for k in range(channels):
                        if set_ == 0:
                            weight = pixels[channels + k, slot + v * threads]
                            slope = own_slope(residual[k], mean, weight, alpha)
                            slope *= inverse / float32(channels)
                        else:
                            slope = ONE if values[v * channels + k] < ZERO else ZERO
                        values[v * channels + k] = slope
                else:
                    for k in range(channels):
                        values[v * channels + k] = ZERO

            # Backward: slopes to nodes.
            for k in range(channels):
                a, stop = uint64(0), uint64(NODES)
                while a < stop:
                    total = ZERO
                    for v in range(PIXELS):
                        weight = down_weights[a, line + uint64(v * apart)]
                        total += weight * values[v * channels]
                    scratch[(line * stop + a) * uint64(columns) + place] = total
                    a += STEP
                # The next channel comes first: indices that vary would ask for memory.
                for v in range(PIXELS):
                    last = values[v * channels]
                    for e in range(channels - 1):
                        values[v * channels + e] = values[v * channels + e + 1]
                    values[v * channels + channels - 1] = last
                cuda.syncthreads()
                for g in range(u, part_room, threads):
                    node, total = g % GRID, ZERO
                    c, stop, step = uint64(g // GRID), uint64(columns), uint64(parts)
                    a, b = uint64(node // NODES), uint64(node % NODES)
                    while c < stop:
                        along = ZERO
                        for r in range(apart):
                            along += scratch[(uint64(r * NODES) + a) * stop + c]
                        total += right_weights[b, c] * along
                        c += step
                    part_sums[g] = total
                cuda.syncthreads()
                for node in range(u, GRID, threads):
                    total = ZERO
                    for r in range(parts):
                        total += part_sums[r * GRID + node]
                    slopes_at[k, node] = total
            cuda.syncthreads()

            # Nodes to centres, and to the polynomial: one of its sums for a thread.
            for r in range(polynomial_room):
                e = u + r * threads
                if e < 3 * channels:
                    for node in range(GRID):
                        at = ONE
                        if e % 3 == 0:
                            at = y_tiles[down, node // NODES]
                        if e % 3 == 1:
                            at = x_tiles[right, node % NODES]
                        polynomial[r] += at * slopes_at[e // 3, node]
            if share < shares and flag[mine] == 0:
                s, stop, step = uint64(share), uint64(GRID), uint64(shares)
                while s < stop:
                    dy = y_tiles[down, s // uint64(NODES)] - centre[0, mine]
                    dx = x_tiles[right, s % uint64(NODES)] - centre[1, mine]
                    squared = dy * dy + dx * dx
                    f, along = phi(squared), ZERO
                    for k in range(channels):
                        gathered[2 + k] += slopes_at[k, s] * f
                        along += slopes_at[k, s] * centre[2 + k, mine]
                    along *= phi_prime(squared)
                    gathered[0] += along * dy
                    gathered[1] += along * dx
                    s += step

            # Pixels to what is near.
            for q in range(near_count):
                i = near[q]
                for e in range(own):
                    here[e] = ZERO
                for v in range(PIXELS):
                    dy = row_y[line + uint64(v * apart)] - centre[0, i]
                    dx = px - centre[1, i]
                    squared = dy * dy + dx * dx
                    f, along = phi(squared), ZERO
                    for k in range(channels):
                        here[2 + k] += values[v * channels + k] * f
                        along += values[v * channels + k] * centre[2 + k, i]
                    along *= phi_prime(squared)
                    here[0] += along * dy
                    here[1] += along * dx
                cuda.syncthreads()
                for e in range(own):
                    scratch[e * threads + u] = here[e]
                cuda.syncthreads()
                lane = u % lanes
                for e in range(u // lanes, own, threads // lanes):
                    total = ZERO
                    for s in range(lane, threads, lanes):
                        total += scratch[e * threads + s]
                    scratch[e * threads + lane] = total
                cuda.syncthreads()
                if u == i:
                    for e in range(own):
                        total = ZERO
                        for s in range(lanes):
                            total += scratch[e * threads + s]
                        gathered[e] += total
                cuda.syncthreads()

        for r in range(polynomial_room):
            e = t + r * threads
            if e < 3 * channels:
                # Here by channel, then axis; among the parameters the other way round.
                column = base + e % 3 * channels + e // 3
                partials[start, set_, column, number] = polynomial[r]
        for e in range(own):
            cuda.syncthreads()
            scratch[t] = gathered[e]
            cuda.syncthreads()
            if t < n:
                total = ZERO
                for r in range(shares):
                    total += scratch[r * n + t]
                if e < 2:
                    partials[start, set_, 2 * t + e, number] = -TWO * total
                else:
                    partials[start, set_, 2 * n + channels * t + e - 2, number] = total
        if set_ != 0:
            return
        cuda.syncthreads()
        lane = t % lanes
        for e in range(t // lanes, EXTRAS, threads // lanes):
            total = ZERO
            for s in range(lane, threads, lanes):
                total += extra[e, s]
            extra[e, lane] = total
        cuda.syncthreads()
        for e in range(t, EXTRAS, threads):
            if not again or e != NEGATIVE:
                # Other blocks may still read what the first kernel found below zero.
                total = ZERO
                for s in range(lanes):
                    total += extra[e, s]
                partials[start, 0, parameters.shape[1] + e, number] = total

    return kernel(sweep)

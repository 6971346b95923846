"""Device functions that gather the slopes dL/dS of a tile's pixels: the transpose of `forward`.

A centre that is far meets only the slopes gathered at the tile's nodes; one that is near meets
every pixel. All threads of a block call these functions together.

Symbols: K channels, N control points, u the index of the thread.
"""

from __future__ import annotations

from typing import Any

from numba import cuda, float32, uint64

from . import maths
from .compilation import device
from .pixel_loss import ONE, ZERO
from .reduction import LANES, STEP
from .tile_work import GRID, PIXELS, TileWork
from .tiles import NODES


def tile_gradient(order: int, work: TileWork) -> Any:
    """``gather``: the slopes of a tile's pixels, to the sums of a group and of the polynomial."""
    channels, threads, part_room = work.channels, work.threads, work.parts * GRID
    to_nodes, add_polynomial = anterpolation(work), to_polynomial(work)
    from_nodes, from_pixels = from_far(order, work), from_near(order, work)

    @device
    def gather(place, group, n, near_count, memory, values, gathered, polynomial):
        """Add the slopes in ``values`` to a thread's sums, after `forward` with the same group."""
        part_sums = cuda.shared.array(part_room, float32)
        slopes_at = cuda.shared.array((channels, GRID), float32)
        to_nodes(place.thread, memory, part_sums, slopes_at, values)
        add_polynomial(place, slopes_at, polynomial)
        size = min(threads, n - group * threads)
        from_nodes(place, size, threads // size, memory, slopes_at, gathered)
        from_pixels(place.thread, near_count, memory, values, gathered)

    return gather


def anterpolation(work: TileWork) -> Any:
    """``to_nodes``."""
    channels, threads, columns = work.channels, work.threads, work.columns
    apart, parts, part_room = work.apart, work.parts, work.parts * GRID

    @device
    def to_nodes(u, memory, part_sums, slopes_at, values):
        """Gather the slopes in ``values`` at the nodes, into ``slopes_at``, (K, GRID)."""
        line, place = uint64(u // columns), uint64(u % columns)
        for k in range(channels):
            a, stop = uint64(0), uint64(NODES)
            while a < stop:
                total = ZERO
                for v in range(PIXELS):
                    weight = memory.down_weights[a, line + uint64(v * apart)]
                    total += weight * values[v * channels]
                memory.sums[(line * stop + a) * uint64(columns) + place] = total
                a += STEP
            # The next channel moves to the front. An index that varies would keep ``values`` in
            # memory instead of registers.
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
                        along += memory.sums[(uint64(r * NODES) + a) * stop + c]
                    total += memory.right_weights[b, c] * along
                    c += step
                part_sums[g] = total
            cuda.syncthreads()
            for node in range(u, GRID, threads):
                total = ZERO
                for r in range(parts):
                    total += part_sums[r * GRID + node]
                slopes_at[k, node] = total
        cuda.syncthreads()

    return to_nodes


def to_polynomial(work: TileWork) -> Any:
    """``add_polynomial``."""
    channels, threads, polynomial_room = work.channels, work.threads, polynomial_sums(work)

    @device
    def add_polynomial(place, slopes_at, polynomial):
        """Add the slopes at the nodes to the sums of the polynomial that this thread keeps."""
        axes = place.axes
        for r in range(polynomial_room):
            e = place.thread + r * threads
            if e < 3 * channels:
                for node in range(GRID):
                    at = ONE
                    if e % 3 == 0:
                        at = axes.y_tiles[place.down, node // NODES]
                    if e % 3 == 1:
                        at = axes.x_tiles[place.right, node % NODES]
                    polynomial[r] += at * slopes_at[e // 3, node]

    return add_polynomial


def polynomial_sums(work: TileWork) -> int:
    """How many sums of the polynomial a thread keeps: sum e belongs to thread e mod threads."""
    return -(-3 * work.channels // work.threads)


def to_centre(order: int, channels: int) -> Any:
    """``add``, to the sums of a centre.

    These are K sums for its weights and two for its position: without the factor -2, the sums of
    (sum_k g_k w_k) phi'(q) (p - c).
    """
    phi, phi_prime = device(maths.PHI[order]), device(maths.PHI_PRIME[order])

    @device
    def add(dy, dx, slopes, i, centre, sums):
        """Add the slopes, (K,), at one point to the sums of centre i."""
        squared = dy * dy + dx * dx
        f, along = phi(squared), ZERO
        for k in range(channels):
            sums[2 + k] += slopes[k] * f
            along += slopes[k] * centre[2 + k, i]
        along *= phi_prime(squared)
        sums[0] += along * dy
        sums[1] += along * dx

    return add


def from_far(order: int, work: TileWork) -> Any:
    """``from_nodes``."""
    channels, add = work.channels, to_centre(order, work.channels)

    @device
    def from_nodes(place, size, shares, memory, slopes_at, gathered):
        """Add the slopes at the nodes to the far ones of the centres in the shared memory.

        Thread u takes share u // size of the nodes for centre u % size.
        """
        axes, mine, share = place.axes, place.thread % size, place.thread // size
        slopes = cuda.local.array(channels, float32)
        if share < shares and memory.flag[mine] == 0:
            s, stop, step = uint64(share), uint64(GRID), uint64(shares)
            while s < stop:
                dy = axes.y_tiles[place.down, s // uint64(NODES)] - memory.centre[0, mine]
                dx = axes.x_tiles[place.right, s % uint64(NODES)] - memory.centre[1, mine]
                for k in range(channels):
                    slopes[k] = slopes_at[k, s]
                add(dy, dx, slopes, mine, memory.centre, gathered)
                s += step

    return from_nodes


def from_near(order: int, work: TileWork) -> Any:
    """``from_pixels``."""
    channels, own, threads = work.channels, work.own, work.threads
    columns, apart, lanes = work.columns, work.apart, min(LANES, threads)
    add = to_centre(order, channels)

    @device
    def from_pixels(u, near_count, memory, values, gathered):
        """Add the slopes in ``values`` to each near centre, in the thread that keeps it."""
        here = cuda.local.array(own, float32)
        slopes = cuda.local.array(channels, float32)
        line, px = uint64(u // columns), memory.column_x[uint64(u % columns)]
        for q in range(near_count):
            i = memory.near[q]
            for e in range(own):
                here[e] = ZERO
            for v in range(PIXELS):
                dy = memory.row_y[line + uint64(v * apart)] - memory.centre[0, i]
                dx = px - memory.centre[1, i]
                for k in range(channels):
                    slopes[k] = values[v * channels + k]
                add(dy, dx, slopes, i, memory.centre, here)
            cuda.syncthreads()
            for e in range(own):
                memory.sums[e * threads + u] = here[e]
            cuda.syncthreads()
            lane = u % lanes
            for e in range(u // lanes, own, threads // lanes):
                total = ZERO
                for s in range(lane, threads, lanes):
                    total += memory.sums[e * threads + s]
                memory.sums[e * threads + lane] = total
            cuda.syncthreads()
            if u == i:
                for e in range(own):
                    total = ZERO
                    for s in range(lanes):
                        total += memory.sums[e * threads + s]
                    gathered[e] += total
            cuda.syncthreads()

    return from_pixels

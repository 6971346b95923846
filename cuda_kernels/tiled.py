"""The loss and its gradient in tiles of pixels, for large problems: see `direct` for small ones.

A block goes over a chunk of whole tiles. For each it evaluates the spline (see `forward`), has the
loss and the slopes dL/dS from there (see `pixel_loss`), and gathers the slopes at the centres of
its group (see `backward`). The work of a pixel hardly depends on the number of control points; with
several groups of centres, each evaluates the whole spline. Pixels without weight have a place in
their tile, too.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from numba import cuda, float32, int32

from . import maths
from .backward import polynomial_sums, tile_gradient
from .compilation import device, kernel
from .forward import tile_memory, tile_values
from .layout import EXTRAS, INVERSE, LOG, NEGATIVE, RUNNING, SETS, USUAL
from .pixel_loss import LN_2, ONE, TWO, ZERO, pixel_loss
from .reduction import below_zero, row_sums
from .tile_work import PIXELS, Place, TileWork


@lru_cache
def passes(order: int, channels: int, threads: int = USUAL.threads) -> tuple[Any, ...]:
    """The kernels for an order and K channels.

    The first pass takes the mean of |S| - S for zero and measures it. Where it is not zero, the
    others go over the pixels again, for one set of sums each: both sets at once would not fit into
    registers. All take a grid of (chunks or more, groups of centres, starts) and

    chunks : Chunks
        The planes of data and weights, (2 K, L), tile after tile.
    axes : Axes
    parameters : (B, n), float32
    alpha : float32
    ended : (B,), int32
        A start that is not `RUNNING` is left out.
    partials : (B, SETS, n + EXTRAS, chunks), float32; written
    """
    first = _make(order, TileWork(threads, channels), 0, again=False)
    return (
        first,
        *(_make(order, TileWork(threads, channels), set_, again=True) for set_ in range(SETS)),
    )


def group_size(centres: int, threads: int = USUAL.threads) -> int:
    """How many centres a block sums up slopes for."""
    return min(centres, threads)


def _make(order: int, work: TileWork, set_: int, again: bool) -> Any:
    threads, channels, own = work.threads, work.channels, work.own
    area, room, polynomial_room = work.rows * work.columns, PIXELS * channels, polynomial_sums(work)
    mean_below_zero, allocate = below_zero(channels, threads), tile_memory(work)
    kept_pixels, to_slopes = _slopes(work, set_)
    slot_of = device(maths.slot_of)
    evaluate, gather = tile_values(order, work), tile_gradient(order, work)
    store_polynomial, store_centres, store_extras = _stores(work, set_, again)

    def sweep(chunks, axes, parameters, alpha, ended, partials):
        t, group, start = cuda.threadIdx.x, int32(cuda.blockIdx.y), cuda.blockIdx.z
        number = cuda.blockIdx.x + chunks.first
        stop = min(chunks.places, chunks.first * chunks.chunk + chunks.pixels.shape[1])
        if number * chunks.chunk >= stop or ended[start] != RUNNING:
            return
        memory = allocate()
        extra = cuda.shared.array((EXTRAS, threads), float32)
        index = cuda.shared.array(threads, int32)
        values = cuda.local.array(room, float32)
        gathered = cuda.local.array(own, float32)
        polynomial = cuda.local.array(polynomial_room, float32)
        # 32 bits, and axes before centres: both save registers.
        n = int32((parameters.shape[1] - 3 * channels) // own)
        negative = ZERO
        if again:
            negative = mean_below_zero(t, start, chunks.kept, partials, memory.sums)
            if negative == ZERO:
                return
        for e in range(own):
            gathered[e] = ZERO
        for r in range(polynomial_room):
            polynomial[r] = ZERO
        for e in range(EXTRAS):
            extra[e, t] = ZERO
        index[t] = t
        first_tile, end = number * chunks.chunk // area, (number + 1) * chunks.chunk
        for tile in range(first_tile, min(end, chunks.places) // area):
            # The index is read again, as all that follows from it would be kept in registers from
            # tile to tile.
            u = index[t]
            slot = slot_of(tile, area, chunks.first * chunks.chunk, u)
            valid = kept_pixels(chunks.pixels, slot)
            if not cuda.syncthreads_or(int32(valid)):
                continue
            place = Place(axes, tile // axes.x_tiles.shape[0], tile % axes.x_tiles.shape[0], u)
            near_count = evaluate(place, group, n, parameters, start, memory, values)
            to_slopes(chunks.pixels, slot, valid, alpha, negative, values, extra, u)
            gather(place, group, n, near_count, memory, values, gathered, polynomial)

        store_centres(t, number, start, group, n, gathered, memory.sums, partials)
        if group == 0:
            store_polynomial(t, number, start, n, polynomial, partials)
            if set_ == 0:
                cuda.syncthreads()
                store_extras(t, number, start, extra, partials)

    return kernel(sweep, order, channels, threads, set_, "again" if again else "first")


def _slopes(work: TileWork, set_: int) -> tuple[Any, Any]:
    channels, threads = work.channels, work.threads
    residuals_at, argument_of, slope_of = pixel_loss(channels)

    @device
    def kept_pixels(pixels, slot):
        """A bit for each pixel of a thread: whether it has weight in some channel."""
        valid = 0
        for v in range(PIXELS):
            for k in range(channels):
                if pixels[channels + k, slot + v * threads] != ZERO:
                    valid |= 1 << v
        return valid

    @device
    def to_slopes(pixels, slot, valid, alpha, negative, values, extra, u):
        """Turn the values at a thread's pixels into slopes, and add to its sums of the loss."""
        residual = cuda.local.array(channels, float32)
        for v in range(PIXELS):
            if valid >> v & 1:
                j = slot + v * threads
                mean, below = residuals_at(pixels, 0, j, v, values, extra[NEGATIVE, u], residual)
                extra[NEGATIVE, u] = below
                argument = argument_of(residual, mean, alpha, negative)
                inverse = ONE / argument
                extra[LOG, u] += LN_2 * math.log2(argument)
                extra[INVERSE, u] += inverse
                for k in range(channels):
                    if set_ == 0:
                        weight = pixels[channels + k, j]
                        slope = slope_of(residual[k], mean, weight, alpha, inverse)
                    else:
                        slope = ONE if values[v * channels + k] < ZERO else ZERO
                    values[v * channels + k] = slope
            else:
                for k in range(channels):
                    values[v * channels + k] = ZERO

    return kept_pixels, to_slopes


def _stores(work: TileWork, set_: int, again: bool) -> tuple[Any, Any, Any]:
    channels, own, threads = work.channels, work.own, work.threads
    polynomial_room = polynomial_sums(work)
    fold, row_total = row_sums(threads)

    @device
    def store_polynomial(t, number, start, n, polynomial, partials):
        """Write the sums of the polynomial that a thread keeps."""
        for r in range(polynomial_room):
            e = t + r * threads
            if e < 3 * channels:
                # The sums go by channel, then axis; the parameters by axis, then channel.
                column = own * n + e % 3 * channels + e // 3
                partials[start, set_, column, number] = polynomial[r]

    @device
    def store_centres(t, number, start, group, n, gathered, sums, partials):
        """Add up the shares of each centre of the group and write them."""
        size = min(threads, n - group * threads)
        i = group * threads + t
        for e in range(own):
            cuda.syncthreads()
            sums[t] = gathered[e]
            cuda.syncthreads()
            if t < size:
                total = ZERO
                for r in range(threads // size):
                    total += sums[r * size + t]
                if e < 2:
                    partials[start, set_, 2 * i + e, number] = -TWO * total
                else:
                    partials[start, set_, 2 * n + channels * i + e - 2, number] = total

    @device
    def store_extras(t, number, start, extra, partials):
        """Add up and write the sums of the loss."""
        fold(t, EXTRAS, extra)
        for e in range(t, EXTRAS, threads):
            # Other blocks may still read the sum below zero that the first pass has left.
            if not again or e != NEGATIVE:
                partials[start, 0, partials.shape[2] - EXTRAS + e, number] = row_total(e, extra)

    return store_polynomial, store_centres, store_extras

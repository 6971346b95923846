"""The loss and its gradient, chunk by chunk of the pixels: the kernel of every iteration.

A block takes a chunk of pixels and a group of centres, and goes over the chunk tile by tile:

1. each thread evaluates the spline at its pixels, from centres in shared memory;
2. from there it has their loss and dL/dS, which it leaves in shared memory;
3. each thread sums these up for its centres, over its slice of the tile.

Nothing of the size of the image is written. Sums go into the columns of the block's own chunk;
`fastbg.cuda_kernels.totals` adds the chunks up.

The mean of |S| - S couples the pixels. The first kernel takes it for zero and measures it; where
it is not, the second goes over the pixels again with what was measured. It keeps the sums that
are to be multiplied with a mean over all pixels, known only afterwards, apart (the second set).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import cuda, float32, int32, uint64

from . import maths
from .compilation import device, kernel
from .layout import (
    CENTRES_A_THREAD,
    EXTRAS,
    INVERSE,
    LOG,
    NEGATIVE,
    PIXELS_A_THREAD,
    RUNNING,
    SETS,
    USUAL,
)

ZERO, ONE, TWO, LN_2 = map(np.float32, (0, 1, 2, math.log(2)))
STEP = np.uint64(1)


@lru_cache
def passes(order: int, channels: int, threads: int = USUAL.threads) -> tuple[Any, Any]:
    """The two kernels for an order and K channels.

    Both take a grid of (chunks or more, groups of centres, starts) and

    pixels : (2 + 2 K, L), float32
        y, x, data and weight of some whole chunks.
    first, chunk, count : int
        The first of these chunks, pixels of a chunk, and P.
    parameters : (B, n), float32
    alpha : float32
    ended : (B,), int32
        What is not `RUNNING` is left out.
    partials : (B, SETS, n + EXTRAS, chunks), float32; written
    """
    return (_make(order, channels, threads, 1), _make(order, channels, threads, SETS))


def group_size(centres: int, threads: int = USUAL.threads) -> int:
    """How many centres a block sums up slopes for."""
    return min(centres, threads * CENTRES_A_THREAD)


def _make(order: int, channels: int, threads: int, sets: int) -> Any:
    phi, phi_prime = device(maths.PHI[order]), device(maths.PHI_PRIME[order])
    argument_of, own_slope = device(maths.argument_of), device(maths.own_slope)
    tile = threads * PIXELS_A_THREAD
    slopes = sets * channels
    """dL/dS of a pixel, set by set."""
    own = 2 + channels
    """Sums of a centre in each set: two for where it is, K for its weights."""
    sums = sets * own * CENTRES_A_THREAD
    extras = EXTRAS + 3 * slopes
    """Sums of a thread that belong to no centre: `EXTRAS`, and the polynomial's in each set."""
    values_room, weights_room = PIXELS_A_THREAD * channels, CENTRES_A_THREAD * channels
    room = max(PIXELS_A_THREAD * (2 + slopes), sums, extras)
    parts = min(16, threads)

    def sweep(pixels, first, chunk, count, parameters, alpha, ended, partials):
        t = cuda.threadIdx.x
        number, start = cuda.blockIdx.x + first, cuda.blockIdx.z
        if number * chunk >= min(count, first * chunk + pixels.shape[1]) or ended[start] != RUNNING:
            return
        centre = cuda.shared.array((own, threads), float32)
        shared = cuda.shared.array((room, threads), float32)
        n = (parameters.shape[1] - 3 * channels) // own
        negative = ZERO
        if sets == SETS:
            column = parameters.shape[1] + NEGATIVE
            total = ZERO
            for c in range(t, partials.shape[3], threads):
                total += partials[start, 0, column, c]
            shared[0, t] = total
            if not cuda.syncthreads_or(int32(total != ZERO)):
                return
            # Every thread of every block in the same order.
            for s in range(threads):
                negative += shared[0, s]
            cuda.syncthreads()
            negative /= float32(count) * float32(channels)

        # Threads are in teams, one for each centre that they sum up side by side, and in slices.
        size = min(n, threads * CENTRES_A_THREAD)
        first_centre = cuda.blockIdx.y * size
        size = min(size, n - first_centre)
        teams = (size + CENTRES_A_THREAD - 1) // CENTRES_A_THREAD
        slices = threads // teams
        team, slice_ = t % teams, t // teams

        extra = cuda.local.array(extras, float32)
        for e in range(extras):
            extra[e] = ZERO
        gathered = cuda.local.array(sums, float32)
        for e in range(sums):
            gathered[e] = ZERO
        cy = cuda.local.array(CENTRES_A_THREAD, float32)
        cx = cuda.local.array(CENTRES_A_THREAD, float32)
        cw = cuda.local.array(weights_room, float32)
        for c in range(CENTRES_A_THREAD):
            # Of an odd number the last is taken twice, and written once.
            i = min(first_centre + team + c * teams, n - 1)
            cy[c] = parameters[start, 2 * i]
            cx[c] = parameters[start, 2 * i + 1]
            for k in range(channels):
                cw[c * channels + k] = parameters[start, 2 * n + channels * i + k]

        values = cuda.local.array(values_room, float32)
        py = cuda.local.array(PIXELS_A_THREAD, float32)
        px = cuda.local.array(PIXELS_A_THREAD, float32)
        residual = cuda.local.array(channels, float32)
        base = own * n
        offset = first * chunk
        end = min((number + 1) * chunk, count)
        for begin in range(number * chunk, end, tile):
            for v in range(PIXELS_A_THREAD):
                j = min(begin + v * threads + t, end - 1) - offset
                py[v], px[v] = pixels[0, j], pixels[1, j]
                for k in range(channels):
                    values[v * channels + k] = (
                        py[v] * parameters[start, base + k]
                        + px[v] * parameters[start, base + channels + k]
                        + parameters[start, base + 2 * channels + k]
                    )
            for batch in range(0, n, threads):
                cuda.syncthreads()
                i = batch + t
                if i < n:
                    centre[0, t] = parameters[start, 2 * i]
                    centre[1, t] = parameters[start, 2 * i + 1]
                    for k in range(channels):
                        centre[2 + k, t] = parameters[start, 2 * n + channels * i + k]
                cuda.syncthreads()
                # Indices without a sign, here and below: others are checked for being negative.
                s, stop = uint64(0), uint64(min(threads, n - batch))
                while s < stop:
                    for v in range(PIXELS_A_THREAD):
                        dy, dx = py[v] - centre[0, s], px[v] - centre[1, s]
                        f = phi(dy * dy + dx * dx)
                        for k in range(channels):
                            values[v * channels + k] += f * centre[2 + k, s]
                    s += STEP

            for v in range(PIXELS_A_THREAD):
                shared[v, t], shared[PIXELS_A_THREAD + v, t] = py[v], px[v]
                for e in range(slopes):
                    shared[(2 + e) * PIXELS_A_THREAD + v, t] = ZERO
                j = begin + v * threads + t - offset
                if j < end - offset:
                    mean = ZERO
                    for k in range(channels):
                        value = values[v * channels + k]
                        residual[k] = pixels[2 + channels + k, j] * (pixels[2 + k, j] - value)
                        mean += residual[k]
                        extra[NEGATIVE] -= TWO * min(value, ZERO)
                    mean /= float32(channels)
                    argument = argument_of(residual, mean, alpha, negative)
                    inverse = ONE / argument
                    extra[LOG] += LN_2 * math.log2(argument)
                    extra[INVERSE] += inverse
                    for k in range(channels):
                        weight = pixels[2 + channels + k, j]
                        slope = own_slope(residual[k], mean, weight, alpha)
                        slope *= inverse / float32(channels)
                        shared[(2 + k) * PIXELS_A_THREAD + v, t] = slope
                        if sets == SETS and values[v * channels + k] < ZERO:
                            shared[(2 + channels + k) * PIXELS_A_THREAD + v, t] = ONE
                    for e in range(slopes):
                        slope = shared[(2 + e) * PIXELS_A_THREAD + v, t]
                        extra[EXTRAS + 3 * e] += slope * py[v]
                        extra[EXTRAS + 3 * e + 1] += slope * px[v]
                        extra[EXTRAS + 3 * e + 2] += slope
            cuda.syncthreads()

            if slice_ < slices:
                s, stop, step = uint64(slice_), uint64(threads), uint64(slices)
                while s < stop:
                    for v in range(PIXELS_A_THREAD):
                        y, x = shared[v, s], shared[PIXELS_A_THREAD + v, s]
                        for c in range(CENTRES_A_THREAD):
                            dy, dx = y - cy[c], x - cx[c]
                            q = dy * dy + dx * dx
                            f, f_prime = phi(q), phi_prime(q)
                            for e in range(sets):
                                place = (c * sets + e) * own
                                along = ZERO
                                for k in range(channels):
                                    row = (2 + e * channels + k) * PIXELS_A_THREAD + v
                                    slope = shared[row, s]
                                    gathered[place + 2 + k] += slope * f
                                    along += slope * cw[c * channels + k]
                                along *= f_prime
                                gathered[place] += along * dy
                                gathered[place + 1] += along * dx
                    s += step

        cuda.syncthreads()
        for e in range(sums):
            shared[e, t] = gathered[e]
        cuda.syncthreads()
        for s in range(t, sums * teams, threads):
            e, member = s // teams, s % teams
            centre_of_team, set_, quantity = e // (sets * own), (e // own) % sets, e % own
            i = first_centre + member + centre_of_team * teams
            if i < first_centre + size:
                total = ZERO
                for r in range(slices):
                    total += shared[e, r * teams + member]
                if quantity < 2:
                    partials[start, set_, 2 * i + quantity, number] = -TWO * total
                else:
                    partials[start, set_, 2 * n + channels * i + quantity - 2, number] = total

        if cuda.blockIdx.y == 0:
            cuda.syncthreads()
            for e in range(extras):
                shared[e, t] = extra[e]
            cuda.syncthreads()
            part = t % parts
            for e in range(t // parts, extras, threads // parts):
                total = ZERO
                for s in range(part, threads, parts):
                    total += shared[e, s]
                shared[e, part] = total
            cuda.syncthreads()
            for e in range(t, extras, threads):
                total = ZERO
                for s in range(parts):
                    total += shared[e, s]
                if e >= EXTRAS:
                    # Here by channel, then axis; among the parameters the other way round.
                    k, axis = (e - EXTRAS) // 3, (e - EXTRAS) % 3
                    row = base + axis * channels + k % channels
                    partials[start, k // channels, row, number] = total
                elif sets == 1 or e != NEGATIVE:
                    # Other blocks may still read what the first kernel found below zero.
                    partials[start, 0, parameters.shape[1] + e, number] = total

    return kernel(sweep)

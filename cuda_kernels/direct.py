"""The loss and its gradient, each pixel with each centre: `tiled` is for large problems.

A block takes a chunk of pixels and a group of centres, and goes over the chunk in batches:

1. each thread evaluates the spline at its pixels, from centres in shared memory;
2. from there it has their loss and dL/dS, and leaves the latter in shared memory;
3. each thread sums these up for its centres, over its slice of the batch.

Nothing of the size of the image is written. Sums go into the columns of the block's own chunk;
`fastbg.cuda_kernels.adam` adds the chunks up.

The mean of |S| - S couples the pixels. The first pass takes it for zero and measures it; where it
is not zero, the second goes over the pixels again with the value that was measured. It keeps those
sums apart (the second set) that are to be multiplied with a mean over all pixels, which is known
only afterwards.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from numba import cuda, float32, uint64

from . import maths
from .compilation import device, kernel
from .direct_work import Centres, Pixels, Work
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
from .pixel_loss import LN_2, ONE, TWO, ZERO, pixel_loss
from .reduction import STEP, below_zero, row_sums


@lru_cache
def passes(order: int, channels: int, threads: int = USUAL.threads) -> tuple[Any, Any]:
    """The two kernels for an order and K channels.

    Both take a grid of (chunks or more, groups of centres, starts) and

    chunks : Chunks
        The planes y, x, data and weight, (2 + 2 K, L).
    parameters : (B, n), float32
    alpha : float32
    ended : (B,), int32
        A start that is not `RUNNING` is left out.
    partials : (B, SETS, n + EXTRAS, chunks), float32; written
    """
    return tuple(_make(Work(order, channels, threads, sets)) for sets in (1, SETS))


def group_size(centres: int, threads: int = USUAL.threads) -> int:
    """How many centres a block sums up slopes for."""
    return min(centres, threads * CENTRES_A_THREAD)


def _make(work: Work) -> Any:
    channels, threads, own = work.channels, work.threads, work.own
    sets, sums, extras = work.sets, work.sums, work.extras
    batch = threads * PIXELS_A_THREAD
    values_room, weights_room = PIXELS_A_THREAD * channels, CENTRES_A_THREAD * channels
    room = max(PIXELS_A_THREAD * (2 + work.slopes), sums, extras)
    mean_below_zero = below_zero(channels, threads)
    centres_of, load_centres, gather = _centres(work)
    load_pixels, evaluate = _forward(work)
    to_slopes = _slopes(work)
    store_centres, store_extras = _stores(work)

    def sweep(chunks, parameters, alpha, ended, partials):
        t = cuda.threadIdx.x
        number, start = cuda.blockIdx.x + chunks.first, cuda.blockIdx.z
        offset = chunks.first * chunks.chunk
        stop = min(chunks.places, offset + chunks.pixels.shape[1])
        if number * chunks.chunk >= stop or ended[start] != RUNNING:
            return
        centre = cuda.shared.array((own, threads), float32)
        shared = cuda.shared.array((room, threads), float32)
        negative = ZERO
        if sets == SETS:
            negative = mean_below_zero(t, start, chunks.kept, partials, shared[0])
            if negative == ZERO:
                return
            cuda.syncthreads()
        centres = centres_of(t, parameters)
        cy = cuda.local.array(CENTRES_A_THREAD, float32)
        cx = cuda.local.array(CENTRES_A_THREAD, float32)
        cw = cuda.local.array(weights_room, float32)
        load_centres(centres, parameters, start, cy, cx, cw)
        extra = cuda.local.array(extras, float32)
        for e in range(extras):
            extra[e] = ZERO
        gathered = cuda.local.array(sums, float32)
        for e in range(sums):
            gathered[e] = ZERO
        mine = Pixels(
            cuda.local.array(PIXELS_A_THREAD, float32),
            cuda.local.array(PIXELS_A_THREAD, float32),
            cuda.local.array(values_room, float32),
        )
        end = min((number + 1) * chunks.chunk, chunks.places) - offset
        for begin in range(number * chunks.chunk - offset, end, batch):
            load_pixels(t, begin, end, chunks.pixels, parameters, start, mine)
            evaluate(t, centres.n, parameters, start, centre, mine)
            for v in range(PIXELS_A_THREAD):
                j = begin + v * threads + t
                to_slopes(t, v, j, j < end, chunks.pixels, alpha, negative, mine, shared, extra)
            cuda.syncthreads()
            gather(centres, shared, cy, cx, cw, gathered)
        store_centres(t, number, start, centres, gathered, shared, partials)
        if cuda.blockIdx.y == 0:
            store_extras(t, number, start, extra, shared, partials)

    return kernel(sweep, work.order, channels, threads, sets)


def _centres(work: Work) -> tuple[Any, Any, Any]:
    phi, phi_prime = device(maths.PHI[work.order]), device(maths.PHI_PRIME[work.order])
    channels, threads, own, sets = work.channels, work.threads, work.own, work.sets

    @device
    def centres_of(t, parameters):
        """The `Centres` of a thread."""
        n = (parameters.shape[1] - 3 * channels) // own
        size = min(n, threads * CENTRES_A_THREAD)
        first = cuda.blockIdx.y * size
        size = min(size, n - first)
        teams = (size + CENTRES_A_THREAD - 1) // CENTRES_A_THREAD
        return Centres(n, first, size, teams, t % teams, t // teams, threads // teams)

    @device
    def load_centres(centres, parameters, start, cy, cx, cw):
        """Read the centres of a thread; of an odd number the last is read twice."""
        for c in range(CENTRES_A_THREAD):
            i = min(centres.first + centres.member + c * centres.teams, centres.n - 1)
            cy[c] = parameters[start, 2 * i]
            cx[c] = parameters[start, 2 * i + 1]
            for k in range(channels):
                cw[c * channels + k] = parameters[start, 2 * centres.n + channels * i + k]

    @device
    def gather(centres, shared, cy, cx, cw, gathered):
        """Add a thread's slice of the batch to the sums of its centres."""
        if centres.slice < centres.slices:
            s, stop, step = uint64(centres.slice), uint64(threads), uint64(centres.slices)
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

    return centres_of, load_centres, gather


def _forward(work: Work) -> tuple[Any, Any]:
    phi = device(maths.PHI[work.order])
    channels, threads, own = work.channels, work.threads, work.own

    @device
    def load_pixels(t, begin, end, pixels, parameters, start, mine):
        """Read the positions of a thread's pixels, and evaluate the polynomial there."""
        base = own * ((parameters.shape[1] - 3 * channels) // own)
        for v in range(PIXELS_A_THREAD):
            j = min(begin + v * threads + t, end - 1)
            y, x = pixels[0, j], pixels[1, j]
            mine.y[v], mine.x[v] = y, x
            for k in range(channels):
                mine.values[v * channels + k] = (
                    y * parameters[start, base + k]
                    + x * parameters[start, base + channels + k]
                    + parameters[start, base + 2 * channels + k]
                )

    @device
    def evaluate(t, n, parameters, start, centre, mine):
        """Add all centres, as many at a time as there are threads."""
        for first in range(0, n, threads):
            cuda.syncthreads()
            i = first + t
            if i < n:
                centre[0, t] = parameters[start, 2 * i]
                centre[1, t] = parameters[start, 2 * i + 1]
                for k in range(channels):
                    centre[2 + k, t] = parameters[start, 2 * n + channels * i + k]
            cuda.syncthreads()
            # Indices without a sign, here and in `gather`: others are checked for being negative.
            s, stop = uint64(0), uint64(min(threads, n - first))
            while s < stop:
                for v in range(PIXELS_A_THREAD):
                    dy, dx = mine.y[v] - centre[0, s], mine.x[v] - centre[1, s]
                    f = phi(dy * dy + dx * dx)
                    for k in range(channels):
                        mine.values[v * channels + k] += f * centre[2 + k, s]
                s += STEP

    return load_pixels, evaluate


def _slopes(work: Work) -> Any:
    channels, sets, slopes = work.channels, work.sets, work.slopes
    residuals_at, argument_of, slope_of = pixel_loss(channels)

    @device
    def to_slopes(t, v, j, exists, pixels, alpha, negative, mine, shared, extra):
        """Leave position and slopes of pixel v of a thread in shared memory; add to its extras."""
        residual = cuda.local.array(channels, float32)
        shared[v, t], shared[PIXELS_A_THREAD + v, t] = mine.y[v], mine.x[v]
        for e in range(slopes):
            shared[(2 + e) * PIXELS_A_THREAD + v, t] = ZERO
        if exists:
            mean, below = residuals_at(pixels, 2, j, v, mine.values, extra[NEGATIVE], residual)
            extra[NEGATIVE] = below
            argument = argument_of(residual, mean, alpha, negative)
            inverse = ONE / argument
            extra[LOG] += LN_2 * math.log2(argument)
            extra[INVERSE] += inverse
            for k in range(channels):
                slope = slope_of(residual[k], mean, pixels[2 + channels + k, j], alpha, inverse)
                shared[(2 + k) * PIXELS_A_THREAD + v, t] = slope
                if sets == SETS and mine.values[v * channels + k] < ZERO:
                    shared[(2 + channels + k) * PIXELS_A_THREAD + v, t] = ONE
            for e in range(slopes):
                slope = shared[(2 + e) * PIXELS_A_THREAD + v, t]
                extra[EXTRAS + 3 * e] += slope * mine.y[v]
                extra[EXTRAS + 3 * e + 1] += slope * mine.x[v]
                extra[EXTRAS + 3 * e + 2] += slope

    return to_slopes


def _stores(work: Work) -> tuple[Any, Any]:
    channels, threads, own = work.channels, work.threads, work.own
    sets, sums, extras = work.sets, work.sums, work.extras
    fold, row_total = row_sums(threads)

    @device
    def store_centres(t, number, start, centres, gathered, shared, partials):
        """Add up the slices of each centre of the group and write them."""
        n, teams = centres.n, centres.teams
        cuda.syncthreads()
        for e in range(sums):
            shared[e, t] = gathered[e]
        cuda.syncthreads()
        for s in range(t, sums * teams, threads):
            e, member = s // teams, s % teams
            centre_of_team, set_, quantity = e // (sets * own), (e // own) % sets, e % own
            i = centres.first + member + centre_of_team * teams
            if i < centres.first + centres.size:
                total = ZERO
                for r in range(centres.slices):
                    total += shared[e, r * teams + member]
                if quantity < 2:
                    partials[start, set_, 2 * i + quantity, number] = -TWO * total
                else:
                    partials[start, set_, 2 * n + channels * i + quantity - 2, number] = total

    @device
    def store_extras(t, number, start, extra, shared, partials):
        """Add up and write the sums that belong to no centre."""
        columns = partials.shape[2] - EXTRAS
        cuda.syncthreads()
        for e in range(extras):
            shared[e, t] = extra[e]
        cuda.syncthreads()
        fold(t, extras, shared)
        for e in range(t, extras, threads):
            total = row_total(e, shared)
            if e >= EXTRAS:
                # The sums go by channel, then axis; the parameters by axis, then channel.
                k, axis = (e - EXTRAS) // 3, (e - EXTRAS) % 3
                row = columns - 3 * channels + axis * channels + k % channels
                partials[start, k // channels, row, number] = total
            elif sets == 1 or e != NEGATIVE:
                # Other blocks may still read the sum below zero that the first pass has left.
                partials[start, 0, columns + e, number] = total

    return store_centres, store_extras

"""Sums over the chunks, and what a descent makes of them: the loss, the gradient, Adam, its end.

A block takes a few parameters of one start, and all threads of it add up their columns. These
kernels see thousands of numbers where those of `fastbg.cuda_kernels.objective` see millions, so
they can afford float64, in which the plain loop walks as well.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import cuda, float64

from ..spline.adam import (
    ADAM_EPS,
    BETA_1,
    BETA_2,
    LOWEST_RATE,
    PLATEAU_FACTOR,
    PLATEAU_GAIN,
    PLATEAU_PATIENCE,
    STOP_GAIN,
    STOP_PATIENCE,
)
from .compilation import device, kernel
from .layout import (
    BEST,
    CONVERGED,
    CURRENT,
    DIVERGED,
    DONE,
    ENDED,
    EXTRAS,
    FIELDS,
    FIRST_MOMENT,
    INVERSE,
    LOG,
    LOWEST,
    NEGATIVE,
    PLATEAU_BEST,
    PLATEAU_WAITED,
    RATE,
    RUNNING,
    SECOND_MOMENT,
    STOP_BEST,
    STOP_WAITED,
    USUAL,
)

ROWS = 8
"""Columns that a block adds up: `EXTRAS`, which every block needs, and those of parameters."""

PARAMETERS = ROWS - EXTRAS
"""Of a block."""


@lru_cache
def kernels(threads: int = USUAL.threads) -> tuple[Any, Any]:
    """``totals`` and ``adam``, for a grid of (n / `PARAMETERS` or more, starts)."""
    lanes = threads // ROWS

    @device
    def add_up(partials, count, channels, alpha, buffer, found):
        """Leave the sums of the extras and the gradient of this block's parameters in ``found``."""
        t, start = cuda.threadIdx.x, cuda.blockIdx.y
        row, lane = t // lanes, t % lanes
        n = partials.shape[2] - EXTRAS
        column = n + row if row < EXTRAS else cuda.blockIdx.x * PARAMETERS + row - EXTRAS
        for set_ in range(2):
            total = 0.0
            if column < partials.shape[2]:
                for c in range(lane, partials.shape[3], lanes):
                    total += float64(partials[start, set_, column, c])
            buffer[t] = total
            cuda.syncthreads()
            if lane == 0:
                total = 0.0
                for s in range(lanes):
                    total += buffer[t + s]
                if set_ == 0:
                    found[row] = total
                elif row >= EXTRAS:
                    # d loss / d S of what lies below zero, whatever its pixel.
                    slope = -2.0 * alpha * found[INVERSE] / (count * count * channels)
                    found[row] = found[row] / count + slope * total
            cuda.syncthreads()
            if set_ == 0 and found[NEGATIVE] == 0.0:
                break
        if found[NEGATIVE] == 0.0 and lane == 0 and row >= EXTRAS:
            found[row] /= count
        cuda.syncthreads()

    def totals(partials, count, channels, alpha, out):
        """The gradients, and behind each its loss, into ``out``, (B, n + 1), float64."""
        if cuda.blockIdx.x * PARAMETERS >= out.shape[1] - 1:
            return
        buffer = cuda.shared.array(threads, float64)
        found = cuda.shared.array(ROWS, float64)
        add_up(partials, count, channels, alpha, buffer, found)
        t, start = cuda.threadIdx.x, cuda.blockIdx.y
        column = cuda.blockIdx.x * PARAMETERS + t
        if t < PARAMETERS and column < out.shape[1] - 1:
            out[start, column] = found[EXTRAS + t]
        if t == 0 and cuda.blockIdx.x == 0:
            out[start, out.shape[1] - 1] = found[LOG] / count

    def adam(
        partials,
        count,
        channels,
        alpha,
        first,
        each,
        steps,
        vectors,
        parameters,
        state,
        ended,
        broken,
        losses,
    ):
        """Iteration t = ``first[0] + each``, from 0, of `fastbg.spline.adam`, for every start.

        Those that have ended are left out.

        first : (1,), int32
            On the device, since launches are captured once for many bursts of iterations.
        steps : (iterations, 2), float64
            sqrt(1 - beta_2^t) and 1 - beta_1^t of the plain loop.
        vectors : (B, 4, n), float64
        parameters : (B, n), float32
            What the next iteration evaluates.
        state, broken : (2, B, FIELDS), float64, and (2, B), int32
            Read at t % 2 and written at the other, since blocks run in any order.
        ended : (B,), int32
        losses : (iterations, B), float64
        """
        if cuda.blockIdx.x * PARAMETERS >= parameters.shape[1]:
            return
        start, thread = cuda.blockIdx.y, cuda.threadIdx.x
        t = first[0] + each
        before, after = t % 2, (t + 1) % 2
        teller = cuda.blockIdx.x == 0 and thread == 0
        if state[before, start, ENDED] != RUNNING:
            if teller:
                for field in range(FIELDS):
                    state[after, start, field] = state[before, start, field]
            return
        buffer = cuda.shared.array(threads, float64)
        found = cuda.shared.array(ROWS, float64)
        add_up(partials, count, channels, alpha, buffer, found)
        loss = found[LOG] / count
        if broken[before, start]:
            loss = math.nan
        finite = math.isfinite(loss)
        gains = loss < state[before, start, STOP_BEST] - STOP_GAIN
        waited = 0.0 if gains else state[before, start, STOP_WAITED] + 1.0
        goes_on = finite and waited < STOP_PATIENCE

        column = cuda.blockIdx.x * PARAMETERS + thread
        if thread < PARAMETERS and column < parameters.shape[1]:
            current = vectors[start, CURRENT, column]
            if finite and loss < state[before, start, LOWEST]:
                vectors[start, BEST, column] = current
            if goes_on:
                gradient = found[EXTRAS + thread]
                first, second = (
                    vectors[start, FIRST_MOMENT, column],
                    vectors[start, SECOND_MOMENT, column],
                )
                first += (1.0 - BETA_1) * (gradient - first)
                second += (1.0 - BETA_2) * (gradient * gradient - second)
                step = state[before, start, RATE] * steps[t, 0] / steps[t, 1]
                current -= step * first / (math.sqrt(second) + ADAM_EPS)
                vectors[start, FIRST_MOMENT, column] = first
                vectors[start, SECOND_MOMENT, column] = second
                vectors[start, CURRENT, column] = current
                single = np.float32(current)
                parameters[start, column] = single
                if not math.isfinite(single):
                    # The hot kernels may take what is no number for one.
                    broken[after, start] = 1

        if teller:
            losses[t, start] = loss
            rate = state[before, start, RATE]
            plateau_best = state[before, start, PLATEAU_BEST]
            plateau_waited = state[before, start, PLATEAU_WAITED] + 1.0
            if loss < plateau_best - PLATEAU_GAIN:
                plateau_best, plateau_waited = loss, 0.0
            if plateau_waited >= PLATEAU_PATIENCE:
                plateau_waited = 0.0
                rate = min(rate, max(rate * PLATEAU_FACTOR, LOWEST_RATE))
            lowest = state[before, start, LOWEST]
            end = CONVERGED if finite else DIVERGED
            state[after, start, LOWEST] = min(lowest, loss) if finite else lowest
            state[after, start, PLATEAU_BEST] = plateau_best
            state[after, start, PLATEAU_WAITED] = plateau_waited
            state[after, start, STOP_BEST] = loss if gains else state[before, start, STOP_BEST]
            state[after, start, STOP_WAITED] = waited
            state[after, start, RATE] = rate
            state[after, start, ENDED] = RUNNING if goes_on else end
            state[after, start, DONE] = t + 1
            ended[start] = RUNNING if goes_on else end

    return kernel(totals, fastmath=False), kernel(adam, fastmath=False)

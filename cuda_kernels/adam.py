"""The sums over all chunks, and the steps of Adam that follow from them.

A block takes a few parameters of one start, and all of its threads add up the columns of these.
These kernels see thousands of numbers where those of `direct` and `tiled` see millions, so they can
afford float64, which the plain loop `fastbg.spline.adam.descend` computes in as well.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

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
from . import maths
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
from .tiles import Array

ROWS = 8
"""Columns that a block adds up: the `EXTRAS`, which every block needs, and those of parameters."""

PARAMETERS = ROWS - EXTRAS
"""Parameters of a block."""


class Descending(NamedTuple):
    """The arrays of descents of B starts.

    Attributes
    ----------
    first : (1,), int32
        The first iteration of a burst. It is on the device because the launches of a burst are
        captured once and repeated.
    steps : (iterations, 2), float64
        sqrt(1 - beta_2^t) and 1 - beta_1^t of the plain loop.
    vectors : (B, 4, n), float64
    parameters : (B, n), float32
        The next iteration evaluates these.
    state, broken : (2, B, FIELDS), float64, and (2, B), int32
        Iteration t reads them at t % 2 and writes at the other, since blocks run in any order.
    ended : (B,), int32
    losses : (iterations, B), float64
    """

    first: Array
    steps: Array
    vectors: Array
    parameters: Array
    state: Array
    broken: Array
    ended: Array
    losses: Array


@lru_cache
def kernels(threads: int = USUAL.threads) -> tuple[Any, Any]:
    """``totals`` and ``adam``, for a grid of (n / `PARAMETERS` or more, starts)."""
    add_up = _sums(threads)
    step, advance = _rules()

    def totals(partials, count, channels, alpha, out):
        """Write the gradients, and behind each its loss, to ``out``, (B, n + 1), float64."""
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

    def adam(partials, count, channels, alpha, each, descending):
        """Iteration t = ``first[0] + each``, from 0, of every start that has not ended."""
        if cuda.blockIdx.x * PARAMETERS >= descending.parameters.shape[1]:
            return
        start, thread = cuda.blockIdx.y, cuda.threadIdx.x
        t = descending.first[0] + each
        before, after = t % 2, (t + 1) % 2
        state = descending.state
        leader = cuda.blockIdx.x == 0 and thread == 0
        if state[before, start, ENDED] != RUNNING:
            if leader:
                for field in range(FIELDS):
                    state[after, start, field] = state[before, start, field]
            return
        buffer = cuda.shared.array(threads, float64)
        found = cuda.shared.array(ROWS, float64)
        add_up(partials, count, channels, alpha, buffer, found)
        loss = found[LOG] / count
        if descending.broken[before, start]:
            loss = math.nan
        gains = loss < state[before, start, STOP_BEST] - STOP_GAIN
        waited = 0.0 if gains else state[before, start, STOP_WAITED] + 1.0
        column = cuda.blockIdx.x * PARAMETERS + thread
        if thread < PARAMETERS and column < descending.parameters.shape[1]:
            if math.isfinite(loss) and loss < state[before, start, LOWEST]:
                descending.vectors[start, BEST, column] = descending.vectors[start, CURRENT, column]
            if math.isfinite(loss) and waited < STOP_PATIENCE:
                step(t, start, column, found[EXTRAS + thread], descending)
        if leader:
            advance(t, start, loss, gains, waited, descending)

    return kernel(totals, threads, fastmath=False), kernel(adam, threads, fastmath=False)


def _sums(threads: int) -> Any:
    lanes, coupled_slope = threads // ROWS, device(maths.coupled_slope)

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
                    # The second set: d loss / d S of all pixels through the mean of |S| - S.
                    slope = coupled_slope(found[INVERSE], alpha, count, channels)
                    found[row] = found[row] / count + slope * total
            cuda.syncthreads()
            if set_ == 0 and found[NEGATIVE] == 0.0:
                break
        if found[NEGATIVE] == 0.0 and lane == 0 and row >= EXTRAS:
            found[row] /= count
        cuda.syncthreads()

    return add_up


def _rules() -> tuple[Any, Any]:
    """``step`` of one parameter, and ``advance`` of the state, as in the plain loop."""

    @device
    def step(t, start, column, gradient, descending):
        """Move one parameter."""
        vectors = descending.vectors
        first = vectors[start, FIRST_MOMENT, column]
        second = vectors[start, SECOND_MOMENT, column]
        first += (1.0 - BETA_1) * (gradient - first)
        second += (1.0 - BETA_2) * (gradient * gradient - second)
        rate = descending.state[t % 2, start, RATE]
        rate = rate * descending.steps[t, 0] / descending.steps[t, 1]
        current = vectors[start, CURRENT, column] - rate * first / (math.sqrt(second) + ADAM_EPS)
        vectors[start, FIRST_MOMENT, column] = first
        vectors[start, SECOND_MOMENT, column] = second
        vectors[start, CURRENT, column] = current
        single = np.float32(current)
        descending.parameters[start, column] = single
        if not math.isfinite(single):
            # The hot kernels are compiled for finite numbers, so their loss would not show it.
            descending.broken[(t + 1) % 2, start] = 1

    @device
    def advance(t, start, loss, gains, waited, descending):
        """Write the state of a start after iteration t."""
        state, before, after = descending.state, t % 2, (t + 1) % 2
        finite = math.isfinite(loss)
        goes_on = finite and waited < STOP_PATIENCE
        descending.losses[t, start] = loss
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
        descending.ended[start] = RUNNING if goes_on else end

    return step, advance

"""The steps of L-BFGS, which are those of the plain loop `fastbg.spline.quasi_newton`.

After each evaluation `judge` goes on with the line search, and where that has ended, `turn` finds
the next direction. Both are one block, whose threads share vectors and matrices of some hundred
rows, in float64. All threads compute the same state; they divide vectors in the same way, so that
only sums and products with matrices need them to wait for each other.

Symbols: K channels, N control points, n parameters, t the index of the thread.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numba import cuda, float64

from ..spline.quasi_newton import DECREASE, FIRST_STEP, HALVINGS, PAIRS, SLOPE
from .compilation import device, kernel
from .inverse_hessian import dot_product, inverse_hessian
from .layout import RUNNING, USUAL
from .search_state import (
    ALONG,
    AT,
    BEST,
    COUNT,
    DIRECTION,
    DONE,
    ENDED,
    FIELDS,
    FOUND,
    FOUND_GRADIENT,
    FOUND_LOSS,
    GRADIENT,
    HIGH,
    LEFT,
    LENGTH,
    LOSS,
    LOW,
    LOWEST,
    NEXT,
    SCRATCH,
    SETTLED,
    STEPS,
    STOPPED,
    TRIAL,
    TURNS,
)

TINY = float(np.finfo(float).tiny)


@lru_cache
def kernels(channels: int, threads: int = USUAL.threads) -> tuple[Any, Any]:
    """``judge`` and ``turn``, for a grid of a block or more, of which the others do nothing."""
    dot, load, try_at = dot_product(threads), _load(), _trial(threads)
    note, found, narrow = _line_search(threads)
    take, turned = _step(threads), inverse_hessian(channels, threads)

    def judge(gain, iterations, searching):
        """Take in an evaluation: the first, or one of a line search, which may end a step."""
        if cuda.blockIdx.x > 0 or searching.ended[0] != RUNNING:
            return
        t, n = cuda.threadIdx.x, searching.vectors.shape[1]
        buffer = cuda.shared.array(threads, float64)
        now = cuda.local.array(FIELDS, float64)
        load(searching.state, now)
        loss = math.nan if searching.broken[0] else searching.out[0, n]
        along = dot(t, searching.out[0, :n], searching.vectors[DIRECTION], buffer)
        if t == 0:
            searching.broken[0] = 0
        cuda.syncthreads()
        note(t, loss, now, searching)
        if now[STEPS] < 0:
            found(t, loss, now, searching)
        else:
            narrow(t, loss, along, now, searching)
        if now[LEFT] > 0:
            try_at(t, now[LENGTH], searching)
        else:
            take(t, gain, now, searching, buffer)
            now[TURNS] = 1
            if now[ENDED] == RUNNING and (not math.isfinite(now[LOSS]) or now[DONE] >= iterations):
                now[ENDED] = STOPPED
        if t == 0:
            for field in range(FIELDS):
                searching.state[field] = now[field]
            searching.ended[0] = int(now[ENDED])

    def turn(iterations, searching):
        """Begin the line search along the next direction, where one is needed."""
        if cuda.blockIdx.x > 0 or searching.ended[0] != RUNNING or not searching.state[TURNS]:
            return
        t, n, vectors = cuda.threadIdx.x, searching.vectors.shape[1], searching.vectors
        buffer = cuda.shared.array(threads, float64)
        parts = cuda.shared.array(PAIRS, float64)
        now = cuda.local.array(FIELDS, float64)
        load(searching.state, now)
        for i in range(t, n, threads):
            vectors[DIRECTION, i] = -vectors[GRADIENT, i]
        turned(t, int(now[COUNT]), int(now[NEXT]), parts, buffer, searching)
        along = dot(t, vectors[GRADIENT], vectors[DIRECTION], buffer)
        length = 1.0 if now[COUNT] > 0 else FIRST_STEP / max(math.sqrt(abs(along)), TINY)
        try_at(t, length, searching)
        if t == 0:
            state = searching.state
            state[LENGTH], state[LOW], state[HIGH], state[ALONG] = length, 0.0, math.inf, along
            state[LEFT] = min(float64(HALVINGS), iterations - now[DONE])
            state[FOUND_LOSS], state[TURNS] = math.nan, 0.0

    return (
        kernel(judge, channels, threads, fastmath=False),
        kernel(turn, channels, threads, fastmath=False),
    )


def _load() -> Any:
    @device
    def load(state, now):
        """Copy the state."""
        for field in range(FIELDS):
            now[field] = state[field]

    return load


def _trial(threads: int) -> Any:
    @device
    def try_at(t, length, searching):
        """Have the parameters so far along the direction evaluated next."""
        vectors = searching.vectors
        for i in range(t, vectors.shape[1], threads):
            value = vectors[AT, i] + length * vectors[DIRECTION, i]
            single = np.float32(value)
            vectors[TRIAL, i], searching.parameters[0, i] = value, single
            if not math.isfinite(single):
                # The hot kernels are compiled for finite numbers, so their loss would not show it.
                searching.broken[0] = 1

    return try_at


def _line_search(threads: int) -> tuple[Any, Any, Any]:
    @device
    def note(t, loss, now, searching):
        """Count an evaluation, and keep the best."""
        if t == 0:
            searching.losses[int(now[DONE])] = loss
        now[DONE] += 1
        if loss < now[LOWEST]:
            now[LOWEST] = loss
            for i in range(t, searching.vectors.shape[1], threads):
                searching.vectors[BEST, i] = searching.vectors[TRIAL, i]

    @device
    def found(t, loss, now, searching):
        """A step may end at the trial."""
        vectors = searching.vectors
        now[FOUND_LOSS] = loss
        for i in range(t, vectors.shape[1], threads):
            vectors[FOUND, i] = vectors[TRIAL, i]
            vectors[FOUND_GRADIENT, i] = searching.out[0, i]

    @device
    def narrow(t, loss, along, now, searching):
        """Judge a trial by the weak Wolfe conditions; none is LEFT if the line search is over."""
        now[LEFT] -= 1
        if loss <= now[LOSS] + DECREASE * now[LENGTH] * now[ALONG]:
            found(t, loss, now, searching)
            now[LOW] = now[LENGTH]
            if along >= SLOPE * now[ALONG]:
                now[LEFT] = 0
        else:
            now[HIGH] = now[LENGTH]
        bounded = now[HIGH] < math.inf
        now[LENGTH] = (now[LOW] + now[HIGH]) / 2.0 if bounded else 2.0 * now[LOW]

    return note, found, narrow


def _step(threads: int) -> Any:
    dot = dot_product(threads)

    @device
    def keep_pair(t, now, searching, buffer):
        """Keep the step to what was found as a pair, if the loss is convex along it."""
        vectors, place = searching.vectors, int(now[NEXT])
        for i in range(t, vectors.shape[1], threads):
            vectors[SCRATCH, i] = vectors[FOUND, i] - vectors[AT, i]
            vectors[SCRATCH + 1, i] = vectors[FOUND_GRADIENT, i] - vectors[GRADIENT, i]
        product = dot(t, vectors[SCRATCH], vectors[SCRATCH + 1], buffer)
        if product > 0.0:
            for i in range(t, vectors.shape[1], threads):
                searching.steps[place, i] = vectors[SCRATCH, i]
                searching.changes[place, i] = vectors[SCRATCH + 1, i]
            if t == 0:
                searching.products[place] = product
            now[NEXT] = (place + 1) % PAIRS
            now[COUNT] = min(now[COUNT] + 1.0, float64(PAIRS))

    @device
    def take(t, gain, now, searching, buffer):
        """End a step: at what was found; or where it began, and then without the pairs."""
        vectors, reached = searching.vectors, searching.reached
        first, size = now[STEPS] < 0, reached.shape[0]
        if not first and math.isnan(now[FOUND_LOSS]):
            if now[COUNT] == 0.0:
                now[ENDED] = SETTLED
            now[COUNT] = 0.0
        else:
            if not first:
                keep_pair(t, now, searching, buffer)
            for i in range(t, vectors.shape[1], threads):
                vectors[AT, i], vectors[GRADIENT, i] = vectors[FOUND, i], vectors[FOUND_GRADIENT, i]
            now[LOSS] = now[FOUND_LOSS]
            now[STEPS] += 1.0
            steps = int(now[STEPS])
            if t == 0:
                reached[steps % size] = now[LOSS]
            # With so many steps the oldest loss that is kept lies ``patience`` of them back.
            if steps >= size - 1 and reached[(steps + 1) % size] - now[LOSS] < gain:
                now[ENDED] = SETTLED

    return take

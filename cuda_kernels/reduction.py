"""Device functions that add up over the threads of a block, always in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, float32, int32

from .compilation import device
from .layout import EXTRAS, NEGATIVE

LANES = 16
"""Partial sums of a row, at most: `fold` leaves them, and `row_total` adds them up."""

ZERO, STEP = np.float32(0), np.uint64(1)


def row_sums(threads: int) -> tuple[Any, Any]:
    """``fold`` and ``row_total``: together they sum up rows with a column for each thread."""
    lanes = min(LANES, threads)

    @device
    def fold(u, rows, table):
        """Leave the partial sums of the first rows of a table, (rows, threads), in its front."""
        lane = u % lanes
        for e in range(u // lanes, rows, threads // lanes):
            total = ZERO
            for s in range(lane, threads, lanes):
                total += table[e, s]
            table[e, lane] = total
        cuda.syncthreads()

    @device
    def row_total(e, table):
        """The sum of a row that was folded."""
        total = ZERO
        for s in range(lanes):
            total += table[e, s]
        return total

    return fold, row_total


def below_zero(channels: int, threads: int) -> Any:
    """``mean_below_zero``, the mean of |S| - S over all pixels and channels."""

    @device
    def mean_below_zero(u, start, kept, partials, buffer):
        """The same in all threads, from the sums of the first pass; ``buffer``: (threads,)."""
        column = partials.shape[2] - EXTRAS + NEGATIVE
        total = ZERO
        for c in range(u, partials.shape[3], threads):
            total += partials[start, 0, column, c]
        buffer[u] = total
        if not cuda.syncthreads_or(int32(total != ZERO)):
            return ZERO
        negative = ZERO
        for s in range(threads):
            negative += buffer[s]
        return negative / (float32(kept) * float32(channels))

    return mean_below_zero

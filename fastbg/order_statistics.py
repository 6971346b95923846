"""Exact quantiles of many float32 samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .backends import c


def quantiles(
    plane: np.ndarray, valid: np.ndarray, probabilities: Sequence[float], threads: int = 1
) -> np.ndarray:
    """Quantiles with linear interpolation between order statistics (`numpy.quantile`'s default).

    The two order statistics around each quantile are exact; the interpolation between them is
    done in float64, so a monotone map of the samples can be applied to the order statistics
    instead of to every sample. In C where that is built, else in numpy: the same bits.

    Parameters
    ----------
    plane : ndarray, float32, C-contiguous
    valid : ndarray, bool, of the same shape
        The samples that count; they hold no NaN.
    probabilities : sequence of at most eight floats in [0, 1]
    threads : int, optional

    Returns
    -------
    ndarray, (len(probabilities),), float64; NaN if no sample counts
    """
    wanted = np.asarray(probabilities, np.float64)
    find = numpy_order_statistics if c.unavailable() else c.order_statistics
    samples, around = find(plane, valid, wanted, threads)
    if samples == 0:
        return np.full(wanted.size, np.nan)
    low, high = around.astype(np.float64).T
    position = wanted * (samples - 1)
    return low + (position - np.floor(position)) * (high - low)


def median(plane: np.ndarray, valid: np.ndarray, threads: int = 1) -> float:
    """Exact median; see `quantiles`."""
    return float(quantiles(plane, valid, [0.5], threads)[0])


def numpy_order_statistics(
    plane: np.ndarray, valid: np.ndarray, probabilities: np.ndarray, threads: int
) -> tuple[int, np.ndarray]:
    """The golden reference of `fastbg.backends.c.order_statistics`."""
    values = plane[valid]
    if not values.size:
        return 0, np.empty((probabilities.size, 2), np.float32)
    below = np.floor(probabilities * (values.size - 1)).astype(np.intp)
    ranks = np.stack([below, np.minimum(below + 1, values.size - 1)], axis=1)
    values.partition(np.unique(ranks))
    return values.size, values[ranks]

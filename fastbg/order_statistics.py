"""Exact quantiles of many float32 samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def quantiles(values: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles with linear interpolation between order statistics (`numpy.quantile`'s default).

    The two order statistics around each quantile are exact; the interpolation between them is
    done in float64, so a monotone map of the samples can be applied to the order statistics
    instead of to every sample.

    Parameters
    ----------
    values : ndarray, (n,), float32, n >= 1, no NaN
        Any order; partially sorted in place.
    probabilities : sequence of float in [0, 1]

    Returns
    -------
    ndarray, (len(probabilities),), float64
    """
    position = np.asarray(probabilities, np.float64) * (values.size - 1)
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, values.size - 1)
    values.partition(np.unique([below, above]))
    low, high = values[below].astype(np.float64), values[above].astype(np.float64)
    return low + (position - below) * (high - low)


def median(values: np.ndarray) -> float:
    """Exact median; see `quantiles` for `values`."""
    return float(quantiles(values, [0.5])[0])

"""Order statistics of a few samples, and their scatter, robust against outliers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MAD_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution, divided by its median absolute deviation."""


def robust_sigma(values: np.ndarray) -> float:
    """The median absolute deviation from the median times 1.4826, over finite values; NaN for none.

    It estimates the standard deviation of Gaussian noise: Rousseeuw and Croux, J. Am. Stat. Assoc.
    88, 1273 (1993).
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan
    return MAD_TO_SIGMA * float(median(np.abs(values - median(values))))


def median(values: np.ndarray) -> Any:
    """The median of (n,) numbers without NaN, n > 0.

    `numpy.median` also looks for NaN, and takes 15 times as long on a processor with AVX-512.
    """
    middle = len(values) // 2
    ordered = np.partition(values, middle)
    if len(values) % 2:
        return ordered[middle]
    return (ordered[:middle].max() + ordered[middle]) / 2


def medians(values: np.ndarray, axis: int = 0) -> Any:
    """The medians along an axis of at least one number; NaN where there is one.

    They are those of `numpy.median`, which loads numpy.ma with its first call, as `percentile` and
    `unique` do: that takes 5 ms, and no other part of a job needs it.
    """
    rows = np.ascontiguousarray(np.moveaxis(values, axis, -1))
    middle = rows.shape[-1] // 2
    ordered = np.partition(rows, middle)
    found = ordered[..., middle]
    if not rows.shape[-1] % 2:
        found = (ordered[..., :middle].max(axis=-1) + found) / 2
    last = ordered[..., middle:].max(axis=-1)  # where NaN are
    return np.where(np.isnan(last), last, found)[()]


def upper_quartiles(values: np.ndarray) -> Any:
    """(K,): those of numbers without NaN, (n, K), n > 0, as `numpy.percentile` has them."""
    low, rest = divmod(3 * (len(values) - 1), 4)
    places = [low, min(low + 1, len(values) - 1)]
    below, above = np.partition(values, places, axis=0)[places]
    step = above - below
    return above - step * (1 - rest / 4) if rest >= 2 else below + step * (rest / 4)


def quantile(ordered: np.ndarray, part: float, grouped: bool = True) -> np.ndarray:
    """A quantile of the numbers along the last axis, which are in order, with NaN behind them.

    Value number i of n is the quantile (i - 1/2) / n (A. Hazen, Storage to be provided in
    impounding reservoirs, 1914). Values that are equal count as a group of rounded ones
    if they may be: see `ungrouped`.
    """
    count = np.count_nonzero(~np.isnan(ordered), axis=-1)
    place = np.clip(part * count - 0.5, 0, np.maximum(count - 1, 0))[..., np.newaxis]
    low, high = (
        np.take_along_axis(ordered, whole(place).astype(int), axis=-1)[..., 0]
        for whole in (np.floor, np.ceil)
    )
    # What is known of a number between -infinity and another is that it lies below.
    gap = np.subtract(high, low, out=np.zeros_like(low), where=np.isfinite(low))
    found: np.ndarray = low + (place[..., 0] % 1) * gap
    tied = (gap == 0) & np.isfinite(low) & grouped
    if tied.any():
        found[tied] = ungrouped(ordered[tied], low[tied], part * count[tied])
    return found


def ungrouped(values: np.ndarray, middle: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The number that `below` of the values lie below, in the group of those that equal `middle`.

    The median of grouped data (G. U. Yule, An Introduction to the Theory of Statistics, 1911): a
    group ends in the middle of the gaps to the values next to it. Yule takes its values for spread
    evenly; here they are spread as Gaussian noise, whose quantiles are interpolated (`_probit`),
    for otherwise the median of noise of half a step is off by 0.06 steps. A single value stays
    where it is.

    Parameters
    ----------
    values : ndarray, (P, n); NaN = none
    middle, below : ndarray, (P,)
    """
    own = middle[:, np.newaxis]
    tied = np.count_nonzero(values == own, axis=1)
    before = (middle - np.where(values < own, values, -np.inf).max(axis=1)) / 2
    after = (np.where(values > own, values, np.inf).min(axis=1) - middle) / 2
    # The same on both sides, where there is a value on one of them only.
    before, after = (
        np.where(here < np.inf, here, np.where(there < np.inf, there, 0))
        for here, there in ((before, after), (after, before))
    )
    less = np.count_nonzero(values < own, axis=1)
    count = np.count_nonzero(~np.isnan(values), axis=1)
    first, own, last = (_probit(number / count - 0.5) for number in (less, below, less + tied))
    part = (own - first) / (last - first)
    found: np.ndarray = np.where(tied > 1, middle - before + part * (before + after), middle)
    return found


def _probit(share: np.ndarray) -> np.ndarray:
    """The quantile of a normal distribution at 1/2 + share, in units of sqrt(2 pi) deviations.

    The first terms of its series: right to 1 % up to 0.3, and finite at the ends.
    """
    square = share * share
    found: np.ndarray = share * (1 + square * (np.pi / 3 + square * (7 * np.pi**2 / 30)))
    return found

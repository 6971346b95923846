"""The non-negative sum of the channels of a reference that one channel of an image is.

The reference has noise of its own, which flattens the slopes of ordinary least squares: its known
variance is taken out of their squares (W. A. Fuller, Measurement Error Models, Wiley 1987). The
standard errors are those of a jackknife over parts of the frame, which also tells what differs from
place to place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import MAD_TO_SIGMA

TOLERANCES = (2, 2, 1.4, 1, 1, 1)
"""The tolerance of each iteration, as a multiple of the last one; see `fastbg.sky.robust_fit`."""

FAR = 4.685
"""Pixels so many standard deviations off the sum have no weight: Tukey's biweight."""

KEPT = 0.83
"""The weights keep so much of the variance of normal noise, also of that of a reference, which is
part of what is off: the mean of w z² over that of w, for such a z."""

BRIGHTEST = 0.95
"""The pixels beyond this part of all are the brightest."""

LEAST_PARTS = 4
"""A jackknife needs so many parts."""

NOISE_ERROR = 0.3
"""The variance of the noise is known within this part of it."""


@dataclass(frozen=True, eq=False)
class Combination:
    """A sum of the channels of a reference.

    Attributes
    ----------
    factors : ndarray, (R,)
        How much of each channel; at least 0.
    covariance : ndarray, (R, R)
        Of the factors; infinite where nothing tells it.
    moved : ndarray, (3,)
        How much of the derivatives of the sum is in the target: how far down and to the right the
        reference is displaced, in units of the finer Gaussian of the band, and how much less sharp
        it is.
    error : float
        The standard error of the sum, relative to it.
    """

    factors: np.ndarray
    covariance: np.ndarray
    moved: np.ndarray
    error: float = math.inf

    def of(self, reference: np.ndarray, derivatives: np.ndarray) -> np.ndarray:
        """(...): the sum of a band, (..., R), with its derivatives, (..., R, 3)."""
        own = np.tensordot(derivatives, self.moved, 1)
        total: np.ndarray = (reference + own) @ self.factors
        return total

    def variance(self, noise: np.ndarray) -> float:
        """That of the noise of the sum, for that of the channels and derivatives, (R, 4, 4)."""
        change = np.append(1, self.moved)
        return float(self.factors**2 @ (change @ noise @ change))


def combine(
    target: np.ndarray,
    reference: np.ndarray,
    derivatives: np.ndarray,
    noise: np.ndarray,
    part: np.ndarray,
    moved: np.ndarray | None = None,
) -> Combination:
    """Find the sum of the channels of a reference that is a target, robustly.

    The derivatives of the sum are fitted beside it: to first order, the factors are those of an
    image that is neither displaced nor less sharp.

    Parameters
    ----------
    target : ndarray, (n,)
    reference : ndarray, (n, R)
    derivatives : ndarray, (n, R, 3)
    noise : ndarray, (R, 4, 4)
        The covariance of the noise in a channel of the reference and its derivatives.
    part : ndarray, (n,) of int
        The part of the frame in which each of the n places lies.
    moved : ndarray, (3,), optional
        See `Combination`, if it is known: the derivatives of what is faint are noise alone.
    """
    if moved is not None:
        still, change = reference + derivatives @ moved, np.append(1, moved)
        noise = (change @ noise @ change)[:, np.newaxis, np.newaxis]
        found = combine(target, still, derivatives[..., :0], noise, part)
        return replace(found, moved=moved)
    count = reference.shape[1]
    nowhere = np.zeros(derivatives.shape[2])
    unknown = Combination(np.zeros(count), np.full((count, count), np.inf), nowhere)
    parts = np.unique(part)
    if len(parts) < LEAST_PARTS:
        return unknown
    factors, weight = np.ones(count), _first_weight(target, reference.sum(axis=1))
    for tolerance in TOLERANCES:
        columns = np.hstack([reference, factors @ derivatives])
        extra = KEPT * _noise(noise, factors)
        solution = _solve(*_sums(target, columns, extra, weight), count)
        factors = solution[:count]
        weight = biweight(target - columns @ solution, tolerance)
    if not factors.any():
        return unknown
    squares, products = _sums(target, columns, extra, weight)
    without = []
    for number in parts:
        own = part == number
        less = _sums(target[own], columns[own], extra, weight[own])
        without.append(_solve(squares - less[0], products - less[1], count)[:count])
    scattered = np.array(without) - np.mean(without, axis=0)
    covariance = scattered.T @ scattered * (len(parts) - 1) / len(parts)
    more = _solve(squares - NOISE_ERROR * weight.sum() * extra, products, count)[:count] - factors
    covariance += np.outer(more, more)
    # Where there is more noise than light, squares without the noise are no squares any more.
    values, axes = np.linalg.eigh(squares[:count, :count])
    own = axes * np.maximum(values, 0) @ axes.T
    light = factors @ own @ factors
    error = math.sqrt(max(np.sum(covariance * own), 0) / light) if light > 0 else math.inf
    # The derivatives are those of the sum.
    return Combination(factors, covariance, solution[count:], error)


def _first_weight(target: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(n,): what is bright in one image alone, like a satellite, has little weight at first."""
    sizes = np.abs(target), np.abs(reference)
    # Without noise, most may be nothing.
    own, other = (each / (np.median(each) or each.max() or 1.0) for each in sizes)
    both = np.minimum(own, other) * (target * reference > 0)
    bright = (both > 0) & (both >= np.quantile(both, BRIGHTEST))
    if not bright.any():
        return np.ones(len(target))
    return biweight(
        target - np.median(target[bright] / reference[bright]) * reference, TOLERANCES[0]
    )


def biweight(off: np.ndarray, tolerance: float) -> np.ndarray:
    """(n,): less weight the more places are off, and none for what is far off."""
    most = tolerance * FAR * MAD_TO_SIGMA * np.median(np.abs(off)) + np.finfo(float).tiny
    # Where half of the places fit to the last bit, all others are far off.
    weight: np.ndarray = (1 - (np.clip(off, -most, most) / most) ** 2) ** 2
    return weight


def _noise(noise: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """(R + D, R + D): of the channels, and of the D derivatives of their sum."""
    count = len(factors)
    size = count + noise.shape[1] - 1
    of_all = np.zeros((size, size))
    of_all[:count, :count] = np.diag(noise[:, 0, 0])
    of_all[:count, count:] = factors[:, np.newaxis] * noise[:, 0, 1:]
    of_all[count:, :count] = of_all[:count, count:].T
    of_all[count:, count:] = np.tensordot(factors**2, noise[:, 1:, 1:], 1)
    return of_all


def _sums(
    target: np.ndarray, columns: np.ndarray, noise: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The squares without those of the noise, and the products."""
    weighted = columns * weight[:, np.newaxis]
    return weighted.T @ columns - weight.sum() * noise, weighted.T @ target


def _solve(squares: np.ndarray, products: np.ndarray, count: int) -> np.ndarray:
    """The coordinates; of the first ones, those that would be negative are 0, one by one."""
    solution, kept = np.zeros(len(products)), np.arange(len(products))
    while True:
        found = np.linalg.lstsq(squares[np.ix_(kept, kept)], products[kept], rcond=1e-12)[0]
        own = found[kept < count]
        if not own.size or own.min() >= 0:
            break
        kept = np.delete(kept, np.argmin(own))
    solution[kept] = found
    return solution

"""The scalar mathematics of the kernels: plain Python, compiled with them and tested without a GPU.

Every constant is float32, since numba takes a bare ``0.5`` for a float64 and computes in float64
from there on. Given float64, these functions compute in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..spline.loss import FLOOR
from ..spline.spline import EPS

Real = Any
"""A float32 on the device; any floating-point scalar in tests."""

_ZERO, _HALF, _ONE_AND_A_HALF, _ONE, _TWO = map(np.float32, (0, 0.5, 1.5, 1, 2))
_EPS, _FLOOR = np.float32(EPS), np.float32(FLOOR)
_HALF_LN_2, _LN_2 = np.float32(0.5 * math.log(2)), np.float32(math.log(2))


# The device has an instruction for the logarithm of base 2.


def phi_1(q: Real) -> Real:
    """r."""
    return math.sqrt(max(q, _EPS))


def phi_2(q: Real) -> Real:
    """r^2 log r."""
    return _HALF_LN_2 * q * math.log2(max(q, _EPS))


def phi_3(q: Real) -> Real:
    """r^3."""
    bounded = max(q, _EPS)
    return bounded * math.sqrt(bounded)


def phi_4(q: Real) -> Real:
    """r^4 log r."""
    return _HALF_LN_2 * q * q * math.log2(max(q, _EPS))


def phi_prime_1(q: Real) -> Real:
    """d phi / d q."""
    return _HALF / math.sqrt(max(q, _EPS))


def phi_prime_2(q: Real) -> Real:
    """d phi / d q."""
    return _HALF_LN_2 * math.log2(max(q, _EPS)) + _HALF


def phi_prime_3(q: Real) -> Real:
    """d phi / d q."""
    return _ONE_AND_A_HALF * math.sqrt(max(q, _EPS))


def phi_prime_4(q: Real) -> Real:
    """d phi / d q."""
    return _LN_2 * q * math.log2(max(q, _EPS)) + _HALF * q


PHI: dict[int, Callable[[Real], Real]] = {1: phi_1, 2: phi_2, 3: phi_3, 4: phi_4}
"""The kernels by order, as functions of the squared distance q."""

PHI_PRIME: dict[int, Callable[[Real], Real]] = {
    1: phi_prime_1,
    2: phi_prime_2,
    3: phi_prime_3,
    4: phi_prime_4,
}


def argument_of(residual: np.ndarray, mean: Real, alpha: Real, negative: Real) -> Real:
    """The argument of the logarithm in the loss of one pixel.

    Parameters
    ----------
    residual : array, (K,)
    mean : float
        The mean of the residuals.
    alpha : float
    negative : float
        The mean of |S| - S over all pixels and channels.
    """
    total = _ZERO
    for k in range(len(residual)):
        r = residual[k]
        total += abs(r) + (r - mean) * (r - mean) - _TWO * alpha * min(r, _ZERO)
    return _FLOOR + total / np.float32(len(residual)) + alpha * negative


def own_slope(residual: Real, mean: Real, weight: Real, alpha: Real) -> Real:
    """K P a dL/dS of one sample, with the argument a of its pixel's logarithm.

    The term that couples the pixels through the mean of |S| - S is not included.
    """
    slope = -_TWO * (residual - mean)
    if residual > _ZERO:
        slope -= _ONE
    if residual < _ZERO:
        slope += _ONE + _TWO * alpha
    return weight * slope


def coupled_slope(inverse: Real, alpha: Real, count: int, channels: int) -> Real:
    """d loss / d S of every sample below zero, through the mean of |S| - S.

    The square of the count is no product of integers, which would overflow on the device: with
    three channels from 1.8e9 pixels on.

    Parameters
    ----------
    inverse : float
        The sum of 1 / argument over all pixels.
    alpha : float
    count, channels : int
        P and K.
    """
    return -_TWO * alpha * inverse / count / count / channels


def slot_of(tile: int, area: int, before: int, thread: int) -> int:
    """The place of a thread's first pixel of a tile, where those ``before`` are left out.

    The number of the thread comes from an array of int32. In numba's simulator a sum with it would
    have 32 bits, and on the device it has 64.
    """
    return tile * area - before + np.int64(thread)

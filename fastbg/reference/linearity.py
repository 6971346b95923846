"""Whether the scale between two images changes with brightness.

Of two linear images, it is the same everywhere. A stretch makes faint light stronger than bright
light: where the reference is stretched, the scale rises with brightness.
"""

from __future__ import annotations

import math

import numpy as np

from .combination import KEPT, LEAST_PARTS, NOISE_ERROR, TOLERANCES, biweight

RARE = 0.02
"""Brightness beyond this part of all places, at each end, counts as what is there."""

TOLD = 1e-9
"""Squares tell something if their smaller eigenvalue is at least this part of the larger one."""


def trend(
    target: np.ndarray, light: np.ndarray, part: np.ndarray, brightness: np.ndarray, noise: float
) -> tuple[float, float]:
    """By what part of itself a scale rises from faint to bright places, and the standard error.

    Parameters
    ----------
    target, light : ndarray, (n,)
        The band of an image and of what is compared with it, once the scale is taken out.
    part : ndarray, (n,) of int
        See `fastbg.reference.combination.combine`.
    brightness : ndarray, (n,)
        Of the places, without noise.
    noise : float
        The variance of the noise of the light.
    """
    parts = [part == number for number in np.unique(part)]
    if len(parts) < LEAST_PARTS or not light.any():
        return 0.0, math.inf
    powers = np.stack([np.ones_like(light), _ranged(brightness)], axis=1)
    columns, weight = light[:, np.newaxis] * powers, np.ones_like(light)

    def sums(much: float) -> tuple[np.ndarray, np.ndarray]:
        """Squares without so many times those of the noise, and products, of each part."""
        squares, products = [], []
        for own in parts:
            weighted, of_noise = (each[own].T * weight[own] for each in (columns, powers))
            squares.append(weighted @ columns[own] - much * noise * of_noise @ powers[own])
            products.append(weighted @ target[own])
        return np.array(squares), np.array(products)

    for tolerance in TOLERANCES:
        squares, products = (each.sum(axis=0) for each in sums(KEPT))
        weight = biweight(target - columns @ _solved(squares, products), tolerance)
    of_parts = sums(KEPT)
    squares, products = (each.sum(axis=0) for each in of_parts)
    # More noise than light, or one brightness everywhere, tells nothing.
    least, most = np.linalg.eigvalsh(squares)
    if least <= TOLD * most:
        return 0.0, math.inf
    # What is left without a part may be nothing: then the error is no number.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found = _rise(squares, products)
        without = _rise(squares - of_parts[0], products - of_parts[1])
        other = _rise(*(each.sum(axis=0) for each in sums((1 + NOISE_ERROR) * KEPT)))
        error = np.sqrt((len(parts) - 1) * without.var() + (other - found) ** 2)
    return float(found), float(error)


def _ranged(brightness: np.ndarray) -> np.ndarray:
    """(n,): a brightness without its ends, with a range of 1 around 0."""
    low, high = np.quantile(brightness, [RARE, 1 - RARE])
    within = np.clip(brightness, low, high) - low
    found: np.ndarray = within / max(high - low, np.finfo(float).tiny) - 0.5
    return found


def _solved(squares: np.ndarray, products: np.ndarray) -> np.ndarray:
    """(..., 2)"""
    found: np.ndarray = (np.linalg.pinv(squares) @ products[..., np.newaxis])[..., 0]
    return found


def _rise(squares: np.ndarray, products: np.ndarray) -> np.ndarray:
    """(...): the second coordinate in units of the first one."""
    solved = _solved(squares, products)
    found: np.ndarray = solved[..., 1] / solved[..., 0]
    return found

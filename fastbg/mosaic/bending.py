"""Smooth surfaces through pixels: least squares with a penalty on how they bend."""

from __future__ import annotations

import numpy as np

BENDS = (
    ((0, 0, 1.0), (0, 1, -2.0), (0, 2, 1.0)),
    ((0, 0, 1.0), (1, 0, -2.0), (2, 0, 1.0)),
    ((0, 0, 2**0.5), (0, 1, -(2**0.5)), (1, 0, -(2**0.5)), (1, 1, 2**0.5)),
)
"""The second differences of pixels, across, along and mixed: steps down and right, and factors."""

LEAST = 1e-6
"""The square of a bending, in the noise, that is none."""


def energy(pliant: np.ndarray) -> np.ndarray:
    """The matrix of the bending of pixels, (n, m), in the upper form of a band: (2 m + 1, n m).

    ``pliant`` is how much the square of the bending counts at each pixel.
    """
    lines, across = pliant.shape
    pairs = pliant[1:] + pliant[:-1]
    corners = (pairs[:, 1:] + pairs[:, :-1]) / 4
    counted = pliant[:, 1:-1], pliant[1:-1], corners
    rows = np.zeros((2 * across + 1, lines, across))
    for terms, weight in zip(BENDS, counted, strict=True):
        height, width = weight.shape
        for number, (down, right, factor) in enumerate(terms):
            for above, left, other in terms[: number + 1]:
                offset = (down - above) * across + right - left
                at = rows[-1 - offset, down : down + height, right : right + width]
                at += factor * other * weight
    return rows.reshape(len(rows), -1)


def smooth(weight: np.ndarray, planes: np.ndarray, band: np.ndarray) -> np.ndarray:
    """Smooth surfaces, (n m, P), through planes, (n m, P), each with the weight (n m,).

    ``band`` is the matrix of `energy`, times a stiffness.
    """
    from scipy.linalg import cho_solve_banded, cholesky_banded

    rows = band.copy()
    # Where nothing is known for a long way, the bending alone determines nothing.
    rows[-1] += weight + np.finfo(np.float32).eps
    factor = cholesky_banded(rows, overwrite_ab=True, check_finite=False)
    right = planes * weight[:, np.newaxis]
    found: np.ndarray = cho_solve_banded((factor, False), right, check_finite=False)
    return found


def pliant(light: np.ndarray) -> np.ndarray:
    """(n, m): how much bending counts at each pixel of a surface, (n, m, K): less where it bends.

    The surface is in units of the noise.
    The prior of that is a distribution with wide tails, by which stars are bends like any other.
    """
    from scipy.ndimage import uniform_filter

    wider = np.pad(light, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd")
    middle = 2 * light
    down = wider[2:, 1:-1] - middle + wider[:-2, 1:-1]
    right = wider[1:-1, 2:] - middle + wider[1:-1, :-2]
    mixed = (wider[2:, 2:] - wider[2:, :-2] - wider[:-2, 2:] + wider[:-2, :-2]) / 4
    square = uniform_filter((down**2 + right**2 + 2 * mixed**2).mean(axis=2), 3)
    usual = max(np.median(square), LEAST)
    found: np.ndarray = 1 / (1 + square / usual)
    return found

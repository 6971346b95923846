"""Thin-plate splines at points and on grids of control points: the pieces of their matrices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..spline.spline import phi

ORDER = 2
"""The polyharmonic order, whose bending energy a stiffness multiplies: 2 is the thin plate."""

APART = 1e-3
"""Control points are at least this far from each other."""

ROWS = 256
"""The points whose distances to all control points are in memory at a time, and in a cache."""


def grid(side: int, middle: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    """(side^2, 2): Chebyshev extrema, denser towards the edges, where gradients are steepest.

    Around their middle, they cover the frame.
    """
    axis = -np.cos(np.pi * np.arange(side) / (side - 1))
    axes = (each + max(each, 1 - each) * axis for each in middle)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def affine(points: np.ndarray) -> np.ndarray:
    """(P, 3): y and x from the middle, and 1."""
    return np.column_stack([points - 0.5, np.ones(len(points))])


def kernel(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, N): the kernel of the thin plate between points and control points."""
    return phi(_squares(points, centres), ORDER)


def bent(points: np.ndarray, centres: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(P, M): the parts of splines that bend, with weights (N, M)."""
    values = np.empty((len(points), weights.shape[1]))
    for top in range(0, len(points), ROWS):
        part = slice(top, top + ROWS)
        values[part] = kernel(points[part], centres) @ weights
    return values


def interpolating(
    functions: Callable[[np.ndarray], np.ndarray],
    centres: np.ndarray,
    more: np.ndarray,
    points: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The splines through functions at all control points: what `Splines.beside` takes.

    Parameters
    ----------
    functions : callable
        Takes points, (P, 2), normalised, and returns (P, Q).
    centres, more : ndarray, (N, 2)
        The control points of a basis, and further ones, of which those are left out that lie next
        to another control point.
    points : ndarray, (P, 2)
        Those at which the basis is evaluated.
    """
    number = len(centres)
    for centre in more:
        if _squares(centre[np.newaxis], centres).min() > APART**2:
            centres = np.concatenate([centres, centre[np.newaxis]])
    along = affine(centres)
    kernels = kernel(centres, centres)
    system = np.block([[kernels, along], [along.T, np.zeros((3, 3))]])
    values = functions(centres)
    right = np.concatenate([values, np.zeros((3, values.shape[1]))])
    coefficients = np.linalg.solve(system, right)
    matrix = bent(points, centres, coefficients[:-3]) + affine(points) @ coefficients[-3:]
    return matrix, coefficients, centres[number:]


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, N): squared distances."""
    dy, dx = (np.subtract.outer(points[:, axis], centres[:, axis]) for axis in (0, 1))
    square: np.ndarray = dy * dy + dx * dx
    return square

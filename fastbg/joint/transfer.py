"""Splines on the grid of a set, added up and carried to the grid of one of its frames."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..spline.spline import Spline, affine, phi

SIDE = 16
"""A spline that is carried to another grid goes through so many points along each side."""

Place = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Gives the pixels of a grid, y and x, of those of a frame."""


def added(one: Spline, other: Spline, times: np.ndarray) -> Spline:
    """The sum of one spline and of the multiples of another, (K,), of the same order."""
    return Spline(
        np.concatenate([one.centres, other.centres]),
        np.concatenate([one.weights, times * other.weights]),
        one.polynomial + times * other.polynomial,
        one.order,
    )


def carried(spline: Spline, place: Place, shape: tuple[int, int], grid: tuple[int, int]) -> Spline:
    """The spline in the coordinates of a frame.

    Parameters
    ----------
    spline : Spline
        In normalised coordinates of a grid.
    place : callable
    shape, grid : (H, W)
        Those of the frame and of the grid, in pixels.
    """
    # Chebyshev's extrema: denser towards the edges, where interpolation errs most.
    axis = (1 - np.cos(np.pi * np.arange(SIDE) / (SIDE - 1))) / 2
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    y, x = place(points[:, 0] * shape[0] - 0.5, points[:, 1] * shape[1] - 0.5)
    there = np.stack([(y + 0.5) / grid[0], (x + 0.5) / grid[1]], axis=1)
    return _through(points, spline.values(there), spline.order)


def _through(points: np.ndarray, values: np.ndarray, order: int) -> Spline:
    """The spline through values at points: no smoothing."""
    difference = points[:, np.newaxis] - points
    kernel, along = phi((difference**2).sum(axis=-1), order), affine(points)
    system = np.block([[kernel, along], [along.T, np.zeros((3, 3))]])
    right = np.concatenate([values, np.zeros((3, values.shape[1]))])
    solution = np.linalg.solve(system, right)
    return Spline(points, solution[: len(points)], solution[len(points) :], order)

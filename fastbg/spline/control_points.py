"""The control points that a descent starts from, and the values of its first spline there."""

from __future__ import annotations

import numpy as np


def grid_size(count: int) -> int:
    """Points per axis of the grid nearest to ``count`` points."""
    return max(1, round(count**0.5))


def random_points(count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` points, uniform in [0, 1)^2; (count, 2) as (y, x)."""
    return rng.random((count, 2))


def grid_points(count: int, shape: tuple[int, int]) -> np.ndarray:
    """A regular grid of ``grid_size(count)**2`` points over a down-scaled image (h, w).

    The points lie at ``linspace(0, h - 1, n) / h`` and likewise across, where bgoptimizer places
    them, so that equal settings start from equal control points.

    Returns
    -------
    ndarray, (N, 2), float64, normalised (y, x), row by row
    """
    n = grid_size(count)
    rows, columns = (np.linspace(0, size - 1, n) / size for size in shape)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def jittered(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The points of a square grid, each moved at random by up to half a grid step."""
    step = 1 / np.sqrt(len(points))
    return np.clip(points + rng.uniform(-step / 2, step / 2, points.shape), 0, np.nextafter(1, 0))


def initial_values(
    points: np.ndarray, data: np.ndarray, weight: np.ndarray, y: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """The values that the first spline is asked to take at the control points.

    They are ``m I(c) + (1 - m) median(I)`` with image I and weight m at the nearest down-scaled
    pixel: the median where that pixel is masked.

    Parameters
    ----------
    points : ndarray, (N, 2), normalised (y, x)
    data, weight : ndarray, (h, w, K)
        See `fastbg.spline.loss.Problem`.
    y, x : ndarray, (h,) and (w,), normalised coordinates of the rows and columns

    Returns
    -------
    ndarray, (N, K), float64, stretched
    """
    row, column = _nearest(y, points[:, 0]), _nearest(x, points[:, 1])
    m = weight[row, column].astype(np.float64)
    under = np.where(m == 0, 0, data[row, column])
    if (m == 1).all():
        return under  # without the medians, which take time and memory
    medians = [
        float(np.median(plane[~np.isnan(plane)], overwrite_input=True))
        for plane in np.moveaxis(data, 2, 0)
    ]
    return m * under + (1 - m) * medians


def _nearest(centres: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Index of the nearest element of an increasing array.

    Grid points may lie halfway between two pixels. Rounded to float32, as bgoptimizer keeps them,
    they fall to the same side as there; if they are exactly halfway, to the upper one.
    """
    middle = (centres[1:] + centres[:-1]) / 2
    return np.searchsorted(middle, positions.astype(np.float32), side="right")

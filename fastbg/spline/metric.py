"""The metric of a spline for L-BFGS: how much a step changes the model.

It is the Gauss-Newton matrix of the spline at some of the pixels, so that no parameter is stiffer
than another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bending import Penalty
from .loss import Problem
from .spline import Spline, affine, phi, phi_prime

METRIC_PIXELS = 3000
"""The number of pixels at which the metric measures a change of the model."""

STILL = 0.01
"""In the metric, a unit shift of a control point counts as this mean square change of the model."""


@dataclass(frozen=True, eq=False)
class Shifts:
    """What a metric knows of the control points, where they move.

    Attributes
    ----------
    weights : ndarray, (N, K)
        Those of the spline: a shift changes each channel in proportion to them.
    mixed : ndarray, (N + 3, 2 N)
        The products of a change of the weights, and of a shift.
    root : ndarray, (2 N, 2 N)
        R with R^T R the inverse of the matrix of the shifts once all else has followed.
    """

    weights: np.ndarray
    mixed: np.ndarray
    root: np.ndarray


@dataclass(frozen=True, eq=False)
class Metric:
    """The inverse of a metric.

    The square of a step is the mean square change of the model, to first order. If control points
    are moving, `STILL` times the square of their shift is added; else they stay where they are.

    Attributes
    ----------
    root : ndarray, (N + 3, N + 3)
        R with R^T R the inverse of the matrix of the weights and the polynomial of a channel.
    shifts : Shifts or None
        None where control points stand still.
    """

    root: np.ndarray
    shifts: Shifts | None

    def __call__(self, gradient: np.ndarray) -> np.ndarray:
        """From a gradient to the direction of steepest descent, both (n,) as `Spline.flatten`."""
        n = 2 * (len(self.root) - 3)
        own = self.root @ gradient[n:].reshape(len(self.root), -1)
        shifted = np.zeros(n)
        if self.shifts is not None:
            weights = np.repeat(self.shifts.weights, 2, axis=0)
            shifted = gradient[:n] - (weights * (self.shifts.mixed.T @ own)).sum(axis=1)
            shifted = self.shifts.root.T @ (self.shifts.root @ shifted)
            own = own - self.shifts.mixed @ (weights * shifted[:, np.newaxis])
        return np.concatenate([shifted, (self.root.T @ own).ravel()])


def metric_at(
    problem: Problem, spline: Spline, *, moving: bool, penalty: Penalty | None = None
) -> Metric:
    """The metric of a problem at a spline, whose control points move or stand still.

    With a penalty, what no pixel determines has a length as well.
    """
    kept = np.flatnonzero(problem.kept)
    some = np.linspace(0, len(kept) - 1, min(METRIC_PIXELS, len(kept))).astype(int)
    rows, columns = np.divmod(kept[some], problem.x.size)
    points = np.column_stack([problem.y[rows], problem.x[columns]])
    weight = np.asarray(problem.weight[rows, columns], float).mean(axis=1, keepdims=True)
    weight /= np.sqrt(len(points) * problem.channels)
    # One by one: numpy is slow along an axis of two.
    dy, dx = (points[:, [axis]] - spline.centres[:, axis] for axis in (0, 1))
    q = dy**2 + dx**2
    basis = weight * np.hstack([phi(q, spline.order), affine(points)])
    matrix = basis.T @ basis
    if penalty is not None:
        matrix += penalty.metric(spline)
    root = _inverse_root(matrix)
    if not moving:
        return Metric(root, None)

    # A shift changes each channel in proportion to its weights, so that the matrix of the shifts
    # and its Schur complement, once all else has followed, are products with these element-wise.
    along = -2 * weight * phi_prime(q, spline.order)
    shifts = np.stack([along * dy, along * dx], axis=2).reshape(len(points), -1)
    weights = np.repeat(spline.weights, 2, axis=0)
    mixed = root @ (basis.T @ shifts)
    left = (shifts.T @ shifts - mixed.T @ mixed) * (weights @ weights.T)
    return Metric(
        root, Shifts(spline.weights, mixed, _inverse_root(left + STILL * np.eye(len(left))))
    )


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """R with R^T R = matrix^-1, regularised so that parameters without data stay finite."""
    matrix.flat[:: len(matrix) + 1] += 1e-10 * np.trace(matrix) / len(matrix)
    return np.linalg.inv(np.linalg.cholesky(matrix))

"""The polyharmonic spline: its parameters, its kernel, and the small system that starts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..words import brief

EPS = 1e-10
"""Smallest squared distance that the kernels see."""

INITIAL_REGULARIZATION = 0.1

CHUNK = 1 << 16
"""The largest number of elements of a (pixels, centres) matrix that is formed at a time: it stays
in the cache, and new memory for each would take longer than all else."""


@dataclass(frozen=True, eq=False)
class Spline:
    """``S_k(p) = sum_i weights_ik phi(|p - centres_i|^2) + polynomial_k . (y, x, 1)``.

    Attributes
    ----------
    centres : ndarray, (N, 2), float64
        Control points, normalised (y, x).
    weights : ndarray, (N, K), float64
    polynomial : ndarray, (3, K), float64
        Coefficients of y, x and 1.
    order : int
        1 to 4; 2 is the thin plate.
    """

    centres: np.ndarray
    weights: np.ndarray
    polynomial: np.ndarray
    order: int

    __repr__ = brief

    def channel(self, number: int) -> Spline:
        """One channel alone."""
        own = slice(number, number + 1)
        return replace(self, weights=self.weights[:, own], polynomial=self.polynomial[:, own])

    def values(self, points: np.ndarray) -> np.ndarray:
        """`spline_values`."""
        return spline_values(self, points)

    def flatten(self) -> np.ndarray:
        """All free parameters, (N (2 + K) + 3 K,): centres, weights, polynomial, row by row."""
        return np.concatenate([self.centres.ravel(), self.weights.ravel(), self.polynomial.ravel()])

    @classmethod
    def unflatten(cls, parameters: np.ndarray, channels: int, order: int) -> Spline:
        """The spline of a vector made by `flatten`."""
        n = (parameters.size - 3 * channels) // (2 + channels)
        centres, weights, polynomial = np.split(parameters, [2 * n, (2 + channels) * n])
        return cls(
            centres.reshape(n, 2),
            weights.reshape(n, channels),
            polynomial.reshape(3, channels),
            order,
        )


def phi(q: np.ndarray, order: int) -> np.ndarray:
    """Polyharmonic kernel of a squared distance: r, r^2 log r, r^3, r^4 log r (orders 1 to 4)."""
    bounded = np.maximum(q, EPS)
    match order:
        case 1:
            return np.sqrt(bounded)
        case 2:
            return 0.5 * q * np.log(bounded)
        case 3:
            return bounded**1.5
        case _:
            return 0.5 * q**2 * np.log(bounded)


def phi_prime(q: np.ndarray, order: int) -> np.ndarray:
    """d phi / d q."""
    bounded = np.maximum(q, EPS)
    match order:
        case 1:
            return 0.5 / np.sqrt(bounded)
        case 2:
            return 0.5 * (np.log(bounded) + 1)
        case 3:
            return 1.5 * np.sqrt(bounded)
        case _:
            return q * np.log(bounded) + 0.5 * q


def affine(points: np.ndarray) -> np.ndarray:
    """The basis of the polynomial at points (P, 2): y, x and 1, (P, 3)."""
    return np.column_stack([points, np.ones(len(points))])


def evaluation(points: np.ndarray, centres: np.ndarray, order: int) -> np.ndarray:
    """(P, N + 3): the matrix from the weights and the polynomial of a spline to its values."""
    q = squared_distances(points, centres)
    return np.hstack([phi(q, order), affine(points)])


def spline_values(spline: Spline, points: np.ndarray) -> np.ndarray:
    """The spline at P points (P, 2): (P, K), float64."""
    values = np.empty((len(points), spline.weights.shape[1]))
    for part in chunks(len(points), len(spline.centres)):
        q = squared_distances(points[part], spline.centres)
        values[part] = phi(q, spline.order) @ spline.weights
        values[part] += affine(points[part]) @ spline.polynomial
    return values


def adjoint(spline: Spline, points: np.ndarray, slope: np.ndarray) -> Spline:
    """The gradient of the loss, as a spline, from dL/dS at P points, (P, K)."""
    centres = np.zeros_like(spline.centres)
    weights = np.zeros_like(spline.weights)
    polynomial = np.zeros_like(spline.polynomial)
    for part in chunks(len(points), len(spline.centres)):
        g = slope[part]
        difference, q = differences(points[part], spline.centres)
        weights += phi(q, spline.order).T @ g
        polynomial += affine(points[part]).T @ g
        along = (g @ spline.weights.T) * phi_prime(q, spline.order)
        centres -= 2 * np.einsum("pn,pnd->nd", along, difference)
    return Spline(centres, weights, polynomial, spline.order)


def chunks(pixels: int, centres: int) -> Iterator[slice]:
    """Slices of pixels whose (pixels, centres) matrix has at most `CHUNK` elements."""
    step = max(1, CHUNK // centres)
    return (slice(start, start + step) for start in range(0, pixels, step))


def squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """|p - c|^2, (P, N): three times as fast as with an array of the differences."""
    (y, x), (own_y, own_x) = points.T, centres.T
    found: np.ndarray = np.square(np.subtract.outer(y, own_y))
    found += np.square(np.subtract.outer(x, own_x))
    return found


def differences(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p - c, (P, N, 2), and its squared length, (P, N)."""
    difference = points[:, np.newaxis] - centres
    return difference, (difference**2).sum(axis=-1)


def interpolate(centres: np.ndarray, values: np.ndarray, order: int) -> Spline:
    """The regularised spline through ``values`` at ``centres``, from which a descent starts.

    Solves ``[[Phi + 0.1 Id, B], [B^T, 0]] [w; v] = [f; 0]`` with B = [y x 1], in float64.

    Parameters
    ----------
    centres : ndarray, (N, 2), normalised (y, x)
    values : ndarray, (N, K), stretched
    """
    n, channels = values.shape
    difference = centres[:, np.newaxis] - centres
    kernel = phi((difference**2).sum(axis=-1), order) + INITIAL_REGULARIZATION * np.eye(n)
    along = affine(centres)
    matrix = np.block([[kernel, along], [along.T, np.zeros((3, 3))]])
    # Least squares, since fewer than three points, or points on one line, leave the affine part
    # open: its smallest solution is then the one wanted.
    # numpy's, since the import of scipy's would take as long as a hundred iterations.
    right = np.concatenate([values, np.zeros((3, channels))])
    solution = np.linalg.lstsq(matrix, right, rcond=np.finfo(float).eps)[0]
    return Spline(centres, solution[:n], solution[n:], order)

"""The golden reference: numpy, float64, the formulas as they are written down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..spline.loss import Problem, loss_and_slope
from ..spline.spline import Spline, affine, phi, phi_prime

CHUNK = 1 << 20
"""Most elements of a (pixels, centres) matrix formed at a time."""


def unavailable() -> str | None:
    """numpy is always there."""
    return None


def detail() -> str:
    """The numpy release."""
    return f"numpy {np.__version__}, float64"


def open_problem(problem: Problem, threads: int) -> NumpyObjective:
    """Gather the kept pixels; numpy's own threads are left as they are."""
    return NumpyObjective(problem)


def evaluate(spline: Spline, y: np.ndarray, x: np.ndarray, out: np.ndarray, threads: int) -> None:
    """Fill ``out``, (K, rows, columns), with the spline on a grid."""
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    out[:] = spline_values(spline, points).T.reshape(out.shape)


def spline_values(spline: Spline, points: np.ndarray) -> np.ndarray:
    """The spline at P points (P, 2): (P, K), float64."""
    values = np.empty((len(points), spline.weights.shape[1]))
    for part in _chunks(len(points), len(spline.centres)):
        _, q = _differences(points[part], spline.centres)
        values[part] = phi(q, spline.order) @ spline.weights
        values[part] += affine(points[part]) @ spline.polynomial
    return values


def adjoint(spline: Spline, points: np.ndarray, slope: np.ndarray) -> Spline:
    """What dL/dS at P points, (P, K), means for the parameters: the gradient, as a spline."""
    centres = np.zeros_like(spline.centres)
    weights = np.zeros_like(spline.weights)
    polynomial = np.zeros_like(spline.polynomial)
    for part in _chunks(len(points), len(spline.centres)):
        g = slope[part]
        difference, q = _differences(points[part], spline.centres)
        weights += phi(q, spline.order).T @ g
        polynomial += affine(points[part]).T @ g
        along = (g @ spline.weights.T) * phi_prime(q, spline.order)
        centres -= 2 * np.einsum("pn,pnd->nd", along, difference)
    return Spline(centres, weights, polynomial, spline.order)


class NumpyObjective:
    """An opened problem; see `fastbg.backends.protocol.Objective`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        row, column = np.nonzero(problem.kept)
        self.points = np.column_stack([problem.y[row], problem.x[column]])
        self.weight = problem.weight[row, column].astype(np.float64)
        self.data = np.where(self.weight != 0, problem.data[row, column], 0.0)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        spline = Spline.unflatten(parameters, self.problem.channels, self.problem.order)
        with np.errstate(all="ignore"):  # a descent that diverges is told by its loss
            model = spline_values(spline, self.points)
            loss, slope = loss_and_slope(self.data, self.weight, model, self.problem.alpha)
            return loss, adjoint(spline, self.points, slope).flatten()


def _chunks(pixels: int, centres: int) -> Iterator[slice]:
    step = max(1, CHUNK // centres)
    return (slice(start, start + step) for start in range(0, pixels, step))


def _differences(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p - c, (P, N, 2), and its squared length, (P, N)."""
    difference = points[:, np.newaxis] - centres
    return difference, (difference**2).sum(axis=-1)

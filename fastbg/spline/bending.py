"""The bending energy of a spline, or of its departure from another one, as a penalty."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .spline import (
    Spline,
    adjoint,
    evaluation,
    phi,
    phi_prime,
    spline_values,
    squared_distances,
)

_SIGN = {1: -1, 2: 1, 3: 1, 4: -1}
"""The sign with which a kernel is positive definite on weights that are orthogonal to the
polynomials (Wendland, Scattered Data Approximation, 2005, chapter 8)."""


def energy_and_gradient(spline: Spline) -> tuple[float, np.ndarray]:
    """The energy, the mean over the channels, and its gradient as `Spline.flatten` lays it out.

    ``E = u^T Phi u`` with ``u = P w``, where P projects the weights onto the complement of the
    polynomials at the control points: affine polynomials, or quadratic ones for order 4. A
    polynomial has no energy, and shifts and rotations of a spline do not change it.
    """
    centres, weights, order = spline.centres, spline.weights, spline.order
    n, channels = weights.shape
    difference = centres[:, np.newaxis] - centres
    q = (difference**2).sum(axis=2)
    kernel, slope = phi(q, order), phi_prime(q, order)
    kernel.flat[:: n + 1] = 0  # without the floor of squared distances it is never negative
    basis, jacobian = _polynomials(centres, order)
    explain = np.linalg.pinv(basis)

    explained = explain @ weights
    bending = weights - basis @ explained
    pull = kernel @ bending
    pulled = explain @ pull
    along = pull - basis @ pulled
    energy = (bending * pull).sum()
    # d(P w) = -P dB a - (B+)^T dB^T u, with a = B+ w.
    moved = 2 * np.einsum("ik,jk,ij,ijd->id", bending, bending, slope, difference, optimize=True)
    moved -= np.einsum("imd,mk,ik->id", jacobian, explained, along)
    moved -= np.einsum("imd,mk,ik->id", jacobian, pulled, bending)
    gradient = [moved.ravel(), along.ravel(), np.zeros(3 * channels)]
    scale = _SIGN[order] / channels
    return float(scale * energy), 2 * scale * np.concatenate(gradient)


LEAST_STIFFNESS = 1e-9
"""The stiffness of `nearest`."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a spline comes from, and what it was to describe.

    Attributes
    ----------
    spline : Spline
    points : ndarray, (P, 2), normalised
    values : ndarray, (P, K), stretched
    """

    spline: Spline
    points: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Penalty:
    """A penalty on the loss: for bending, or for departing from an origin.

    Without an origin, it is ``stiffness`` times the energy of a spline. A departure pays the energy
    of what has been added to the weights, and the mean square of the distance from the values of
    the origin, so that polynomials pay as well.

    Attributes
    ----------
    stiffness : float
    origin : Origin or None
    curvature : float
        The second derivative of the loss by a distance of the model from all pixels.
    """

    stiffness: float
    origin: Origin | None = None
    curvature: float = 1.0

    def loss_and_gradient(self, spline: Spline) -> tuple[float, np.ndarray]:
        """The penalty and its gradient as `Spline.flatten` lays it out."""
        origin = self.origin
        if origin is None:
            energy, gradient = energy_and_gradient(spline)
        else:
            added = replace(spline, weights=spline.weights - origin.spline.weights)
            energy, gradient = energy_and_gradient(added)
            off = spline_values(spline, origin.points) - origin.values
            energy += float((off**2).mean())
            gradient += adjoint(spline, origin.points, 2 / off.size * off).flatten()
        return self.stiffness * energy, self.stiffness * gradient

    def metric(self, spline: Spline) -> np.ndarray:
        """The second derivative of the penalty, (N + 3, N + 3), while control points stand still.

        It is that of each channel, in the unit of a mean square change of the model.
        """
        matrix = energy_matrix(spline.centres, spline.order)
        if self.origin is not None:
            at = evaluation(self.origin.points, spline.centres, spline.order)
            matrix += at.T @ at / len(at)
        return self.stiffness / self.curvature / spline.weights.shape[1] * matrix


def energy_matrix(centres: np.ndarray, order: int) -> np.ndarray:
    """The energy of one channel as a quadratic form in weights and polynomial, (N + 3, N + 3)."""
    n = len(centres)
    q = squared_distances(centres, centres)
    kernel = phi(q, order)
    kernel.flat[:: n + 1] = 0
    basis, _ = _polynomials(centres, order)
    bending = np.eye(n) - basis @ np.linalg.pinv(basis)
    matrix = np.zeros((n + 3, n + 3))
    matrix[:n, :n] = _SIGN[order] * bending @ kernel @ bending
    return matrix


def nearest(centres: np.ndarray, points: np.ndarray, values: np.ndarray, order: int) -> Spline:
    """The spline with these control points that is nearest to values, by least squares.

    Of those that are equally near, it is the one that bends least.

    Parameters
    ----------
    centres : ndarray, (N, 2), normalised (y, x)
    points : ndarray, (P, 2), normalised
    values : ndarray, (P, K), stretched
    """
    at = evaluation(points, centres, order)
    matrix = at.T @ at / len(at) + LEAST_STIFFNESS * energy_matrix(centres, order)
    # A trace of regularisation keeps what neither determines finite.
    matrix.flat[:: len(matrix) + 1] += 1e-12 * np.trace(matrix) / len(matrix)
    solution = np.linalg.solve(matrix, at.T @ values / len(at))
    return Spline(centres, solution[:-3], solution[-3:], order)


def _polynomials(centres: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """The polynomials without energy at the centres, (N, M), and their d / d(y, x), (N, M, 2)."""
    y, x = (centres - 0.5).T
    one, none = np.ones(len(y)), np.zeros(len(y))
    columns = [(y, one, none), (x, none, one), (one, none, none)]
    if order == 4:
        columns += [(y * y, 2 * y, none), (y * x, x, y), (x * x, none, 2 * x)]
    values, along_y, along_x = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
    return values, np.stack([along_y, along_x], axis=2)

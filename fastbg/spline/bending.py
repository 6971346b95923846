"""The bending energy of a spline, as a penalty on its loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .loss import Problem
from .objective import Objective
from .spline import Spline, phi, phi_prime

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


def stiffened(objective: Objective, problem: Problem, stiffness: float) -> Objective:
    """The loss of a problem plus stiffness times the energy of its spline."""
    return _Stiffened(objective, problem, stiffness) if stiffness else objective


@dataclass(frozen=True)
class _Stiffened(Objective):
    objective: Objective
    problem: Problem
    stiffness: float

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = self.objective.loss_and_gradient(parameters)
        spline = Spline.unflatten(parameters, self.problem.channels, self.problem.order)
        with np.errstate(all="ignore"):  # a descent that diverges is told by its loss
            energy, slope = energy_and_gradient(spline)
            return loss + self.stiffness * energy, gradient + self.stiffness * slope

    def close(self) -> None:
        self.objective.close()


def _polynomials(centres: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """The polynomials without energy at the centres, (N, M), and their d / d(y, x), (N, M, 2)."""
    y, x = (centres - 0.5).T
    one, none = np.ones(len(y)), np.zeros(len(y))
    columns = [(y, one, none), (x, none, one), (one, none, none)]
    if order == 4:
        columns += [(y * y, 2 * y, none), (y * x, x, y), (x * x, none, 2 * x)]
    values, along_y, along_x = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
    return values, np.stack([along_y, along_x], axis=2)

"""A grid of control points as modes, from stiff to bending: stiffness is then one number."""

from __future__ import annotations

import numpy as np

from ..spline import Spline, phi

ORDER = 2
"""The thin plate: its bending energy is what a stiffness is set against."""

_FREE = {
    1: [],
    2: [(2, 0), (1, 1), (0, 2)],
    3: [(2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)],
}
"""Powers of y and x that cost no energy, beside the affine ones, by the degree."""


class Basis:
    """Splines on a grid of control points, at points where they are fitted.

    With ``w`` the weights of the spline, ``B^T w = 0`` for B = [y x 1], the bending energy of the
    thin plate is ``w^T Phi w``. In the coordinates a that are used here, ``S = matrix a`` and the
    energy is ``|a_i|^2`` over the first coordinates: those after them, `free` in number, are the
    polynomials of a degree, which cost nothing.

    Parameters
    ----------
    points : ndarray, (P, 2), normalised (y, x)
    side : int
        Control points along each side of the grid.
    """

    def __init__(self, points: np.ndarray, side: int) -> None:
        self._centres = _grid(side)
        kernel = phi(_squares(self._centres, self._centres), ORDER)
        affine = _affine(self._centres)
        bending = np.linalg.qr(affine, mode="complete")[0][:, 3:]
        energies, modes = np.linalg.eigh(bending.T @ kernel @ bending)
        self._weights = bending @ modes / np.sqrt(energies)
        self._at_centres = np.hstack([kernel @ self._weights, affine])
        self._matrix = np.hstack(
            [phi(_squares(points, self._centres), ORDER) @ self._weights, _affine(points)]
        )

    def of_degree(self, degree: int) -> Splines:
        """With polynomials up to a degree, 1 to 3, free of energy."""
        y, x = (self._centres - 0.5).T
        free = [y**i * x**j for i, j in _FREE[degree]]
        # Polynomials as the splines through their values at the centres.
        columns = np.stack([*free, np.zeros(len(y))], axis=1)
        coefficients = np.linalg.lstsq(self._at_centres, columns, rcond=None)[0][:-3, : len(free)]
        rotation = np.eye(len(coefficients))
        if free:
            rotation = np.linalg.qr(coefficients, mode="complete")[0]
            rotation = np.hstack([rotation[:, len(free) :], rotation[:, : len(free)]])
        matrix = np.hstack([self._matrix[:, :-3] @ rotation, self._matrix[:, -3:]])
        return Splines(matrix, len(free) + 3, self._centres, self._weights @ rotation)


class Splines:
    """See `Basis`.

    Attributes
    ----------
    matrix : ndarray, (P, M)
    free : int
        Coordinates at the end that cost no energy.
    """

    def __init__(
        self, matrix: np.ndarray, free: int, centres: np.ndarray, weights: np.ndarray
    ) -> None:
        self.matrix, self.free = matrix, free
        self._centres, self._weights = centres, weights

    def solve(self, data: np.ndarray, weight: np.ndarray, stiffness: float) -> np.ndarray:
        """The coordinates that minimise the mean weighted square of data - S plus the energy.

        ``sum_p weight_p (data_p - S_p)^2 / sum_p weight_p + stiffness * energy``

        Parameters
        ----------
        data : ndarray, (P, K)
        weight : ndarray, (P,)
        stiffness : float

        Returns
        -------
        ndarray, (M, K)
        """
        from scipy.linalg import cho_factor, cho_solve

        weighted = self.matrix * (weight / weight.sum())[:, np.newaxis]
        normal = weighted.T @ self.matrix
        penalised = np.arange(len(normal) - self.free)
        normal[penalised, penalised] += stiffness
        # Keeps what no weight determines finite.
        normal.flat[:: len(normal) + 1] += 1e-12 * np.trace(normal) / len(normal)
        solution: np.ndarray = cho_solve(cho_factor(normal), weighted.T @ data)
        return solution

    def spline(self, coordinates: np.ndarray) -> Spline:
        """The spline of some coordinates, (M, K)."""
        polynomial = coordinates[-3:].copy()
        polynomial[2] -= 0.5 * (polynomial[0] + polynomial[1])
        return Spline(self._centres, self._weights @ coordinates[:-3], polynomial, ORDER)


def _grid(side: int) -> np.ndarray:
    axis = np.linspace(0, 1, side)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, N): squared distances."""
    square: np.ndarray = ((points[:, np.newaxis] - centres) ** 2).sum(axis=2)
    return square


def _affine(points: np.ndarray) -> np.ndarray:
    """(P, 3): y and x from the middle, and 1."""
    return np.column_stack([points - 0.5, np.ones(len(points))])

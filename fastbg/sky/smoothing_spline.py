"""Smoothing splines on a grid of control points, whose flexibility is one number.

The splines are expressed in modes that bend more and more (the Demmler-Reinsch basis).
"""

from __future__ import annotations

import numpy as np

from ..spline.spline import Spline, phi

ORDER = 2
"""The polyharmonic order, whose bending energy a stiffness multiplies: 2 is the thin plate."""

_FREE = {
    1: [],
    2: [(2, 0), (1, 1), (0, 2)],
    3: [(2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)],
}
"""The powers of y and x beside the affine ones that cost no energy, for each degree."""

UNSEEN = 0.03
"""A fit leaves out the modes whose coordinates it would shrink to less than this part."""


class Basis:
    """Splines on a grid of control points, evaluated at the points where they are fitted.

    Parameters
    ----------
    points : ndarray, (P, 2), normalised (y, x)
    side : int
        The number of control points along each side of the grid.
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
        """The basis in which polynomials up to a degree, 1 to 3, cost no energy."""
        affine = np.vstack([np.zeros((len(self._centres), 3)), np.eye(3)])
        y, x = (self._centres - 0.5).T
        # A polynomial is represented by the spline through its values at the centres.
        columns = np.stack([y**i * x**j for i, j in [*_FREE[degree], (0, 0)]], axis=1)
        polynomials = np.linalg.lstsq(self._at_centres, columns, rcond=None)[0][:-3, :-1]
        count = polynomials.shape[1]
        rotation = np.linalg.qr(polynomials, mode="complete")[0]
        matrix = np.hstack([self._matrix[:, :-3] @ rotation, self._matrix[:, -3:]])
        coefficients = np.vstack([self._weights @ rotation, np.zeros((3, len(rotation)))])
        coefficients = np.hstack([coefficients, affine])
        # The bending modes beside the free ones, from those that matter most at the points on.
        bends = np.r_[count : len(rotation)]
        free = np.r_[:count, len(rotation) : matrix.shape[1]]
        beside = np.linalg.lstsq(matrix[:, free], matrix[:, bends], rcond=None)[0]
        modes = matrix[:, bends] - matrix[:, free] @ beside
        seen, directions = np.linalg.eigh(modes.T @ modes / len(modes))
        seen, directions = seen[::-1], directions[:, ::-1]
        bending = (coefficients[:, bends] - coefficients[:, free] @ beside) @ directions
        return Splines(
            np.hstack([modes @ directions, matrix[:, free]]),
            np.hstack([bending, coefficients[:, free]]),
            seen,
            self._centres,
        )


class Splines:
    """A basis: first the modes that bend, then the functions that cost no energy.

    The weights w of a thin-plate spline satisfy ``B^T w = 0`` for B = [y x 1], and its bending
    energy is ``w^T Phi w``. In the coordinates a that are used here, ``S = matrix a`` and the
    energy is ``|a_i|^2`` over the first coordinates: those after them, `free` in number, cost
    nothing. The modes are orthogonal over the points and beside the free ones, and come in the
    order in which a fit shrinks them (A. Demmler and C. Reinsch, Oscillation matrices with spline
    smoothing, 1975), so that a stiff fit needs but a few.

    Attributes
    ----------
    matrix : ndarray, (P, M)
    """

    def __init__(
        self, matrix: np.ndarray, coefficients: np.ndarray, seen: np.ndarray, centres: np.ndarray
    ) -> None:
        self.matrix = matrix
        self._coefficients, self._seen, self._centres = coefficients, seen, centres

    @property
    def free(self) -> int:
        """The number of coordinates at the end that cost no energy."""
        return self.matrix.shape[1] - len(self._seen)

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

        bending = np.count_nonzero(self._seen > UNSEEN * stiffness)
        used = np.r_[:bending, len(self._seen) : self.matrix.shape[1]]
        matrix = self.matrix[:, used]
        root = np.sqrt(weight / weight.sum())[:, np.newaxis]
        weighted = matrix * root
        normal = weighted.T @ weighted
        penalised = np.arange(bending)
        normal[penalised, penalised] += stiffness
        # A trace of regularisation keeps coordinates finite that no weight determines.
        normal.flat[:: len(normal) + 1] += 1e-12 * np.trace(normal) / len(normal)
        solution = np.zeros((self.matrix.shape[1], data.shape[1]))
        solution[used] = cho_solve(cho_factor(normal), weighted.T @ (root * data))
        return solution

    def multiples(self, coordinates: np.ndarray) -> Splines:
        """The basis of one spline, with coordinates (M, 1), and a constant; nothing in it bends."""
        shape = coordinates / (self.matrix @ coordinates).std()
        columns = np.hstack([shape, np.eye(len(shape))[:, -1:]])
        return Splines(
            self.matrix @ columns, self._coefficients @ columns, np.zeros(0), self._centres
        )

    def spline(self, coordinates: np.ndarray) -> Spline:
        """The spline with coordinates (M, K)."""
        coefficients = self._coefficients @ coordinates
        polynomial = coefficients[-3:]
        polynomial[2] -= 0.5 * (polynomial[0] + polynomial[1])
        return Spline(self._centres, coefficients[:-3], polynomial, ORDER)


def _grid(side: int) -> np.ndarray:
    """(side^2, 2): Chebyshev extrema, denser towards the edges, where gradients are steepest."""
    axis = (1 - np.cos(np.pi * np.arange(side) / (side - 1))) / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, N): squared distances."""
    square: np.ndarray = ((points[:, np.newaxis] - centres) ** 2).sum(axis=2)
    return square


def _affine(points: np.ndarray) -> np.ndarray:
    """(P, 3): y and x from the middle, and 1."""
    return np.column_stack([points - 0.5, np.ones(len(points))])

"""A grid of control points as modes, from stiff to bending: stiffness is then one number."""

from __future__ import annotations

import numpy as np

from ..spline.spline import Spline, phi

ORDER = 2
"""The thin plate: its bending energy is what a stiffness is set against."""

_FREE = {
    1: [],
    2: [(2, 0), (1, 1), (0, 2)],
    3: [(2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)],
}
"""Powers of y and x that cost no energy, beside the affine ones, by the degree."""

UNSEEN = 0.03
"""Modes whose coordinates a fit would shrink to less than this part are left out of it."""


class Basis:
    """Splines on a grid of control points, at points where they are fitted.

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
        affine = np.vstack([np.zeros((len(self._centres), 3)), np.eye(3)])
        y, x = (self._centres - 0.5).T
        # Polynomials as the splines through their values at the centres.
        columns = np.stack([y**i * x**j for i, j in [*_FREE[degree], (0, 0)]], axis=1)
        polynomials = np.linalg.lstsq(self._at_centres, columns, rcond=None)[0][:-3, :-1]
        count = polynomials.shape[1]
        rotation = np.linalg.qr(polynomials, mode="complete")[0]
        matrix = np.hstack([self._matrix[:, :-3] @ rotation, self._matrix[:, -3:]])
        coefficients = np.vstack([self._weights @ rotation, np.zeros((3, len(rotation)))])
        coefficients = np.hstack([coefficients, affine])
        # What is seen of the bending modes beside those that are free, from much to little.
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
    """Splines by coordinates: first those of modes that bend, then those of shapes that are free.

    With ``w`` the weights of the spline, ``B^T w = 0`` for B = [y x 1], the bending energy of the
    thin plate is ``w^T Phi w``. In the coordinates a that are used here, ``S = matrix a`` and the
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
        """Coordinates at the end that cost no energy."""
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
        # Keeps what no weight determines finite.
        normal.flat[:: len(normal) + 1] += 1e-12 * np.trace(normal) / len(normal)
        solution = np.zeros((self.matrix.shape[1], data.shape[1]))
        solution[used] = cho_solve(cho_factor(normal), weighted.T @ (root * data))
        return solution

    def multiples(self, coordinates: np.ndarray) -> Splines:
        """Those of the spline of some coordinates, (M, 1), with constants: nothing bends."""
        shape = coordinates / (self.matrix @ coordinates).std()
        columns = np.hstack([shape, np.eye(len(shape))[:, -1:]])
        return Splines(
            self.matrix @ columns, self._coefficients @ columns, np.zeros(0), self._centres
        )

    def spline(self, coordinates: np.ndarray) -> Spline:
        """The spline of some coordinates, (M, K)."""
        coefficients = self._coefficients @ coordinates
        polynomial = coefficients[-3:]
        polynomial[2] -= 0.5 * (polynomial[0] + polynomial[1])
        return Spline(self._centres, coefficients[:-3], polynomial, ORDER)


def _grid(side: int) -> np.ndarray:
    """(side^2, 2): denser towards the edges, as Chebyshev's extrema: behind them lie the lights."""
    axis = (1 - np.cos(np.pi * np.arange(side) / (side - 1))) / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, N): squared distances."""
    square: np.ndarray = ((points[:, np.newaxis] - centres) ** 2).sum(axis=2)
    return square


def _affine(points: np.ndarray) -> np.ndarray:
    """(P, 3): y and x from the middle, and 1."""
    return np.column_stack([points - 0.5, np.ones(len(points))])

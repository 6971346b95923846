"""Smoothing splines on a grid of control points, whose flexibility is one number.

The splines are expressed in modes that bend more and more (the Demmler-Reinsch basis).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..spline.spline import Spline
from .folded import Folded, folded
from .symmetry import Mirrored, without_symmetry
from .thin_plate import ORDER, affine, kernel

UNSEEN = 0.03
"""A fit leaves out the modes whose coordinates it would shrink to less than this part."""

_ALL = slice(None)


class Splines:
    """A basis: first the functions that cost no energy, then the modes that bend.

    The weights w of a thin-plate spline satisfy ``B^T w = 0`` for B = [y x 1], and its bending
    energy is ``w^T Phi w``. In the coordinates a that are used here, ``S = matrix a`` and the
    energy is ``|a_i|^2`` over all but the first coordinates: those, `free` in number, cost
    nothing. The modes are orthogonal over the points and beside the free ones, and come in the
    order in which a fit shrinks them (A. Demmler and C. Reinsch, Oscillation matrices with spline
    smoothing, 1975), so that a stiff fit needs but a few.

    Attributes
    ----------
    matrix : ndarray, (P, M)
    centres : ndarray, (N, 2), normalised
        The control points.
    local : int
        The number of functions at the beginning that came `beside` the others.
    seen : ndarray, (M - free,), descending
        The mean square over the points of each mode that bends.
    """

    mirrored: Mirrored | None = None
    _folded: Folded | None = None

    def __init__(
        self,
        matrix: np.ndarray,
        coefficients: np.ndarray,
        seen: np.ndarray,
        centres: np.ndarray,
        local: int = 0,
        mirrored: Mirrored | None = None,
    ) -> None:
        self.matrix, self.local, self.mirrored = matrix, local, mirrored
        self._coefficients, self.seen, self.centres = coefficients, seen, centres

    @property
    def free(self) -> int:
        """The number of coordinates at the beginning that cost no energy."""
        return self.matrix.shape[1] - len(self.seen)

    def used(self, stiffness: float) -> int:
        """The number of coordinates, from the first on, that a fit of a stiffness uses."""
        return self.free + seen_by(stiffness, self.seen)

    def solve(
        self,
        data: np.ndarray,
        weight: np.ndarray,
        stiffness: float,
        rough: np.ndarray | None = None,
    ) -> np.ndarray:
        """The coordinates that minimise the mean weighted square of data - S plus the energy.

        ``(sum_p weight_p (data_p - S_p)^2 + |rough a|^2) / sum_p weight_p + stiffness * energy``

        Parameters
        ----------
        data : ndarray, (P, K)
        weight : ndarray, (P,)
        stiffness : float
        rough : ndarray, (n, `used`), optional
            Further numbers that shall be small, as sums of the coordinates a.

        Returns
        -------
        ndarray, (M, K)
        """
        used = self.used(stiffness)
        sums = self._sums(data, weight, used)
        if rough is not None:
            sums[:used, :used] += rough.T @ rough
        return self._solution(sums, stiffness)

    def solve_without(
        self, data: np.ndarray, weight: np.ndarray, stiffness: float, groups: list[np.ndarray]
    ) -> Iterator[np.ndarray]:
        """The coordinates of `solve` without each group of points in turn.

        Parameters
        ----------
        data, weight, stiffness
            Those of `solve`.
        groups : list of ndarray of int
            The numbers of the points of each group. One that has all of the weight is passed over.
        """
        used = self.used(stiffness)
        whole = self._sums(data, weight, used)
        for group in groups:
            rest = whole - self._sums(data, weight, used, group)
            if rest[used, 0] > 1e-9 * whole[used, 0]:
                yield self._solution(rest, stiffness)

    def solver(
        self, data: np.ndarray, weight: np.ndarray, stiffness: float
    ) -> Callable[[float, np.ndarray], np.ndarray]:
        """A function of ``part`` and ``more``, (P,): `solve` for the weights part * weight + more.

        The fewer points have more, the faster it is.
        """
        used = self.used(stiffness)
        whole = self._sums(data, weight, used)

        def solve(part: float, more: np.ndarray) -> np.ndarray:
            own = self._sums(data, more, used, np.flatnonzero(more))
            return self._solution(part * whole + own, stiffness)

        return solve

    def _sums(
        self, data: np.ndarray, weight: np.ndarray, used: int, points: np.ndarray | slice = _ALL
    ) -> np.ndarray:
        """(used + 1, used + K): the weighted products of the columns with themselves and the data.

        In the last row, the first number is the sum of the weights.
        """
        root = np.sqrt(weight[points])[:, np.newaxis]
        weighted = self.matrix[points, :used] * root
        sums = np.zeros((used + 1, used + data.shape[1]))
        sums[:used, :used] = weighted.T @ weighted
        sums[:used, used:] = weighted.T @ (root * data[points])
        sums[used, 0] = weight[points].sum()
        return sums

    def _solution(self, sums: np.ndarray, stiffness: float) -> np.ndarray:
        """(M, K): from `_sums`."""
        used = len(sums) - 1
        normal, right = np.split(sums[:used] / sums[used, 0], [used], axis=1)
        normal.flat[self.free * (used + 1) :: used + 1] += stiffness
        # A trace of regularisation keeps coordinates finite that no weight determines.
        normal.flat[:: used + 1] += 1e-12 * np.trace(normal) / used
        solution = np.zeros((self.matrix.shape[1], right.shape[1]))
        solution[:used] = np.linalg.solve(normal, right)
        return solution

    def folded(self, shape: tuple[int, int]) -> Folded:
        """The matrix as a fit in C takes it, where the points are the cells of a mesh."""
        if self._folded is None:
            nothing = Mirrored(without_symmetry(shape), np.full(self.matrix.shape[1], -1))
            self._folded = folded(self.matrix, self.mirrored or nothing)
        return self._folded

    def first(self, count: int) -> Splines:
        """The basis of the first coordinates alone."""
        own = slice(count)
        return Splines(
            self.matrix[:, own].copy(),
            self._coefficients[:, own].copy(),
            self.seen[: count - self.free],
            self.centres,
        )

    def at(self, points: np.ndarray) -> np.ndarray:
        """(Q, M): the matrix at other points, (Q, 2)."""
        kernels = kernel(points, self.centres)
        matrix: np.ndarray = np.hstack([kernels, affine(points)]) @ self._coefficients
        return matrix

    def on(self, matrix: np.ndarray) -> Splines:
        """The basis at other points, with the matrix there: some of its rows, or from `at`."""
        return Splines(matrix, self._coefficients, self.seen, self.centres, self.local)

    def multiples(self, coordinates: np.ndarray) -> Splines:
        """The basis of a few splines, with coordinates (M, Q), and a constant; nothing in it bends.

        The `local` functions stay what they are, for they may have other colours.
        """
        own = np.eye(len(coordinates))
        shapes = coordinates * (np.arange(len(own)) >= self.local)[:, np.newaxis]
        # Orthogonal over the points, and with the deviation 1.
        values = self.matrix @ shapes
        _, deviations, turn = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
        shapes = shapes @ (turn.T / deviations) * len(values) ** 0.5
        columns = np.hstack([own[:, : self.local], shapes, own[:, self.free - 1 : self.free]])
        return Splines(
            *(self.matrix @ columns, self._coefficients @ columns, np.zeros(0), self.centres),
            self.local,
        )

    def beside(
        self,
        matrix: np.ndarray,
        coefficients: np.ndarray | None = None,
        centres: np.ndarray | None = None,
    ) -> Splines:
        """The basis with further functions in front of the others, which cost no energy either.

        Parameters
        ----------
        matrix : ndarray, (P, Q)
            The functions at the points.
        coefficients : ndarray, (N, Q), optional
            Of the splines that they are, at all control points, and of their polynomials. Without
            them, the functions are known at the points alone.
        centres : ndarray, optional
            The control points of these splines beyond those of the basis.
        """
        more = np.empty((0, 2)) if centres is None else centres
        own = np.insert(self._coefficients, [-3] * len(more), 0, axis=0)
        if coefficients is None:
            coefficients = np.zeros((len(own), matrix.shape[1]))
        return Splines(
            np.hstack([matrix, self.matrix]),
            np.hstack([coefficients, own]),
            self.seen,
            np.concatenate([self.centres, more]),
            matrix.shape[1],
        )

    def spline(self, coordinates: np.ndarray) -> Spline:
        """The spline with coordinates (M, K)."""
        coefficients = self._coefficients @ coordinates
        polynomial = coefficients[-3:]
        polynomial[2] -= 0.5 * (polynomial[0] + polynomial[1])
        return Spline(self.centres, coefficients[:-3], polynomial, ORDER)


def seen_by(stiffness: float, seen: np.ndarray) -> int:
    """The number of modes that a fit of a stiffness uses, with the mean squares `Splines.seen`."""
    return int(np.count_nonzero(seen > UNSEEN * stiffness))


def combined(matrix: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """(P, K): functions, (P, M), times their coordinates, (M, K), of which the last ones may be 0.

    Of a stiff surface, most are.
    """
    used = int(np.flatnonzero(coordinates.any(axis=1)).max(initial=-1)) + 1
    values: np.ndarray = matrix[:, :used] @ coordinates[:used]
    return values

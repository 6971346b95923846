"""Smoothing splines on a grid of control points, whose flexibility is one number.

The splines are expressed in modes that bend more and more (the Demmler-Reinsch basis).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from ..spline.spline import Spline, phi
from .blas import limit_this_thread

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


APART = 1e-3
"""Control points are at least this far from each other."""

ROWS = 256
"""The points whose distances to all control points are in memory at a time, and in a cache."""

VECTOR = 16
"""The numbers that a processor multiplies at a time, at most."""

_ALL = slice(None)


class Basis:
    """Splines on a grid of control points, evaluated at the points where they are fitted.

    Parameters
    ----------
    points : ndarray, (P, 2), normalised (y, x)
    side : int
        The number of control points along each side of the grid.
    """

    def __init__(self, points: np.ndarray, side: int) -> None:
        self.side, self._centres = side, _grid(side)
        kernel = phi(_squares(self._centres, self._centres), ORDER)
        affine = _affine(self._centres)
        bending = np.linalg.qr(affine, mode="complete")[0][:, 3:]
        energies, modes = np.linalg.eigh(bending.T @ kernel @ bending)
        weights = bending @ modes / np.sqrt(energies)
        self._coefficients = block_diagonal(weights, np.eye(3))
        self._at_centres = np.hstack([kernel @ weights, affine])
        self._matrix = np.hstack([_bent(points, self._centres, weights), _affine(points)])
        self._products = self._matrix.T @ self._matrix / len(points)

    def of_degree(self, degree: int, softest: float = 0) -> Splines:
        """The basis in which polynomials up to a degree, 1 to 3, cost no energy.

        Without the modes that no fit sees whose stiffness is at least `softest`.
        """
        y, x = (self._centres - 0.5).T
        # A polynomial is represented by the spline through its values at the centres.
        columns = np.stack([y**i * x**j for i, j in [*_FREE[degree], (0, 0)]], axis=1)
        polynomials = np.linalg.solve(self._at_centres, columns)[:-3, :-1]
        count = polynomials.shape[1]
        rotation = block_diagonal(np.linalg.qr(polynomials, mode="complete")[0], np.eye(3))
        free, bends = np.hstack([rotation[:, :count], rotation[:, -3:]]), rotation[:, count:-3]
        # The bending modes beside the free ones, from those that matter most at the points on.
        crossed = free.T @ self._products
        bends = bends - free @ np.linalg.lstsq(crossed @ free, crossed @ bends, rcond=None)[0]
        seen, directions = np.linalg.eigh(bends.T @ self._products @ bends)
        kept = np.count_nonzero(seen > UNSEEN * softest)
        modes = bends @ directions[:, ::-1][:, :kept]
        change = np.hstack([free, modes])
        return Splines(
            self._matrix @ change,
            self._coefficients @ change,
            seen[::-1][:kept],
            self._centres,
        )


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

    def __init__(
        self,
        matrix: np.ndarray,
        coefficients: np.ndarray,
        seen: np.ndarray,
        centres: np.ndarray,
        local: int = 0,
    ) -> None:
        self.matrix, self.local = matrix, local
        self._coefficients, self.seen, self.centres = coefficients, seen, centres

    @property
    def free(self) -> int:
        """The number of coordinates at the beginning that cost no energy."""
        return self.matrix.shape[1] - len(self.seen)

    def used(self, stiffness: float) -> int:
        """The number of coordinates, from the first on, that a fit of a stiffness uses."""
        return self.free + int(np.count_nonzero(self.seen > UNSEEN * stiffness))

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
        rough : ndarray, (n, M), optional
            Further numbers that shall be small, as sums of the coordinates a.

        Returns
        -------
        ndarray, (M, K)
        """
        used = self.used(stiffness)
        sums = self._sums(data, weight, used)
        if rough is not None:
            sums[:used, :used] += rough[:, :used].T @ rough[:, :used]
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

    @cached_property
    def padded(self) -> np.ndarray:
        """(P, M and up to `VECTOR` - 1 zeros), float32: the matrix in whole vectors."""
        rows, columns = self.matrix.shape
        padded = np.zeros((rows, -(-columns // VECTOR) * VECTOR), np.float32)
        padded[:, :columns] = self.matrix
        return padded

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
        kernel = phi(_squares(points, self.centres), ORDER)
        matrix: np.ndarray = np.hstack([kernel, _affine(points)]) @ self._coefficients
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


Bases = dict[int, Splines]
"""The basis for each degree of the polynomials that cost nothing."""

_kept: dict[tuple[bytes, int], Bases] = {}
"""The bases of the last search, by its points and side: those of the next frame of a night."""


def bases_of(points: np.ndarray, side: int, softest: dict[int, float], threads: int) -> Bases:
    """The bases of degrees, `Basis.of_degree`, with the least stiffness of each."""
    key = points.tobytes(), side
    bases = _kept.get(key)
    if bases is None:
        _kept.clear()  # first, for both would need more memory than is told
        basis = Basis(points, side)
        with ThreadPoolExecutor(threads, initializer=limit_this_thread) as pool:
            made = pool.map(basis.of_degree, softest.keys(), softest.values())
            bases = dict(zip(softest, made, strict=True))
        _kept[key] = bases
    return bases


def forget_bases() -> None:
    """Keep no bases for the next search."""
    _kept.clear()


def interpolating(
    functions: Callable[[np.ndarray], np.ndarray],
    centres: np.ndarray,
    more: np.ndarray,
    points: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The splines through functions at all control points: what `Splines.beside` takes.

    Parameters
    ----------
    functions : callable
        Takes points, (P, 2), normalised, and returns (P, Q).
    centres, more : ndarray, (N, 2)
        The control points of a basis, and further ones, of which those are left out that lie next
        to another control point.
    points : ndarray, (P, 2)
        Those at which the basis is evaluated.
    """
    number = len(centres)
    for centre in more:
        if _squares(centre[np.newaxis], centres).min() > APART**2:
            centres = np.concatenate([centres, centre[np.newaxis]])
    along = _affine(centres)
    kernel = phi(_squares(centres, centres), ORDER)
    system = np.block([[kernel, along], [along.T, np.zeros((3, 3))]])
    values = functions(centres)
    right = np.concatenate([values, np.zeros((3, values.shape[1]))])
    coefficients = np.linalg.solve(system, right)
    matrix = _bent(points, centres, coefficients[:-3]) + _affine(points) @ coefficients[-3:]
    return matrix, coefficients, centres[number:]


def combined(matrix: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """(P, K): functions, (P, M), times their coordinates, (M, K), of which the last ones may be 0.

    Of a stiff surface, most are.
    """
    used = int(np.flatnonzero(coordinates.any(axis=1)).max(initial=-1)) + 1
    values: np.ndarray = matrix[:, :used] @ coordinates[:used]
    return values


def _grid(side: int) -> np.ndarray:
    """(side^2, 2): Chebyshev extrema, denser towards the edges, where gradients are steepest."""
    axis = (1 - np.cos(np.pi * np.arange(side) / (side - 1))) / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _bent(points: np.ndarray, centres: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(P, M): the parts of splines that bend, with weights (N, M)."""
    values = np.empty((len(points), weights.shape[1]))
    for top in range(0, len(points), ROWS):
        part = slice(top, top + ROWS)
        values[part] = phi(_squares(points[part], centres), ORDER) @ weights
    return values


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, N): squared distances."""
    dy, dx = (np.subtract.outer(points[:, axis], centres[:, axis]) for axis in (0, 1))
    square: np.ndarray = dy * dy + dx * dx
    return square


def block_diagonal(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two matrices as the blocks of one."""
    return np.block(
        [
            [first, np.zeros((len(first), second.shape[1]))],
            [np.zeros((len(second), first.shape[1])), second],
        ]
    )


def _affine(points: np.ndarray) -> np.ndarray:
    """(P, 3): y and x from the middle, and 1."""
    return np.column_stack([points - 0.5, np.ones(len(points))])

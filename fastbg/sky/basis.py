"""The bases of smoothing splines: made once for the points of a mesh, kept for the next frame."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .blas import limit_this_thread
from .smoothing_spline import Splines, seen_by
from .thin_plate import affine, bent, grid, kernel

_FREE = {
    1: [],
    2: [(2, 0), (1, 1), (0, 2)],
    3: [(2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)],
}
"""The powers of y and x beside the affine ones that cost no energy, for each degree."""


class Basis:
    """Splines on a grid of control points, evaluated at the points where they are fitted.

    Parameters
    ----------
    points : ndarray, (P, 2), normalised (y, x)
    side : int
        The number of control points along each side of the grid.
    """

    def __init__(self, points: np.ndarray, side: int) -> None:
        self.side, self._centres = side, grid(side)
        kernels = kernel(self._centres, self._centres)
        along = affine(self._centres)
        bending = np.linalg.qr(along, mode="complete")[0][:, 3:]
        energies, modes = np.linalg.eigh(bending.T @ kernels @ bending)
        weights = bending @ modes / np.sqrt(energies)
        self._coefficients = _block_diagonal(weights, np.eye(3))
        self._at_centres = np.hstack([kernels @ weights, along])
        self._matrix = np.hstack([bent(points, self._centres, weights), affine(points)])
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
        rotation = _block_diagonal(np.linalg.qr(polynomials, mode="complete")[0], np.eye(3))
        free, bends = np.hstack([rotation[:, :count], rotation[:, -3:]]), rotation[:, count:-3]
        # The bending modes beside the free ones, from those that matter most at the points on.
        crossed = free.T @ self._products
        bends = bends - free @ np.linalg.lstsq(crossed @ free, crossed @ bends, rcond=None)[0]
        seen, directions = np.linalg.eigh(bends.T @ self._products @ bends)
        kept = seen_by(softest, seen)
        modes = bends @ directions[:, ::-1][:, :kept]
        change = np.hstack([free, modes])
        return Splines(
            self._matrix @ change,
            self._coefficients @ change,
            seen[::-1][:kept],
            self._centres,
        )


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


def _block_diagonal(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two matrices as the blocks of one."""
    return np.block(
        [
            [first, np.zeros((len(first), second.shape[1]))],
            [np.zeros((len(second), first.shape[1])), second],
        ]
    )

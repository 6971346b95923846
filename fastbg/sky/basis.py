"""The bases of smoothing splines: made once for the points of a mesh, kept for the next frame."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .blas import limit_this_thread
from .mesh import Mesh
from .smoothing_spline import Splines, seen_by
from .symmetry import PARITIES, Mirrored, Symmetry, even_or_odd, symmetry_of
from .thin_plate import affine, bent, grid, kernel

Powers = Sequence[tuple[int, int]]
"""Of y and x in monomials."""

_AFFINE: Powers = [(1, 0), (0, 1), (0, 0)]
"""The monomials that never cost any energy."""

_FREE: dict[int, Powers] = {
    1: [],
    2: [(2, 0), (1, 1), (0, 2)],
    3: [(2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3)],
}
"""Those beside them that cost none, for each degree."""


class Basis:
    """Splines on a grid of control points, evaluated at the points where they are fitted.

    Parameters
    ----------
    points : ndarray, (P, 2), normalised (y, x)
    side : int
        The number of control points along each side of the grid.
    symmetry : Symmetry, optional
        That of the points: each function of the basis is then even or odd in y and in x about its
        middle, as the control points lie.
    """

    def __init__(self, points: np.ndarray, side: int, symmetry: Symmetry | None = None) -> None:
        self.side, self._symmetry = side, symmetry
        middle = symmetry.middle if symmetry else (0.5, 0.5)
        self._centres = grid(side, middle)
        kernels = kernel(self._centres, self._centres)
        parities = PARITIES if symmetry else (None,)
        self._parts = [_Part(kernels, self._centres, middle, parity) for parity in parities]
        coefficients = np.hstack([part.coefficients for part in self._parts])
        if symmetry:
            points = points[symmetry.first]
        weight = symmetry.counted if symmetry else np.ones(len(points))
        matrix = bent(points, self._centres, coefficients[:-3]) + affine(points) @ coefficients[-3:]
        ends = np.cumsum([part.coefficients.shape[1] for part in self._parts])
        for part, columns in zip(self._parts, np.split(matrix, ends[:-1], axis=1), strict=True):
            part.see(columns, weight)

    def of_degree(self, degree: int, softest: float = 0) -> Splines:
        """The basis in which polynomials up to a degree, 1 to 3, cost no energy.

        Without the modes that no fit sees whose stiffness is at least `softest`.
        """
        parts = [part.of_degree(degree, softest) for part in self._parts]
        seen = np.concatenate([seen for _, _, seen in parts])
        order = np.argsort(-seen, kind="stable")
        matrix = np.hstack([matrix for matrix, _, _ in parts])[:, order]
        coefficients = np.hstack([coefficients for _, coefficients, _ in parts])[:, order]
        mirrored = None
        if self._symmetry:
            parities = np.repeat(np.arange(len(parts)), [len(seen) for _, _, seen in parts])[order]
            matrix = self._symmetry.everywhere(matrix, parities)
            mirrored = Mirrored(self._symmetry, parities)
        bends = seen[order][np.isfinite(seen[order])]
        return Splines(matrix, coefficients, bends, self._centres, mirrored=mirrored)


class _Part:
    """The functions of a basis that have one parity, or all of them.

    Attributes
    ----------
    coefficients : ndarray, (N + 3, M)
        Of the functions that bend, each of the energy 1, and of the affine ones behind them.
    """

    def __init__(
        self,
        kernels: np.ndarray,
        centres: np.ndarray,
        middle: tuple[float, float],
        parity: tuple[int, int] | None,
    ) -> None:
        self._parity, self._from_middle = parity, centres - middle
        self._turn = even_or_odd(round(len(centres) ** 0.5), parity)
        along = [power in self._own(_AFFINE) for power in _AFFINE]
        self._bends = self._turn.shape[1] - sum(along)
        polynomials = self._polynomials(_AFFINE)
        bending = self._turn @ np.linalg.qr(polynomials, mode="complete")[0][:, sum(along) :]
        energies, modes = np.linalg.eigh(bending.T @ kernels @ bending)
        self.coefficients = np.zeros((len(centres) + 3, self._turn.shape[1]))
        self.coefficients[:-3, : self._bends] = bending @ modes / np.sqrt(energies)
        # About the middle: `affine` has them about that of the frame.
        about = np.array([[1, 0, 0.5 - middle[0]], [0, 1, 0.5 - middle[1]], [0, 0, 1]])
        self.coefficients[-3:, self._bends :] = about[along].T
        bent_there = self._turn.T @ kernels @ self.coefficients[:-3, : self._bends]
        self._at_centres = np.hstack([bent_there, polynomials])

    def see(self, matrix: np.ndarray, weight: np.ndarray) -> None:
        """Take the values of the functions, (P, M), and how often each point counts, (P,)."""
        self._matrix = matrix
        self._products = (matrix.T * weight) @ matrix / weight.sum()

    def of_degree(self, degree: int, softest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As in `Basis.of_degree`: values, coefficients, and mean squares, infinite for the free.

        The functions that cost no energy are the first ones, of which the affine ones are the last.
        """
        # A polynomial is represented by the spline through its values at the centres.
        polynomials = np.linalg.solve(self._at_centres, self._polynomials(_FREE[degree]))
        (number, count), bends = polynomials.shape, self._bends
        turned = np.zeros((number, bends))
        turned[:bends] = np.linalg.qr(polynomials[:bends], mode="complete")[0]
        free = np.hstack([turned[:, :count], np.eye(number)[:, bends:]])
        rest = turned[:, count:]
        # The bending modes beside the free ones, from those that matter most at the points on.
        crossed = free.T @ self._products
        rest = rest - free @ np.linalg.lstsq(crossed @ free, crossed @ rest, rcond=None)[0]
        seen, directions = np.linalg.eigh(rest.T @ self._products @ rest)
        kept = seen_by(softest, seen)
        change = np.hstack([free, rest @ directions[:, ::-1][:, :kept]])
        squares = np.concatenate([np.full(free.shape[1], np.inf), seen[::-1][:kept]])
        return self._matrix @ change, self.coefficients @ change, squares

    def _own(self, powers: Powers) -> Powers:
        """Those of the monomials that have the parity."""
        return [(i, j) for i, j in powers if self._parity in (None, (i % 2, j % 2))]

    def _polynomials(self, powers: Powers) -> np.ndarray:
        """(M, n): the monomials of the parity, in the combinations of centres that have it."""
        y, x = self._from_middle.T
        columns = [y**i * x**j for i, j in self._own(powers)]
        return self._turn.T @ np.reshape(columns, (-1, len(y))).T


Bases = dict[int, Splines]
"""The basis for each degree of the polynomials that cost nothing."""

_kept: dict[tuple[bytes, int], Bases] = {}
"""The bases of the last search, by its points and side: those of the next frame of a night."""


def bases_of(mesh: Mesh, side: int, softest: dict[int, float], threads: int) -> Bases:
    """The bases of degrees, `Basis.of_degree`, at the cells, with the least stiffness of each."""
    key = mesh.points.tobytes(), side
    bases = _kept.get(key)
    if bases is None:
        _kept.clear()  # first, for both would need more memory than is told
        basis = Basis(mesh.points, side, symmetry_of(mesh.points, mesh.shape))
        with ThreadPoolExecutor(threads, initializer=limit_this_thread) as pool:
            made = pool.map(basis.of_degree, softest.keys(), softest.values())
            bases = dict(zip(softest, made, strict=True))
        _kept[key] = bases
    return bases


def forget_bases() -> None:
    """Keep no bases for the next search."""
    _kept.clear()

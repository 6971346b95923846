"""Smooth surfaces on the grid of small copies, and how far noise lets each of them bend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from ..image.blocks import over_blocks
from ..image.robust import robust_sigma
from ..sky.basis import Basis
from ..spline.spline import Spline

SIDE = 12
"""The largest number of control points along each side of the grid."""

CELLS_PER_SIDE = 4
"""The least number of cells along the shorter side for each control point along it."""

ALONG = 48
"""The number of cells along the shorter side for sums of products, about: pixels tell no more."""

DEGREE = 2
"""Polynomials up to this degree cost no energy."""

STIFFNESSES = tuple(float(10.0 ** (-n / 2)) for n in range(17))
"""The candidates, from stiff to flexible."""

EMPTY = 0.05
"""A cell with less than this part of the weight of the average one tells nothing."""

CONTINUED = 1e-5, 1e-2
"""How stiff the continuation of a surface is where nothing is known of it: polynomials that cost no
energy otherwise, which a narrow overlap does not tell, and all that bends more."""

HELD = 0.02
"""The surface is held to it with this part of the weight of the average cell."""

ROWS = 4096
"""The pixels whose distances to all control points are in memory at a time."""


class Surfaces:
    """Splines on a grid of pixels, in coordinates of which the first few cost no energy.

    Parameters
    ----------
    y, x : ndarray, (h,) and (w,), normalised
        The centres of the pixels.

    Attributes
    ----------
    shape : (h, w)
    matrix : ndarray, (h w, M), float32
        The functions at the pixels.
    energy : ndarray, (M,)
        1 for coordinates whose squares are bending energy, 0 for others.
    continued : ndarray, (M,)
        How stiff each coordinate is where a surface continues beyond what is known of it.
    constant : ndarray, (M,)
        The surface that is 1 everywhere.
    means : ndarray, (M, M)
        Of the products of the functions over the pixels.
    """

    def __init__(self, y: np.ndarray, x: np.ndarray) -> None:
        self.shape = len(y), len(x)
        self._step = max(1, round(min(self.shape) / ALONG))
        cells = [_means(axis, self._step) for axis in (y, x)]
        side = min(SIDE, max(2, min(map(len, cells)) // CELLS_PER_SIDE))
        points = _points(*cells)
        splines = Basis(points, side).of_degree(min(DEGREE, side - 1), STIFFNESSES[-1])
        self._splines, self._coarse = splines, splines.matrix.astype(np.float32, order="C")
        self.energy = (np.arange(splines.matrix.shape[1]) >= splines.free).astype(float)
        # The affine functions y, x and 1 are the last of the first ones.
        self.continued = np.where(self.energy > 0, *CONTINUED[::-1])
        self.continued[splines.free - 3 : splines.free] = 0
        self.constant = (np.arange(len(self.energy)) == splines.free - 1).astype(float)
        self.matrix = np.empty((len(y) * len(x), len(self.energy)), np.float32)
        pixels = _points(y, x)
        everywhere = np.ones(len(pixels), np.float32)
        self._pixels = self._cells(everywhere).ravel()
        self.means = self.products(everywhere) / len(pixels)
        for top in range(0, len(pixels), ROWS):
            part = slice(top, top + ROWS)
            self.matrix[part] = splines.at(pixels[part])

    def values(self, coordinates: np.ndarray) -> np.ndarray:
        """Surfaces with coordinates (..., M), at the pixels: (..., h w), float32."""
        found: np.ndarray = coordinates.astype(np.float32) @ self.matrix.T
        return found

    def constant_at(self, level: float) -> np.ndarray:
        """A level at all pixels: (h w,), float32."""
        return np.full(self.matrix.shape[0], level, np.float32)

    def rms(self, coordinates: np.ndarray) -> np.ndarray:
        """(n,): the root mean squares over the pixels of surfaces with coordinates (n, M)."""
        found: np.ndarray = np.sqrt(((coordinates @ self.means) * coordinates).sum(axis=1))
        return found

    def along(self, planes: np.ndarray) -> np.ndarray:
        """The products of planes, (..., h w), with all functions: (..., M)."""
        return (planes @ self.matrix).astype(np.float64)

    def products(self, weight: np.ndarray) -> np.ndarray:
        """(M, M): the weighted products of the functions, for weights (h w,)."""
        return self._products(self._cells(weight).ravel())

    def equations(self, weight: np.ndarray) -> Equations:
        """The normal equations of a surface, for weights (h w,)."""
        cells, total = self._cells(weight).ravel(), float(weight.sum())
        mean = cells / self._pixels
        held = HELD * total / len(mean) * (mean < EMPTY * mean.mean())
        products = self._products(cells)
        continued = self._products(held) if held.any() else np.zeros_like(products)
        return Equations(products, continued, self.energy, self.continued, total)

    def _cells(self, *planes: np.ndarray) -> np.ndarray:
        """(n, h, w): the sums of planes, (h w,), over the pixels of each cell."""
        grids = np.stack(planes).reshape(-1, *self.shape)
        return over_blocks(np.add, grids, self._step, dtype=np.float64)

    def _products(self, cells: np.ndarray) -> np.ndarray:
        known = np.flatnonzero(cells)
        # The product of a matrix with itself takes half the time of any other.
        root = np.sqrt(cells[known]).astype(np.float32)[:, np.newaxis] * self._coarse[known]
        found: np.ndarray = (root.T @ root).astype(np.float64)
        return found

    def excess(self, left: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """(n,): the scatter of what is left in cells, in units of what white noise leaves there."""
        found = []
        for plane, own in zip(left, weight, strict=True):
            planes = own, own**2, own * plane, own * plane**2
            total, square, summed, squared = self._cells(*planes)
            full = total > 0.5 * total.max()
            noise = squared.sum() / max(total.sum(), 1e-30)
            off = summed[full] / np.sqrt(np.maximum(noise * square[full], 1e-30))
            found.append(robust_sigma(off))
        return np.array(found)

    def spline(self, coordinates: np.ndarray) -> Spline:
        """The splines with coordinates (K, M), one for each channel."""
        return self._splines.spline(np.ascontiguousarray(coordinates.T))


@dataclass(frozen=True, eq=False)
class Equations:
    """The normal equations of a surface, which is held where its weights tell nothing.

    Its fit alone would reach any value there. It is held to a continuation: a stiff surface through
    what is known.

    Attributes
    ----------
    products, held : ndarray, (M, M)
        Of the functions, weighted, where something is known and where nothing is.
    energy, continued : ndarray, (M,)
        See `Surfaces`.
    total : float
        The sum of the weights.
    """

    products: np.ndarray
    held: np.ndarray
    energy: np.ndarray
    continued: np.ndarray
    total: float

    def of(
        self, slope: np.ndarray, bent: np.ndarray, stiffness: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The matrix, (M, M), and the right side, (M,), for a change of coordinates, (M,)."""
        return self.matrix(stiffness), self.right(slope, bent, np.array([stiffness]))[:, 0]

    def matrix(self, stiffness: float) -> np.ndarray:
        """(M, M): affine in the stiffness."""
        found: np.ndarray = self._penalised(stiffness * self.energy) + self.held
        return found

    def right(self, slope: np.ndarray, bent: np.ndarray, stiffness: np.ndarray) -> np.ndarray:
        """(M, S): the right sides for changes of coordinates, one for each stiffness, (S,).

        ``slope``, (M,), has the weighted products of the functions with what a surface leaves,
        ``bent``, (M,), its coordinates beyond those that cost nothing.
        """
        pull = self.total * self.energy * bent
        found: np.ndarray = slope[:, np.newaxis] - np.outer(pull, stiffness)
        if self.held.any():
            # All soft surfaces have one continuation.
            firm, own = np.unique(np.maximum(stiffness, CONTINUED[1]), return_inverse=True)
            continued = [self._continuation(slope, bent, each) for each in firm]
            found += self.held @ np.array(continued)[own].T
        return found

    def _continuation(self, slope: np.ndarray, bent: np.ndarray, stiffness: float) -> np.ndarray:
        firm = np.maximum(stiffness * self.energy, self.continued)
        right = slope - self.total * firm * bent
        found: np.ndarray = np.linalg.solve(self._penalised(firm), right)
        return found

    def _penalised(self, stiffness: np.ndarray) -> np.ndarray:
        return penalised(self.products, stiffness, 1.0, self.total)


def penalised(
    products: np.ndarray, energy: np.ndarray, stiffness: float, total: float
) -> np.ndarray:
    """The matrix of the normal equations of a stiffness, for weights that add up to `total`."""
    matrix = products.copy()
    size = len(matrix)
    # A trace of regularisation keeps coordinates finite that no pixel determines.
    matrix.flat[:: size + 1] += total * stiffness * energy + 1e-10 * np.trace(products) / size
    return matrix


def stiffness_by_noise(
    equations: Equations, slope: np.ndarray, bent: np.ndarray, variance: float
) -> tuple[np.ndarray, float, float]:
    """The surface that noise allows, by Mallows's criterion: what it leaves, and twice its freedom.

    C. L. Mallows, Some comments on C_p, Technometrics 15, 661 (1973).

    Parameters
    ----------
    equations : Equations
    slope : ndarray, (M,)
        The weighted products of the functions with what a flexible surface leaves.
    bent : ndarray, (M,)
        Its coordinates, see `Equations.of`.
    variance : float
        Of a pixel of weight 1.

    Returns
    -------
    change : ndarray, (M,)
    stiffness : float
    freedom : float
        Its effective number of degrees of freedom.
    """
    stiffness = np.array(STIFFNESSES)
    # The matrix of each stiffness is a mean of two, so that one eigenproblem solves all of them.
    part, modes = eigh(equations.matrix(0), equations.matrix(1))
    shrunk = 1 / (stiffness + np.outer(part, 1 - stiffness))
    right = equations.right(slope, bent, stiffness)
    changes, products = modes @ (shrunk * (modes.T @ right)), equations.products
    freedom = (modes * (products @ modes)).sum(axis=0) @ shrunk
    left = ((products @ changes - 2 * slope[:, np.newaxis]) * changes).sum(axis=0)
    best = np.argmin(left + 2 * variance * freedom)
    return changes[:, best], STIFFNESSES[best], float(freedom[best])


def _means(axis: np.ndarray, step: int) -> np.ndarray:
    tops = range(0, len(axis), step)
    return np.array([axis[top : top + step].mean() for top in tops])


def _points(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(P, 2): all places of a grid, row by row."""
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)

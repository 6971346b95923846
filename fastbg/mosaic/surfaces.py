"""The backgrounds of the panels of a mosaic.

Polynomials for each panel explain the differences, and without them all panels are one picture of
the sky. In that the sky is searched for as in any image: objects are seen as a whole, whichever
panels they lie in. Each panel's background is then what was taken from it so far, with a stiff
correction that brings it to its own sky and to its neighbours, of all panels at once. That is done
again, since the sky of the picture is found the better the less of the panels is left in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image.kernels import FASTEST, Kernels
from ..sky.basis import Basis
from ..sky.blas import one_thread
from ..sky.grid import grid_side
from ..sky.smoothing_spline import Splines
from .cells import Cells, Grid
from .differences import Difference
from .joint import Equations, levelling, polynomials
from .picture import Found, Picture

ROUNDS, SETTLED = 3, 0.01
"""The most searches, and by how much the weights of cells change on the average in the last one."""

MUCH_MORE = 3.0
"""Of a merged mosaic, a search that finds so many times as much sky as the one before took an
object for it. Of panels that overlap, it may well find more where steps have become smaller."""

DEGREE, STIFFNESS, STIFFNESS_OF_STEPS = 2, 1e-3, 1e-2
"""The degree of the polynomials of a correction that cost nothing, and the stiffness of what else
it is: of panels that overlap, and of those of a merged mosaic, whose steps are known less well."""

NO_SKY = 0.02
"""How much a cell that is no sky holds a correction down, where one of the sky counts 1."""

DIFFERENCE, STEP = 20.0, 2000.0
"""How much a difference counts: unlike a cell of the sky, it holds no object. Of a merged mosaic,
a few steps tell what many cells tell of panels that overlap."""

SOFTEST = 1e-7
"""The stiffness of the spline through all that is known of a panel's background."""


@dataclass(frozen=True, eq=False)
class Background:
    """The background of a panel.

    Attributes
    ----------
    splines : Splines
        At the cells of the panel, in its own coordinates.
    coordinates : ndarray, (M, K), linear
    """

    splines: Splines
    coordinates: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """(n, K), linear, at the cells."""
        return self.splines.matrix @ self.coordinates

    def at(self, points: np.ndarray) -> np.ndarray:
        """(P, K), linear, at points (P, 2)."""
        values: np.ndarray = self.splines.at(points) @ self.coordinates
        return values

    def without_points(self) -> Background:
        """The same without its values at the cells, which are most of its memory."""
        nowhere = np.empty((0, self.splines.matrix.shape[1]))
        return replace(self, splines=self.splines.on(nowhere))

    @classmethod
    def through(cls, values: np.ndarray, basis: Basis) -> Background:
        """That of values at the cells, (n, K)."""
        splines = basis.of_degree(min(3, basis.side - 1), SOFTEST)
        return cls(splines, splines.solve(values, np.ones(len(values)), SOFTEST))


@one_thread
def backgrounds(
    every: Sequence[Cells],
    differences: Sequence[Difference],
    grid: Grid,
    protection: str,
    watch: Callable[[int], None] = lambda done: None,
    threads: int = 1,
    kernels: Kernels = FASTEST,
    stiffness: float = STIFFNESS,
) -> tuple[list[Background], Found]:
    """The backgrounds of panels that differences connect.

    Parameters
    ----------
    every : sequence of Cells
        Those of each panel.
    differences : sequence of Difference
    grid : Grid
    protection : str
        See `fastbg.sky.detection.detect_sky`.
    watch : callable, optional
        Called with the number of searches that are done, of at most `ROUNDS`.
    threads : int, optional
    kernels : Kernels, optional
    stiffness : float, optional
        That of corrections.

    Returns
    -------
    list of Background
    Found
        The sky of the picture that is left.

    Raises
    ------
    InputError
        If too little of the panels may be used.
    """
    levels = levelling(len(every), every[0].values.shape[1], differences)
    taken = [polynomials(each.points) @ own for each, own in zip(every, levels, strict=True)]
    bases = [Basis(each.points, grid_side(len(each.place))) for each in every]
    stiff = [_stiff(basis, stiffness) for basis in bases]
    before = np.full(grid.shape[0] * grid.shape[1], np.inf)
    for done in range(1, ROUNDS + 1):
        picture = Picture.of(every, taken, grid)
        found = picture.searched(protection, threads, kernels)
        if stiffness > STIFFNESS and found.weight.sum() > MUCH_MORE * before.sum():
            break
        sky = found
        prior = [own + sky.values[each.place] for each, own in zip(every, taken, strict=True)]
        taken = _corrected(every, differences, prior, sky.weight, bases, stiff, stiffness)
        watch(done)
        if np.mean(np.abs(sky.weight - before)) < SETTLED:
            break
        before = sky.weight
    own = [Background.through(each, basis) for each, basis in zip(taken, bases, strict=True)]
    return own, sky


def _stiff(basis: Basis, stiffness: float) -> Splines:
    splines = basis.of_degree(min(DEGREE, basis.side - 1), stiffness)
    return splines.first(splines.used(stiffness))


def _corrected(
    every: Sequence[Cells],
    differences: Sequence[Difference],
    prior: Sequence[np.ndarray],
    weight: np.ndarray,
    bases: Sequence[Basis],
    stiff: Sequence[Splines],
    stiffness: float,
) -> list[np.ndarray]:
    """The values at the cells of each panel, (n, K), with its stiff correction."""
    normal, right = [], []
    for cells, own, splines in zip(every, prior, stiff, strict=True):
        matrix, sky = splines.matrix, weight[cells.place]
        energy = np.r_[np.zeros(splines.free), np.ones(len(splines.seen))]
        data = matrix.T @ (matrix * (sky + NO_SKY)[:, np.newaxis])
        normal.append(data + stiffness * len(sky) * np.diag(energy))
        right.append(matrix.T @ (sky[:, np.newaxis] * (cells.values - own)))
    smooth = [Background.through(own, basis) for own, basis in zip(prior, bases, strict=True)]
    equations = Equations([splines.at for splines in stiff], without(smooth, differences))
    found = equations.solve(normal, right, STEP if stiffness > STIFFNESS else DIFFERENCE)
    return [
        own + splines.matrix @ coordinates
        for own, splines, coordinates in zip(prior, stiff, found, strict=True)
    ]


def without(every: Sequence[Background], differences: Sequence[Difference]) -> list[Difference]:
    """What backgrounds leave of the differences between panels."""
    left = []
    for each in differences:
        (one, other), (here, there) = each.panels, each.points
        values = each.values - every[one].at(here) + every[other].at(there)
        left.append(replace(each, values=values))
    return left

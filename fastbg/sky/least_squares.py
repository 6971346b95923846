"""The surface through cells that are all sky, by least squares: somebody has masked the rest.

No cell loses its weight, so that the residuals of all of them judge a surface. The stiffest one is
selected for which bending further would not make up for its penalty, as in
`fastbg.sky.selection`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..image.kernels import FASTEST, Kernels
from .basis import bases_of
from .blas import one_thread
from .cost import POLYNOMIAL_CANDIDATES
from .grid import checked, grid_side
from .mesh import Mesh
from .selection import CANDIDATES
from .surface import PROTECTIONS, Choice, Surface, fit_surface

POLYNOMIAL_PENALTY, BENDING_PENALTY = 0.01, 0.22
"""The penalty of each candidate after the first, added to the logarithm of the residuals' root mean
square. Bending more has to make residuals a fifth smaller: what the mask has left of an object
would be followed otherwise."""


@one_thread
def select_by_residuals(
    mesh: Mesh,
    watch: Callable[[int], None] = lambda done: None,
    kernels: Kernels = FASTEST,
    flexibility: int = 0,
) -> list[Surface]:
    """The smooth surface through all cells that may be used, behind the stiffer candidates.

    Parameters
    ----------
    mesh : Mesh
    watch : callable, optional
        Called with the number of fits that are done; what it raises ends them.
    kernels : Kernels, optional
    flexibility : int, optional
        The number of the candidate to take, from 1 on; 0 = the one that the residuals select.

    Raises
    ------
    InputError
        If too few cells can be used.
    """
    side = grid_side(checked(mesh))
    candidates = [each for each in CANDIDATES if each[0] < side]
    bases = bases_of(mesh, side, dict(sorted(candidates, reverse=True)), threads=1)
    fits = []
    for done, (degree, stiffness) in enumerate(candidates, start=1):
        parts = bases[degree], mesh, mesh.weight, stiffness, PROTECTIONS["off"], kernels
        fits.append(fit_surface(*parts))
        watch(done)
    penalties = np.full(len(fits), BENDING_PENALTY)
    penalties[:POLYNOMIAL_CANDIDATES] = POLYNOMIAL_PENALTY
    costs = [_residual(fit, mesh) for fit in fits] + np.cumsum(penalties)
    automatic = int(np.argmin(costs)) + 1
    *stiffer, selected = fits[: flexibility or automatic]
    choice = Choice(len(stiffer) + 1, automatic, tuple(each.explained for each in fits))
    return [*stiffer, replace(selected.solved(mesh), choice=choice)]


def _residual(surface: Surface, mesh: Mesh) -> float:
    """The logarithm of the root mean square of the residuals, the mean over the channels."""
    square = mesh.weight @ (mesh.values - surface.values) ** 2 / mesh.weight.sum()
    return float(np.log(square + np.finfo(float).tiny).mean() / 2)

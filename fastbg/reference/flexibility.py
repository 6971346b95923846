"""How far the sky of a difference bends: as its residuals tell, for no object is left to follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..sky.basis import bases_of
from ..sky.grid import grid_side
from ..sky.mesh import Mesh
from ..sky.selection import CANDIDATES
from ..sky.smoothing_spline import Splines
from ..sky.surface import Choice, Surface

CAUTION = 1.4
"""Each degree of freedom counts as so many: with 1, noise is followed too often (Y.-J. Kim and C.
Gu, Smoothing spline Gaussian regression, Journal of the Royal Statistical Society B 66, 2004)."""


def by_residuals(found: Surface, mesh: Mesh) -> Surface:
    """The surface through the same sky with the least generalised cross-validation.

    P. Craven and G. Wahba, Smoothing noisy data with spline functions, Numerische Mathematik 31,
    1978.

    Parameters
    ----------
    found : Surface
        It stays as it is if it has a glow or a halo, or is of one shape in all channels.
    mesh : Mesh
        The cells that it was found in.
    """
    if found.glow or found.joint or found.halo is not None or not found.choice:
        return found
    side = grid_side(int(np.count_nonzero(mesh.usable)))
    candidates = [each for each in CANDIDATES if each[0] < side]
    bases = bases_of(mesh, side, dict(sorted(candidates, reverse=True)), threads=1)
    fits = [(bases[degree], stiffness) for degree, stiffness in candidates]
    costs = [_validation(*each, mesh, found.weight) for each in fits]
    best = int(np.argmin(costs))
    splines, stiffness = fits[best]
    choice = Choice(best + 1, best + 1, found.choice.explained)
    surface = replace(
        found, splines=splines, stiffness=stiffness, choice=choice, rivals=(), guessed=False
    )
    return surface.solved(mesh)


def _validation(splines: Splines, stiffness: float, mesh: Mesh, weight: np.ndarray) -> float:
    """The logarithm of the cross-validation, the mean over the channels."""
    values = splines.matrix @ splines.solve(mesh.values, weight, stiffness)
    square = weight @ (mesh.values - values) ** 2 / weight.sum()
    used = splines.used(stiffness)
    columns = splines.matrix[:, :used]
    normal = columns.T @ (columns * weight[:, np.newaxis]) / weight.sum()
    energy = np.zeros(used)
    energy[splines.free :] = stiffness
    freedom = np.trace(np.linalg.solve(normal + np.diag(energy), normal))
    left = 1 - CAUTION * freedom / weight.sum()
    if left <= 0:
        return np.inf
    return float(np.log(square + np.finfo(float).tiny).mean() - 2 * np.log(left))

"""What the surfaces of all frames and channels share: it tells shapes that single ones do not.

Gradients of a night have few shapes, in all of its frames and channels: domes of light, the moon.
So surfaces are no splines of their own, but nearly sums of a few. The rows of a matrix are
surfaces, its columns modes that bend more and more, all in units of the noise. A rotation of the
rows to their principal axes leaves the noise as it is, and brings what they share into a few of
them. There, each axis is a smoothing spline as stiff as its noise demands: that of a shape may
bend, for all frames tell it, and those of noise may not. Then everything is turned back.

Nothing is left out, so that a frame with a gradient of its own keeps it: that is an axis, too. One
surface alone is its own axis, and its smoothing spline stays.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from .solution import SharedStart, Solution
from .surfaces import STIFFNESSES, Surfaces

TINY = float(np.finfo(np.float32).tiny)

COST = 3.0
"""What a degree of freedom costs, in units of the variance of noise. Mallows's criterion has 2; but
the same noise has chosen the axes, and is more than its share in the first of them."""


def shared(solutions: list[Solution], surfaces: Surfaces, used: np.ndarray) -> list[SharedStart]:
    """How to solve all channels again: each surface is centred on what is probable by all.

    Parameters
    ----------
    solutions : list of Solution
        One for each channel.
    surfaces : Surfaces
    used : ndarray, (n,), bool
        The frames from which is learned; the others keep smoothing splines of their own.

    Returns
    -------
    list of SharedStart
    """
    modes = _Modes(surfaces)
    noise = [_noise(each, used, modes.pixels) for each in solutions]
    rows = np.concatenate(
        [modes.of(each, used) / own for each, own in zip(solutions, noise, strict=True)]
    )
    usual = float(np.median([each.stiffness[used] for each in solutions]))
    axes = np.linalg.svd(rows * modes.kept(usual), full_matrices=False)[0]
    turned = axes.T @ rows
    kept = np.array([modes.kept_by_noise(each) for each in turned])
    found = np.split(axes @ (kept * turned), len(solutions))
    # The polynomials are free in the next solution, and counted there.
    freedom = np.split(axes**2 @ (kept * (modes.energy > 0)).sum(axis=1), len(solutions))
    starts = []
    for each, own, row, free in zip(solutions, noise, found, freedom, strict=True):
        centre, freedoms = np.zeros_like(each.coordinates), np.zeros(len(used))
        centre[used] = (own * row) @ modes.functions.T * surfaces.energy
        freedoms[used] = free
        known = each.scale, each.coordinates, each.stiffness
        starts.append(
            SharedStart(*known, centre=centre, freedom=freedoms, composite=each.composite)
        )
    return starts


def _noise(solution: Solution, used: np.ndarray, pixels: int) -> np.ndarray:
    """(m, 1): the standard deviation of each mode of the surfaces that are used."""
    total = np.maximum(pixels * solution.weight[used], 1)
    found: np.ndarray = np.sqrt(solution.variance[used] / total)[:, np.newaxis]
    return np.maximum(found, TINY)


class _Modes:
    """Functions that are orthonormal over the grid, from those that bend least on.

    Attributes
    ----------
    functions : ndarray, (M, M)
        Their coordinates, in columns.
    energy : ndarray, (M,)
    """

    def __init__(self, surfaces: Surfaces) -> None:
        self.pixels = len(surfaces.matrix)
        self._products = surfaces.means
        firm = np.mean(np.diag(self._products)) * 1e-10 * np.eye(len(surfaces.energy))
        energy, self.functions = eigh(np.diag(surfaces.energy), self._products + firm)
        # Rounding leaves a trace of it in polynomials.
        self.energy = np.where(energy > 1e-9 * energy.max(), energy, 0)
        self._level = surfaces.constant @ self._products @ self.functions

    def of(self, solution: Solution, used: np.ndarray) -> np.ndarray:
        """(m, M): surfaces as the data have them, where these tell; without their levels.

        A surface was smoothed, and what is left of its frame still has what that took away.
        """
        total = np.maximum(self.pixels * solution.weight[used], 1)[:, np.newaxis]
        rough = solution.coordinates[used] @ self._products + solution.slope[used] / total
        found: np.ndarray = rough @ self.functions
        level = self._level
        return found - np.outer(found @ level, level) / (level @ level)

    def kept(self, stiffness: float) -> np.ndarray:
        """(M,): the part of each mode that smoothing leaves."""
        found: np.ndarray = 1 / (1 + stiffness * self.energy)
        return found

    def kept_by_noise(self, row: np.ndarray) -> np.ndarray:
        """(M,): the same, for the stiffness that noise of the variance 1 allows."""
        found = []
        for stiffness in STIFFNESSES:
            kept = self.kept(stiffness)
            found.append((float(((row - kept * row) ** 2).sum() + COST * kept.sum()), kept))
        return min(found, key=lambda each: each[0])[1]

"""The iteratively reweighted least squares of one surface: in numpy, the reference, and in C."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .. import compiled
from ..image.kernels import NUMPY, Kernels
from .mesh import Mesh
from .neighbourhood import gaussian_mean, gaussian_weights
from .smoothing_spline import Splines

TOLERANCE_FACTORS = (8, 5, 3, 2, 1.4, 1, 1, 1)
"""The tolerance of each iteration, as a multiple of the last one."""

TOLERANCE = 0.02
"""The tolerance is ``hypot(noise, TOLERANCE * deviation of the surface)``."""

SOFTNESS = 0.5
"""The width of the logistic function by which weights fall, in tolerances."""

ALONE = 1.5
"""By so many tolerances more must a cell lie above the surface in one channel to count as if it did
in the mean of all: lines of emission shine in one channel of narrow filters alone."""

LEAST_WEIGHT = 1e-4
"""The relative weight of a cell that is far off the surface; it keeps every fit determined."""


@dataclass(frozen=True)
class Protection:
    """How readily a cell is taken for an object.

    Attributes
    ----------
    above : float
        Tolerances above the surface at which a cell loses half its weight.
    below : float
        Tolerances below it, for landscapes, dark dust and shadows.
    around : float
        Tolerances above the surface at which the smoothed neighbourhood of a cell halves its
        weight.
    reach : float
        The standard deviation, in cells, of the Gaussian that smooths the neighbourhood.
    first : int
        The number of the first of the `TOLERANCE_FACTORS`, from 0 on: a fit that begins with a
        narrow tolerance stays near its start.
    """

    above: float
    below: float
    around: float
    reach: float
    first: int = 0

    @property
    def factors(self) -> tuple[float, ...]:
        """The tolerance of each iteration, as a multiple of the last one."""
        return TOLERANCE_FACTORS[self.first :]


@dataclass(frozen=True, eq=False)
class RobustFit:
    """Where the iterations ended.

    Attributes
    ----------
    coordinates : ndarray, (M, K)
        Of the surface, in its basis.
    values : ndarray, (P, K), linear
        The surface at the cells.
    weight : ndarray, (P,), in [0, 1]
        How much each cell is sky.
    """

    coordinates: np.ndarray
    values: np.ndarray
    weight: np.ndarray


RobustFitter = Callable[[Splines, Mesh, np.ndarray, float, Protection], RobustFit]
"""Takes a basis, a mesh, the weights of its cells, (P,), the stiffness and the protection."""


def robust_fitter(kernels: Kernels) -> RobustFitter:
    """The implementation that goes with the kernels of a job."""
    return _fit_in_numpy if kernels is NUMPY else _fit_in_c


def _fit_in_numpy(
    splines: Splines, mesh: Mesh, weight: np.ndarray, stiffness: float, protection: Protection
) -> RobustFit:
    usable = mesh.usable.reshape(mesh.shape).astype(float)
    around = np.maximum(gaussian_mean(usable, protection.reach), 1e-3)
    for factor in protection.factors:
        surface = splines.matrix @ splines.solve(mesh.values, weight, stiffness)
        tolerance = factor * np.hypot(mesh.noise, TOLERANCE * weighted_deviation(surface, weight))
        each = (mesh.values - surface) / tolerance
        off = np.maximum(each.mean(axis=1), each.max(axis=1) - ALONE)
        # What is known to be sky throws no doubt on its neighbours.
        plane = (np.clip(off, -6, 6) * (1 - mesh.known)).reshape(mesh.shape) * usable
        nearby = (gaussian_mean(plane, protection.reach) / around).ravel()
        sky = falling(off - protection.above, SOFTNESS)
        sky *= falling(-off - protection.below, SOFTNESS)
        sky *= falling(nearby - protection.around, 0.6 * SOFTNESS)
        weight = mesh.weight * np.maximum(sky, np.maximum(mesh.known, LEAST_WEIGHT))
    coordinates = splines.solve(mesh.values, weight, stiffness)
    return RobustFit(coordinates, splines.matrix @ coordinates, weight)


def _fit_in_c(
    splines: Splines, mesh: Mesh, weight: np.ndarray, stiffness: float, protection: Protection
) -> RobustFit:
    level, unit, values, usable, known = mesh.in_float32
    used, channels = splines.used(stiffness), len(unit)
    modes = splines.folded(mesh.shape)
    taps = gaussian_weights(protection.reach).astype(np.float32)
    sky = weight.astype(np.float32)
    coordinates = np.empty((channels, used))
    surface = np.empty((channels, len(weight)), np.float32)
    compiled.c.fit_surface(
        values,
        usable,
        known,
        mesh.noise / unit,
        mesh.shape[1],
        *(modes.parities, modes.matrix, modes.means, modes.quarters),
        *(modes.place, modes.block, modes.part),
        (used, splines.free, stiffness),
        np.array(protection.factors, np.float64),
        taps[len(taps) // 2 :],
        (
            *(protection.above, protection.below, protection.around),
            *(ALONE, TOLERANCE, SOFTNESS, LEAST_WEIGHT),
        ),
        sky,
        coordinates,
        surface,
    )
    raised = np.zeros((splines.matrix.shape[1], channels))
    raised[:used] = coordinates.T * unit
    raised[splines.free - 1] += level
    return RobustFit(raised, level + unit * surface.T, sky.astype(np.float64))


def weighted_deviation(surface: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(K,): the weighted standard deviation of a surface, (P, K); never zero."""
    share = weight[:, np.newaxis] / weight.sum()
    variance = (share * (surface - (share * surface).sum(axis=0)) ** 2).sum(axis=0)
    spread: np.ndarray = np.sqrt(variance) + np.finfo(np.float32).tiny
    return spread


def falling(value: np.ndarray, softness: float) -> np.ndarray:
    """The logistic function from 1, far below zero, to 0, far above it."""
    fallen: np.ndarray = 1 / (1 + np.exp(np.clip(value / softness, -30, 30)))
    return fallen

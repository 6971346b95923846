"""How uncertain a model is: what a part of the frame, or another choice, would have changed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..samples.sky import SampledSky
from ..sky.jackknife import blocks
from ..sky.mesh import Mesh
from ..sky.robust_fit import LEAST_WEIGHT
from ..sky.smoothing_spline import Splines, combined
from ..sky.surface import Surface
from .whole_frame import Residual

RIVALRY = 0.12
"""A rival whose cost is larger by this has 1/e of the weight of the surface that was selected."""

BORDER = 1 / 8
"""The part of the frame along each border, in height and width, in which light that is left may be
that of the sky."""

BRIGHTEST = 10.0
"""What is brighter than so many standard deviations of the model counts as no more than that."""

CERTAIN = 3.0
"""Light that is left is told from noise above so many of its standard deviations."""

LEAST_RIVALRY = 0.01
"""Rivals with less weight than this are not looked at."""


def of_surface(surface: Surface, mesh: Mesh, background: np.ndarray) -> np.ndarray:
    """(P, K), linear: of a sky that was found, by the jackknife.

    Parameters
    ----------
    surface : Surface
    mesh : Mesh
        In linear units.
    background : ndarray, (P, K), linear
        The values of the surface at the cells.
    """
    own = of_spline(surface.splines, mesh, surface.weight, surface.stiffness, surface.halo)
    if surface.joint is None:
        return own
    joint_mesh, joint = surface.joint
    shapes = of_spline(joint.splines, joint_mesh, joint.weight, joint.stiffness)
    # How much of each shape a channel has.
    offsets = (each - each.mean(axis=0) for each in (joint.values, background))
    multiples = np.linalg.lstsq(*offsets)[0]
    return np.hypot(own, np.sqrt(shapes**2 @ multiples**2))


def of_samples(sky: SampledSky) -> np.ndarray:
    """(P, K), in the units of the surface: of one through samples, by the same jackknife."""
    fit, surface, stretch = sky.fit, sky.surface, sky.stretch
    levels = (sky.samples.levels.value - stretch.pedestal) / stretch.scale
    data = np.where(fit.used[:, np.newaxis], levels, 0)
    groups = blocks(sky.samples.places, fit.weight > 0)
    return _jackknife(
        fit.splines.solve_without(data, fit.weight, fit.stiffness, groups),
        surface.splines.matrix,
        surface.weight,
        data.shape[1],
    )


def of_spline(
    splines: Splines,
    mesh: Mesh,
    weight: np.ndarray,
    stiffness: float,
    halo: np.ndarray | None = None,
) -> np.ndarray:
    """(P, K): of a spline, fitted without each block of the frame in turn: a jackknife.

    Beside it, further functions are fitted, (P, Q), if there are any.
    """
    groups = blocks(mesh.points, weight > LEAST_WEIGHT)
    how = mesh.values, weight, stiffness, groups
    if halo is None:
        left_out = splines.solve_without(*how)
    else:
        fits = splines.beside(halo).solve_without(*how)
        left_out = (fit[halo.shape[1] :] for fit in fits)
    return _jackknife(left_out, splines.matrix, weight, mesh.values.shape[1])


def _jackknife(
    left_out: Iterable[np.ndarray], matrix: np.ndarray, weight: np.ndarray, channels: int
) -> np.ndarray:
    """(P, K): the deviation of fits, by their coordinates, at the points of a matrix, (P, M).

    NaN for fewer than two fits.
    """
    coordinates = [*left_out]
    if len(coordinates) < 2:
        return np.full((len(matrix), channels), np.nan)
    # All fits at once: a product with each would read the matrix as often.
    fits = combined(matrix, np.hstack(coordinates))
    fits = (fits - weight @ fits / weight.sum()).reshape(len(matrix), -1, channels)
    deviation: np.ndarray = np.std(fits, axis=1) * (len(coordinates) - 1) ** 0.5
    return deviation


def of_choice(surface: Surface) -> np.ndarray:
    """(P, K), in the units of the surface: how far its rivals lie from it, apart from the levels.

    The mean square over the surface and its rivals, weighted by exp(-cost): the part of the
    variance of an average of models that lies between them (J. A. Hoeting and others, Bayesian
    model averaging, Statistical Science 14, 1999).
    """
    values, weight = surface.values, surface.weight
    total, square = 1.0, np.zeros_like(values)
    for cost, rival in surface.rivals:
        likely = np.exp(-max(cost, 0) / RIVALRY)
        if likely < LEAST_RIVALRY:
            continue
        off = rival.values - values
        total += likely
        square += likely * (off - weight @ off / weight.sum()) ** 2
    spread: np.ndarray = np.sqrt(square / total)
    return spread


def of_border(background: np.ndarray, residual: Residual) -> np.ndarray:
    """(P, K), linear: the light that is left along the borders, where it may be that of the sky.

    Nothing tells the glow of an amplifier, of a dew heater or of a town behind a roof from an
    object that a border cuts.

    Parameters
    ----------
    background : ndarray, (P, K), linear
        The model at the cells.
    residual : Residual
    """
    distance = np.minimum(residual.mesh.points, 1 - residual.mesh.points).min(axis=1)
    near = np.maximum(1 - distance / BORDER, 0) * residual.seen
    light = np.minimum(residual.values, BRIGHTEST * background[residual.sky].std(axis=0))
    left: np.ndarray = np.maximum(residual.smoothed(light) - CERTAIN * residual.noise, 0)
    return near[:, np.newaxis] * left

"""What a surface bends where hardly any sky is seen: shrunk toward a plane.

Where less than half of the frame is sky, a surface is held in places and guessed between them. The
jackknife tells how uncertain that is, and the light of a sky how much it may be: few skies bend by
more than they rise. What is more uncertain than that, and not plain to see, is mostly error: part
of it is left out (shrinkage: W. James and C. Stein, Estimation with quadratic loss, 1961).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .jackknife import blocks
from .mesh import Mesh
from .robust_fit import LEAST_WEIGHT
from .smoothing_spline import Splines, combined
from .surface import Surface
from .thin_plate import affine

SEEN = 0.5
"""Where at least this share of the frame is sky, by the weight of the cells or because it lies on
the surface, that is left as it is."""

RISE = 0.57
"""The most that a sky is taken to bend beyond a plane, relative to the plane: both as deviations
over the frame."""

CERTAIN = 2.0
"""What bends by so many of its standard deviations stays, whatever the plane is."""


def shrunk(surface: Surface, mesh: Mesh) -> Surface:
    """A surface of which only so much bends as is known, in each channel.

    Multiples of one shape, and surfaces with a light that is none of the splines', stay.

    Parameters
    ----------
    surface : Surface
    mesh : Mesh
    """
    splines = surface.splines
    seen = max(surface.explained, surface.weight.sum() / mesh.weight.sum())
    if seen >= SEEN or surface.joint is not None or splines.local:
        return surface
    flat = np.vstack([np.zeros((len(splines.centres), 3)), np.eye(3)])
    planes = Splines(affine(mesh.points), flat, np.zeros(0), splines.centres)
    groups = blocks(mesh.points, surface.weight > LEAST_WEIGHT)
    how = mesh.values, surface.weight
    plane = planes.matrix @ planes.solve(*how, 0)
    surfaces, flats = (
        [combined(each.matrix, fit) for fit in each.solve_without(*how, stiffness, groups)]
        for each, stiffness in ((splines, surface.stiffness), (planes, 0.0))
    )
    bends = np.subtract(surfaces, flats)
    if len(bends) < 2:
        return surface
    uncertain = (len(bends) - 1) * _variance(bends - bends.mean(axis=0), mesh).sum(axis=0)
    uncertain /= len(bends)
    known = _variance(surface.values - plane, mesh) / CERTAIN**2
    allowed = np.maximum(RISE**2 * _variance(plane, mesh), known)
    part = np.minimum(1, allowed / np.maximum(uncertain, np.finfo(np.float64).tiny))
    if (part == 1).all():
        return surface
    free = splines.matrix[:, : splines.free]
    own = np.zeros_like(surface.coordinates)
    own[: splines.free] = np.linalg.lstsq(free, plane, rcond=None)[0]
    return replace(
        surface,
        coordinates=own + part * (surface.coordinates - own),
        left_out=tuple((1 - part).tolist()),
    )


def _variance(values: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(..., K): the variance of values, (..., P, K), over the cells that can be used."""
    variance: np.ndarray = values[..., mesh.usable, :].var(axis=-2)
    return variance

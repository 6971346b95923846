"""The light along a horizon that is a circle in the frame, as a fisheye shows it.

Light rises toward a horizon all around: that of the air, for a line of sight passes through more of
it there, and that of towns, which stand there. It is steep, and steepest where land hides it. Such
a rise is no polynomial, and surfaces that bend enough for it bend along the Milky Way as well.
"""

from __future__ import annotations

import numpy as np

from .circle import circle_around
from .glow import Glow
from .mesh import Mesh
from .smoothing_spline import Splines
from .surface import Surface
from .thin_plate import interpolating

RISES = (0.1, 0.3)
"""Where an exponential has fallen to 1/e, in units of the radius of the horizon."""

BEYOND = 1.05
"""The light is even from here on, in units of the radius: nobody sees what is beyond a horizon."""

RADII, AROUND = (0.4, 0.6, 0.75, 0.87, 0.95, 1.0, BEYOND), 24
"""The radii of rings of control points, in units of the horizon's, and the number on each."""

NAME = "along the horizon"

CANDIDATES = ((1, 2e-3), (2, 1e-2), (2, 1e-3), (2, 1e-4))
"""Those of a search beside this light, as `fastbg.sky.selection.CANDIDATES`, where a search without
it is not clear. They are hardly more than polynomials: what surfaces that bend more would follow
are objects, for the light along the horizon is beside them."""

PENALTY = -0.2
"""The penalty of this light there, which is a reward: light rises toward a horizon that is seen all
around. In a clear frame it has the penalty of a glow."""

DARK, STRONG = 0.03, 2.0
"""What is fitted along the outline is the light of a horizon if it is nowhere darker than without
it by more than the first part of its brightest cell, for light adds; and if that is at least so
many deviations of the rest of the sky, for the rise toward a horizon is most of what a sky varies.
The round field of a telescope or of a crop has an outline, but no such light."""

DOUBT = (
    "the light of the sky rises steeply toward a horizon all around, so that what of it is beside "
    "land, or hidden by objects such as the Milky Way, is a guess; mask objects, or paint what you "
    "know to be sky (--sky)"
)


def find_horizon(mesh: Mesh, splines: Splines) -> Glow | None:
    """The light along a circular horizon; None where the frame shows no such circle.

    Parameters
    ----------
    mesh : Mesh
        In which the land has no weight; see `fastbg.sky.even_areas`.
    splines : Splines
        A basis for the smooth part of the sky.
    """
    places = mesh.points * mesh.shape  # in cells, which are square
    circle = circle_around(mesh.usable.reshape(mesh.shape), mesh.points)
    if circle is None:
        return None
    middle, radius = circle
    angles = 2 * np.pi * np.arange(AROUND) / AROUND
    ring = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    rings = np.concatenate([middle + radius * each * ring for each in RADII]) / mesh.shape
    inside = rings[((rings > -0.1) & (rings < 1.1)).all(axis=1)]
    own = _light((places - middle) / radius)
    # Orthonormal functions keep the fit well-conditioned.
    turn = np.linalg.inv(np.linalg.qr(own, mode="r")) * len(own) ** 0.5
    return Glow(
        (NAME,),
        *interpolating(
            lambda points: _light((points * mesh.shape - middle) / radius) @ turn,
            *(splines.centres, inside, mesh.points),
        ),
    )


def is_light(surface: Surface, mesh: Mesh) -> bool:
    """Whether what is fitted along the outline is the light of a horizon, in every channel.

    Parameters
    ----------
    surface : Surface
        One that was fitted beside that light.
    mesh : Mesh
    """
    local = surface.splines.local
    light = surface.splines.matrix[:, :local] @ surface.coordinates[:local]
    rest = (surface.values - light)[mesh.usable].std(axis=0)
    darkest, brightest = (each(light[mesh.usable], axis=0) for each in (np.min, np.max))
    return bool(((darkest >= -DARK * brightest) & (brightest >= STRONG * rest)).all())


def _light(away: np.ndarray) -> np.ndarray:
    """(n, Q): the functions at places, (n, 2), in radii from the middle of the circle."""
    y, x = away.T
    distance = np.hypot(y, x)
    azimuth = np.arctan2(y, x)
    turning = np.stack([np.ones(len(y)), np.cos(azimuth), np.sin(azimuth)], axis=1)
    rising = (np.exp((np.minimum(distance, BEYOND) - 1) / rise) for rise in RISES)
    return np.hstack([each[:, np.newaxis] * turning for each in rising])

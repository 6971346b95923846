"""Clouds in the sky: structure everywhere, in the one colour that the sky's own light has.

High clouds are lit by the town or the Moon that lights the sky. Objects have colours of their own,
and where they do not, they leave some of the sky bare.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..image.robust import medians
from .cost import CLEAR, POLYNOMIAL_CANDIDATES
from .mesh import Mesh
from .surface import Surface

COVERED = 0.205
"""Clouds leave less than this share of the usable cells on a surface that passes objects by."""

FOLLOWED, BOTH_WAYS = 0.55, 0.45
"""A surface follows clouds if plain ones explain less than this share of the usable cells, and if
at least this share of its curvature is concave: light from outside of the frame is convex. Of the
domes of towns and the light of the Moon, some have the one, some the other, but none has both."""

ONE_COLOUR = 0.8
"""Of the cells, at least this share has the one colour."""

WITHIN = 3.5
"""They have it within so many standard deviations of the noise in each other colour."""

INDEPENDENT = 0.1
"""The least variance in any sum of the channels, in units of that of the noise. Channels that are
copies of each other tell nothing of colours."""

STIFFNESS = 1e-4
"""Of the surface through clouds: finer structure of theirs is no background."""

DOUBT = (
    "all light in this image has one colour, and hardly anything in it is smooth: it was taken for "
    "clouds in the sky, of which all that is large is taken out; if it is objects, compare with "
    "--protect strong, or mask them"
)


def are_clouds(mesh: Mesh, surface: Surface) -> bool:
    """Whether clouds cover the sky that a surface, which passes objects by, should be.

    Parameters
    ----------
    mesh : Mesh
    surface : Surface
        Of the one that was selected and of plain ones, the one that explains most.
    """
    return surface.explained < COVERED and has_one_colour(mesh)


def without_fine_clouds(surface: Surface, mesh: Mesh) -> Surface:
    """What is large of a surface that follows clouds; any other surface is left as it is.

    Thin clouds are smooth enough for a surface that bends freely. But what is fine of them is as
    little background as that of thick ones, and such a surface follows much of it.

    Parameters
    ----------
    surface : Surface
        The one that was selected, which tells what the plainer ones explain.
    mesh : Mesh
    """
    plain = surface.choice.explained[:POLYNOMIAL_CANDIDATES] if surface.choice else ()
    follows = (
        max(plain, default=1.0) < FOLLOWED
        and surface.explained >= CLEAR
        and surface.stiffness < STIFFNESS
        and surface.concave >= BOTH_WAYS
    )
    if not follows or not surface.automatic or surface.splines.local or not has_one_colour(mesh):
        return surface
    return replace(surface, stiffness=STIFFNESS).solved(mesh)


def has_one_colour(mesh: Mesh) -> bool:
    """Whether all light has one colour; not where somebody knows what is sky."""
    if len(mesh.noise) == 1 or mesh.known.any():
        return False
    values = (mesh.values / np.maximum(mesh.noise, np.finfo(np.float32).tiny))[mesh.usable]
    variances, colours = np.linalg.eigh(np.cov(values.T))
    others = values @ colours[:, :-1]
    off = np.abs(others - medians(others, axis=0)).max(axis=1)
    return bool(variances[0] > INDEPENDENT and np.mean(off < WITHIN) > ONE_COLOUR)

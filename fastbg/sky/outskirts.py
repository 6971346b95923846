"""The outskirts of objects: light that fades with the distance from their outline.

Where objects hide most of a frame, what is left of the sky lies at their outskirts, and a surface
through it follows their faint light instead: it is off by many times the noise behind the objects,
while it fits what is seen as the sky itself would. But that light fades outwards, as no sky does.
So a sky and light that fades are fitted together, in each channel by itself: an object in one
narrow filter hides no sky in another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .clouds import has_one_colour
from .halo import ABOVE, BELOW, ITERATIONS, SCATTER
from .mesh import Mesh
from .neighbourhood import gaussian_mean
from .smoothing_spline import Splines
from .surface import Surface
from .thin_plate import affine

SEEN = 0.4
"""Where at least this share of the frame is sky, by the weight of the cells or because it lies on
the surface, that is left as it is."""

OUTLINE, AROUND = 4.0, 1.0
"""Inside of its outline, an object is brighter than the sky by so many standard deviations of the
noise of a cell, in the mean of the cells around, by a Gaussian of so many cells."""

OUTLINES = 2
"""How often the outline is found: above the surface, which hides a part of it, and then above the
sky that was fitted beside it."""

FADING = (1.5, 4.0)
"""The light falls to 1/e within so many cells from the outline; it is a sum of both."""

RISE = 0.57
"""How much a sky bends beyond a plane, relative to the plane: both as deviations over the frame."""

FARTHER = 1.5
"""By this factor, and the noise of a cell, a guess may be farther from what is known to be sky."""

MEAN = 0.5
"""How much the selected surface counts in the mean, where objects vary as much as the sky or less.
Where they vary more, it counts the less."""

ALIKE = 160.0
"""So many cells err together, for an object has structure: they tell as much as one with noise."""


def behind_outskirts(
    instead: Surface, mesh: Mesh, quadratic: Splines | None, flexible: Splines
) -> Surface | None:
    """The sky behind objects and their outskirts, where these hide most of the frame.

    It is a mean of the surface and of a quadratic sky, which are guesses that err in ways of their
    own. The brighter the objects, the more of their light is in the surface: it counts the less.

    Parameters
    ----------
    instead : Surface
        What was selected.
    mesh : Mesh
    quadratic, flexible : Splines
        The basis in which quadratic polynomials cost nothing, if there is one, and one that has all
        surfaces.

    Returns
    -------
    Surface or None
        None where enough of the frame is sky, as `hides_the_sky` tells, where the frame has one
        colour, where more of it lies below the surface than above, for objects only add light,
        where nearly all cells lie above it, and as `guess` tells.
    """
    if quadratic is None or not hides_the_sky(instead, mesh) or has_one_colour(mesh):
        return None
    if instead.below > (1 - instead.explained) / 2:
        return None
    unit = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    free = quadratic.matrix[:, : quadratic.free]
    plain = _plane_and_bends(free, mesh)
    skies = []
    for own, data in zip((instead.values / unit).T, (mesh.values / unit).T, strict=True):
        sky = own
        for _ in range(OUTLINES):
            level = np.average(own - sky, weights=instead.weight)
            above = np.where(mesh.usable, data - sky - level, 0).reshape(mesh.shape)
            objects = (gaussian_mean(above, AROUND) > OUTLINE).ravel() & (mesh.known == 0)
            outside = mesh.usable & ~objects
            if np.count_nonzero(outside) <= plain.shape[1] + len(FADING):
                return None
            light = fading_light(objects.reshape(mesh.shape), mesh)
            weight = np.where(outside, mesh.weight, 0)
            parts = plain, light, data, above.ravel(), weight, mesh.known
            sky = plain @ beside_fading_light(*parts, lambda shares: _penalty(shares, plain, mesh))
        bright = (data - sky)[mesh.usable].std() + np.finfo(np.float32).tiny
        skies.append(sky + (own - sky) * MEAN * min(1.0, sky[mesh.usable].std() / bright))
    return guess(instead, np.stack(skies, axis=1) * unit, mesh, flexible)


def _plane_and_bends(free: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(P, Q): a plane, its level last, and then bends orthogonal to it with the deviation 1."""
    usable = mesh.usable
    plane = affine(mesh.points)
    plane[:, :2] -= plane[usable, :2].mean(axis=0)
    bends = free - plane @ np.linalg.lstsq(plane[usable], free[usable])[0]
    _, sizes, turn = np.linalg.svd(bends[usable], full_matrices=False)
    count = free.shape[1] - plane.shape[1]
    bends = bends @ turn[:count].T * (np.count_nonzero(usable) ** 0.5 / sizes[:count])
    return np.hstack([plane, bends])


def hides_the_sky(surface: Surface, mesh: Mesh) -> bool:
    """Whether so little is seen of a sky that a surface, which the search selected, is a guess.

    It is none if it was chosen by hand, has a light of its own or is made of multiples of one
    shape.
    """
    seen = max(surface.explained, surface.weight.sum() / mesh.weight.sum())
    own = surface.joint is not None or surface.splines.local > 0
    return bool(seen < SEEN and not own and surface.automatic)


def guess(instead: Surface, values: np.ndarray, mesh: Mesh, flexible: Splines) -> Surface | None:
    """The surface through the values of a sky, (P, K), in the place of one that was selected.

    None where somebody knows what is sky and it is farther from that than the selected one, by
    half of its distance and one standard deviation of the noise, both in the mean of these cells.
    """
    unit = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    known = mesh.weight * mesh.known
    off = (np.abs((mesh.values - each) / unit).mean(axis=1) for each in (instead.values, values))
    before, now = (known @ each for each in off)
    if now > FARTHER * before + known.sum():
        return None
    coordinates = np.linalg.lstsq(flexible.matrix, values)[0]
    found = replace(instead, splines=flexible, coordinates=coordinates, guessed=True)
    return found.judged(mesh)


def fading_light(objects: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(P, L): light that fades around objects, (rows, columns); none where the sky is known."""
    light = np.exp(-_distance(objects)[:, np.newaxis] / FADING)
    lit: np.ndarray = light * (1 - mesh.known)[:, np.newaxis]
    return lit


def _distance(objects: np.ndarray) -> np.ndarray:
    """(P,): the distance of each cell, in cells, from the next one of a set, (rows, columns)."""
    inner = objects.copy()
    for axis in (0, 1):
        own, now = (np.swapaxes(each, 0, axis) for each in (objects, inner))
        now[1:] &= own[:-1]
        now[:-1] &= own[1:]
    cells, outline = (np.argwhere(each) for each in (np.ones_like(objects), objects & ~inner))
    squares = np.full(len(cells), np.inf)
    for place in outline:
        np.minimum(squares, ((cells - place) ** 2).sum(axis=1), out=squares)
    distance: np.ndarray = np.sqrt(squares)
    return distance


def _penalty(shares: np.ndarray, plain: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(Q,): the penalties on the squares of the shares of a plane and bends, (P, Q)."""
    rise = (plain[mesh.usable, :2] @ shares[:2]).var()
    penalty = np.zeros(len(shares))
    penalty[3:] = ALIKE / max(RISE**2 * rise, 1e-2)
    return penalty


def beside_fading_light(
    plain: np.ndarray,
    light: np.ndarray,
    data: np.ndarray,
    above: np.ndarray,
    weight: np.ndarray,
    known: np.ndarray,
    penalty: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """The shares of the functions of a sky, (P, Q), beside those of light that fades, (P, L).

    Parameters
    ----------
    data, above : ndarray, (P,)
        One channel, and by how much it lies above a first guess, in units of the noise.
    weight, known : ndarray, (P,)
        Of each cell, 0 inside of objects; and how much of it is known to be sky.
    penalty : callable
        The penalties on the squares of the shares, (Q,), of a sky with such shares.
    """
    cells = np.flatnonzero(weight)
    sky, data, known, weight = plain.shape[1], data[cells], known[cells], weight[cells]
    functions = np.hstack([plain, light])[cells]
    prior = np.zeros(functions.shape[1])
    halo, likely = np.maximum(above[cells], 0), np.ones(len(data))
    for _ in range(ITERATIONS):
        weighted = functions * (weight * likely / (1 + (SCATTER * halo) ** 2))[:, np.newaxis]
        normal, right = weighted.T @ functions, weighted.T @ data
        normal.flat[:: len(normal) + 1] += prior + 1e-9 * np.trace(normal)
        used = np.ones(len(normal), bool)
        shares = np.linalg.solve(normal, right)
        # Objects only add light.
        while (shares[sky:] < 0).any():
            used[sky:] &= shares[sky:] >= 0
            shares = np.zeros(len(normal))
            shares[used] = np.linalg.solve(normal[np.ix_(used, used)], right[used])
        halo = functions[:, sky:] @ shares[sky:]
        off = (data - functions @ shares) / np.hypot(1, SCATTER * halo)
        likely = np.maximum(1 / (1 + (off / np.where(off > 0, ABOVE, BELOW)) ** 2), known)
        prior[:sky] = penalty(shares[:sky])
    return shares[:sky]

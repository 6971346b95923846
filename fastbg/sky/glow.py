"""Local glow at a corner or along an edge: of an amplifier, a dew heater, or beside a filter.

Such light falls to nothing within a few cells of the border. That is steeper than the splines of
the search bend, which therefore take it for an object. Here it is a second component of the sky
beside the smooth one: a sum of an exponential and of Gaussians of the distance from the corner or
the edge, along which each is multiplied by a polynomial. Such sums come close to all that falls
steadily.

What a corner cuts off a galaxy or a nebula is bright and steep as well, so much must speak for a
glow: it rises toward the border everywhere along it, by many times the noise; it depends on nothing
but the distance and the place along the edge; and a profile that falls steadily to nothing explains
the cells that it lights.

A spot of light anywhere else on an edge is left alone: the halo of a bright star looks the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image.kernels import Kernels
from ..image.robust import medians
from .glow_shape import STEPS, WIDTHS, Place
from .mesh import Mesh
from .neighbourhood import regions
from .robust_fit import Protection
from .smoothing_spline import Splines
from .surface import PROTECTIONS, Surface, explained_within, fit_surface
from .thin_plate import interpolating

STIFFNESS = 1e-4
"""The stiffness of the smooth part of the sky when a glow is looked for."""

MISSED = 0.3
"""The sky that was found without a glow has at least this share of the cells at the border above
it."""

NEAR = 6
"""The number of cells from the border on within which a glow is seen before anything is fitted."""

RISE = 20.0
"""The least rise of a glow within them, in standard deviations of the noise."""

PURE, PURE_EDGE = 0.9, 0.96
"""The least share of the variance within them that a function of the distance explains, for a
corner; and its product with a function of the place along an edge."""

EVERYWHERE = 0.8
"""The least share of an edge along which the light falls from cell to cell."""

LIT = 5.0
"""A glow lights the cells in which it has at least this many standard deviations of the noise."""

LIT_EXPLAINED, RELATIVE = 0.7, 0.9
"""The least share of the lit cells that the sky and the glow explain, and the least ratio of that
to the share of the frame that they explain."""

BRIGHTER, COVERED = 2.0, 0.3
"""A star in front of a glow is so many times as bright as the glow there. It and all around it that
is not explained tell nothing of the glow, but are at most this share of the lit cells. What a
galaxy is off such a light is hardly ever a half of it."""

CLOSE = 0.01
"""They do so within this part of its peak, or as other skies do: see `explained_within`."""

STEEP = (0.02, 0.1)
"""The least and the largest distance within which a glow falls to 1/e, in units of the longer side:
a star lights but one cell, and splines follow what is wider."""

STEADY = 0.1
"""The part of its peak by which a glow may rise away from the border, or fall below nothing."""

WIDE = 0.6
"""The least share of an edge along which a glow has a tenth of its peak."""

COLOURS = 0.01
"""Weaker shapes that not all channels share are left out, relative to the first shape."""


Found = list[tuple[Place, np.ndarray]]
"""Places, and the shares of their functions in the light, (Q, K)."""


@dataclass(frozen=True, eq=False)
class Glow:
    """Light from some places, as splines.

    Attributes
    ----------
    names : tuple of str
        Of the places.
    matrix : ndarray, (P, Q)
        The splines at the cells, one or more for each place.
    coefficients : ndarray, (N, Q)
        Of the splines, at all control points, and of their polynomials.
    centres : ndarray
        The control points beyond those of the smooth part of the sky.
    """

    names: tuple[str, ...]
    matrix: np.ndarray
    coefficients: np.ndarray
    centres: np.ndarray

    def beside(self, splines: Splines) -> Splines:
        """A basis with this light in front of its functions."""
        return splines.beside(self.matrix, self.coefficients, self.centres)


def find_glow(
    mesh: Mesh, surface: Surface, splines: Splines, protection: Protection, kernels: Kernels
) -> Glow | None:
    """The glow that a surface leaves unexplained at corners and edges; None where there is none.

    Parameters
    ----------
    mesh : Mesh
    surface : Surface
        The sky that was found without a glow.
    splines : Splines
        A basis for its smooth part.
    protection : Protection
    kernels : Kernels
    """
    if protection == PROTECTIONS["off"]:
        return None
    found: Found = []
    for _ in range(2):  # what hides beside another glow is seen without that
        light = sum((place.columns(mesh.points) @ shares for place, shares in found), start=0)
        for place in _places(replace(mesh, values=mesh.values - light), surface):
            places = [*(each for each, _ in found), place]
            if len({each.name for each in places}) == len(places):
                shares, fit = _fitted(places, mesh, surface, splines, protection, kernels)
                if _is_glow(place, shares[-1], fit, mesh):
                    found = [*zip(places, shares, strict=True)]
        if not found:
            return None
    return _in_splines(found, mesh, splines)


def _fitted(
    places: list[Place],
    mesh: Mesh,
    surface: Surface,
    splines: Splines,
    protection: Protection,
    kernels: Kernels,
) -> tuple[list[np.ndarray], Surface]:
    """The shares of the functions of each place, (Q, K), and the surface that they are part of."""
    # Orthonormal functions keep the fit well-conditioned.
    parts = [np.linalg.qr(place.columns(mesh.points, _cell(mesh))) for place in places]
    unit = len(mesh.points) ** 0.5
    basis = splines.beside(np.hstack([q for q, _ in parts]) * unit)
    # Whatever else was an object remains one at the start.
    near = np.min([each.distance(mesh.points) for each in places], axis=0) < WIDTHS[-1]
    weight = np.where(near, mesh.weight, surface.weight)
    fit = fit_surface(basis, mesh, weight, STIFFNESS, protection, kernels)
    ends = np.cumsum([len(r) for _, r in parts])
    each = zip(parts, np.split(fit.coordinates, ends), strict=False)
    return [np.linalg.solve(r, coordinates) * unit for (_, r), coordinates in each], fit


def _in_splines(found: Found, mesh: Mesh, splines: Splines) -> Glow:
    """The light of places with given shares, with as few shapes as have all of its colours."""
    shapes, centres = [], []
    for place, shares in found:
        light = place.columns(mesh.points) @ shares
        unit = light.std(axis=0)
        _, seen, colours = np.linalg.svd(light / unit, full_matrices=False)
        shapes.append((place, shares / unit @ colours[seen > COLOURS * seen[0]].T))
        centres.append(place.control_points(_reach(place.profiles(shares))))
    return Glow(
        tuple(place.name for place, _ in found),
        *interpolating(
            lambda points: np.hstack([place.columns(points) @ each for place, each in shapes]),
            splines.centres,
            np.concatenate(centres),
            mesh.points,
        ),
    )


def _is_glow(place: Place, shares: np.ndarray, fit: Surface, mesh: Mesh) -> bool:
    """Whether the light of a place falls steadily to nothing and explains what it lights."""
    profiles = place.profiles(shares)
    peak = profiles[0].max(axis=0)
    if (peak < RISE * mesh.noise).any() or not STEEP[0] < _reach(profiles) < STEEP[1]:
        return False
    rise = (profiles - np.minimum.accumulate(profiles)).max(axis=(0, 1))
    if (rise > STEADY * peak).any() or (profiles < -STEADY * peak).any():
        return False
    if ((profiles[0] > peak / 10).mean(axis=0) < WIDE).any():
        return False
    light = place.columns(mesh.points) @ shares
    lit = mesh.usable & (light > LIT * mesh.noise).any(axis=1)
    within = np.hypot(explained_within(fit.values, mesh, fit.weight), CLOSE * peak)
    off = mesh.values - fit.values
    explained = (np.abs(off) < within).all(axis=1)
    stars = _regions_around(lit & (off > BRIGHTER * light).all(axis=1), ~explained, mesh)
    if np.count_nonzero(lit & stars) <= COVERED * np.count_nonzero(lit):
        lit &= ~stars
    least = max(LIT_EXPLAINED, RELATIVE * fit.explained)
    return bool(np.count_nonzero(explained & lit) > least * np.count_nonzero(lit))


def _regions_around(seeds: np.ndarray, cells: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(P,) bool: the connected regions of cells in which there is a seed."""
    plane = (cells & mesh.usable).reshape(mesh.shape)
    numbers = regions(plane[1:] & plane[:-1], plane[:, 1:] & plane[:, :-1]).ravel()
    return plane.ravel() & np.isin(numbers, numbers[seeds])


def _reach(profiles: np.ndarray) -> float:
    """The distance within which light, (steps, places, K), falls to 1/e."""
    light = profiles.mean(axis=(1, 2))
    return float(STEPS[np.argmax(light < light[0] / np.e)] - STEPS[0])


def _places(mesh: Mesh, surface: Surface) -> Iterator[Place]:
    """The corners and edges where the mesh rises as a glow does, and above a surface."""
    noise = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    usable = mesh.usable.reshape(mesh.shape)
    # The mean over the channels, in units of its noise.
    light = (mesh.values / noise).mean(axis=1).reshape(mesh.shape) * len(noise) ** 0.5
    values = surface.values
    off = (mesh.values - values) / explained_within(values, mesh, surface.weight)
    above = (off > 1).all(axis=1).reshape(mesh.shape)
    # The last row and column of cells are often too small to be used.
    rows, columns = (np.flatnonzero(usable.mean(axis=axis) > 0.5) for axis in (1, 0))
    if min(len(rows), len(columns)) < 2 * NEAR:
        return
    inside = np.ix_(rows, columns)
    light, above = np.where(usable, light, np.nan)[inside], above[inside]
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        turn = np.s_[:: 1 - 2 * y, :: 1 - 2 * x]
        if above[turn][:3, :3].mean() >= MISSED and _rises_to_corner(light[turn]):
            name = f"at the {('upper', 'lower')[y]} {('left', 'right')[x]} corner"
            yield _place(name, (y, x), mesh)
    for border, name in (
        *(((0, None), "upper"), ((1, None), "lower")),
        *(((None, 0), "left"), ((None, 1), "right")),
    ):
        turned = [each.T if border[0] is None else each for each in (light, above)]
        turned = [each[::-1] if 1 in border else each for each in turned]
        if turned[1][:2].mean() >= MISSED and _rises_to_edge(turned[0]):
            yield _place(f"along the {name} edge", border, mesh)


def _place(name: str, border: tuple[int | None, int | None], mesh: Mesh) -> Place:
    y, x = mesh.points.reshape(*mesh.shape, 2)[:2, :2].T
    sides = 1 / np.array([y[0, 1] - y[0, 0], x[1, 0] - x[0, 0]])
    place = Place(name, border, sides / sides.max())
    nearest = place.distance(mesh.points[mesh.usable]).min()
    # It is known one cell further.
    return replace(place, known=max(nearest - _cell(mesh), 0))


def _cell(mesh: Mesh) -> float:
    """The side of a cell, in units of the longer side of the frame."""
    return 1 / max(mesh.shape)


def _rises_to_corner(light: np.ndarray) -> bool:
    """Whether light, (rows, columns) in units of noise, rises in circles to its first cell."""
    y, x = np.mgrid[:NEAR, :NEAR]
    ring = np.hypot(y, x).round().astype(int)
    near = light[:NEAR, :NEAR]
    known = (ring < NEAR) & ~np.isnan(near)
    ring, near, slope = ring[known], near[known], (y - x)[known]
    count = np.bincount(ring, minlength=NEAR)
    if not count[1:].all():  # the first cell is often too small to be used
        return False
    means = np.bincount(ring, near, NEAR) / np.maximum(count, 1)
    off = near - means[ring]
    # The sky may rise along the border.
    off -= slope * (off @ slope) / (slope @ slope)
    means = means[count > 0]
    rises = (np.diff(means) < 0).all() and means[0] - means[-1] > RISE
    return bool(rises and (off**2).mean() < (1 - PURE) * near.var())


def _rises_to_edge(light: np.ndarray) -> bool:
    """Whether light, (rows, columns) in units of noise, rises alike everywhere to its first row."""
    strip = light[:NEAR, NEAR:-NEAR]
    strip = strip[:, ~np.isnan(strip).any(axis=0)]
    if strip.shape[1] < max(NEAR, light.shape[1] / 2):
        return False
    if (np.diff(strip[: NEAR // 2], axis=0) < 0).all(axis=0).mean() < EVERYWHERE:
        return False
    steep = strip[:-1] - strip[-1]
    across, seen, _ = np.linalg.svd(steep, full_matrices=False)
    falls = (np.diff(np.abs(across[:, 0])) < 0).all() and medians(steep[0]) > RISE
    return bool(falls and seen[0] ** 2 > PURE_EDGE * (seen**2).sum())

"""Areas of the frame that are too even for a sky: what is saturated, and dark land.

Both have a sharp outline, and less noise inside than the sky. What is brighter than the sky has
more photons and thus more noise, unless it is saturated: then it has one level, and nothing is
brighter. What is darker has less noise than the sky, as a dark sky would; but if stars are seen in
the sky and none in it, it hides them. The other way round, a dark sky over a lit landscape is the
quieter of the two; but a landscape is no smooth surface. Only a sky that a circle surrounds, as in
a fisheye, may be as rough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..image.robust import medians, upper_quartiles
from .circle import circle_around
from .mesh import Mesh
from .neighbourhood import gaussian_mean, regions

SHARP = 6.0
"""The least step between two cells of an outline, relative to the upper quartile of all steps."""

QUIET, UNLIKE = 0.1, 0.5
"""Two cells are apart, too, if the pixels of one alone scatter less than the first part of the
upper quartile of all cells, and less than the second part of those of the other: an outline that
runs through cells is two steps from each to the next, of which none may be sharp. The glare around
a saturated area fades into a quiet sky as well, but not from one cell to the next."""

LEAST_AREA = 4
"""Areas of fewer cells are left to the fit."""

LEAST_SKY = 0.1
"""The least share of the usable cells that are compared with as a sky."""

FLAT = 0.05
"""The scatter of the level of a saturated area, and by how much others may exceed it, at most,
relative to how far it is above the sky: flat fields and interpolation change what was one value."""

SATURATED, DARK = 0.25, 0.7
"""The scatter of the pixels of a brighter and of a darker area, at most, relative to that of a
sky."""

BRIGHT = 6.0
"""A pixel is of a star so many standard deviations above the median of its cell."""

ROUGH = 0.7
"""The second differences between cells of a sky, at most, relative to the scatter of the pixels of
a cell. They are 0.4 to 0.6 times that of noise and faint stars, and 0.8 times that of clouds."""

STEEP = 1.5
"""A step between neighbouring cells that is no sky's, in scatters of the pixels of a cell."""

ONE_SIGMA = 0.8413
"""The share of a normal distribution below its first standard deviation: half of the noise may be
cut off below."""

AMID = 0.4
"""The share of an area around a cell, from which on a cell that cannot be used is a hole in it and
no part of its outline."""

STARRY, STARLESS = 5e-4, 0.3
"""The least share of pixels of stars in a sky; and the largest one in an area that hides stars,
relative to that."""


@dataclass(frozen=True, eq=False)
class _Area:
    """Connected cells of a mesh without a sharp step.

    Attributes
    ----------
    cells : ndarray, (P,), bool
    mesh, linear
        See `even_areas`.
    """

    cells: np.ndarray
    mesh: Mesh
    linear: np.ndarray

    @cached_property
    def level(self) -> np.ndarray:
        """(K,): the median of its cells."""
        level: np.ndarray = medians(self.mesh.values[self.cells], axis=0)
        return level

    @cached_property
    def spread(self) -> np.ndarray:
        """(K,): the scatter of the pixels of a cell."""
        assert self.mesh.spread is not None
        spread: np.ndarray = medians(self.mesh.spread[self.cells], axis=0)
        return spread

    @cached_property
    def is_smooth(self) -> bool:
        """Whether its cells scatter as little as the noise of their pixels makes them."""
        values = np.where(self.cells[:, np.newaxis], self.mesh.values, np.nan)
        bends = np.abs(np.diff(values.reshape(*self.mesh.shape, -1), n=2, axis=0))
        bends = bends[~np.isnan(bends).any(axis=2)]
        return bool(len(bends) and medians(bends, axis=0).sum() < ROUGH * self.spread.sum())

    @cached_property
    def _holes(self) -> np.ndarray:
        """(P,) bool: cells amid the area that cannot be used, as where noise is cut off below."""
        inside = self.cells.reshape(self.mesh.shape).astype(float)
        holes: np.ndarray = ~self.mesh.usable & (gaussian_mean(inside, 1.0).ravel() > AMID)
        return holes

    @cached_property
    def _outline(self) -> np.ndarray:
        """(P,) bool: the cells beside a step that is no sky's, and those beyond the area."""
        values = np.where(self.cells[:, np.newaxis], self.mesh.values, np.nan)
        outline = (~self.cells & ~self._holes).reshape(self.mesh.shape)
        for axis in (0, 1):
            step = np.diff(values.reshape(*self.mesh.shape, -1), axis=axis)
            steep = np.abs(step).sum(axis=2) > STEEP * self.spread.sum()
            rows, steep = (np.moveaxis(each, axis, 0) for each in (outline, steep))
            rows[1:] |= steep
            rows[:-1] |= steep
        return outline.ravel()

    @cached_property
    def stars(self) -> np.ndarray:
        """(K,): the share of its pixels that are far above the median of their cell.

        Cells at an outline, which may hold pixels from beyond it, do not count.
        """
        mesh = self.mesh
        cells = self.cells & ~_widened(self._outline, mesh.shape)
        rows, columns = (np.arange(size) // mesh.side for size in self.linear.shape[:2])
        place = rows[:, np.newaxis] * mesh.shape[1] + columns
        inside = cells[place]
        above = self.linear[inside] - mesh.values[place[inside]]
        above = above[np.isfinite(above).all(axis=1)]
        if not len(above):
            return np.zeros(above.shape[1])
        noise = np.quantile(above, ONE_SIGMA, axis=0)
        share: np.ndarray = np.mean(above > BRIGHT * noise, axis=0)
        return share

    def is_saturated(self, sky: _Area) -> bool:
        """Whether it is brighter than all else in some channel, and has no noise and no stars."""
        above = self.level - sky.level
        quieter = (above > 0) & (self.spread < SATURATED * sky.spread)
        if not quieter.any():
            return False
        low, high = np.percentile(self.mesh.values[self.cells], [10, 90], axis=0)
        brightest = self.mesh.values[self.mesh.usable].max(axis=0)
        flat = np.maximum(high - low, brightest - self.level) < FLAT * above
        return bool((quieter & flat & (self.stars < STARLESS * STARRY)).any())

    def hides(self, sky: _Area) -> bool:
        """Whether it is darker than what may be a sky, quieter, and hides its stars."""
        quieter = self.spread.sum() < DARK * sky.spread.sum()
        if not quieter or not (self.level < sky.level).all():
            return False
        seen = sky.stars.mean()
        return bool(seen > STARRY and self.stars.mean() < STARLESS * seen)


def even_areas(mesh: Mesh, linear: np.ndarray) -> np.ndarray:
    """(P,) bool: the cells of a mesh in areas that are too even for a sky, and those beside them.

    Parameters
    ----------
    mesh : Mesh
    linear : ndarray, (h, w, K)
        The down-scaled image of which the mesh was made.
    """
    even = np.zeros(len(mesh.weight), bool)
    if mesh.spread is None:
        return even
    numbers = _regions(mesh)
    sizes = np.bincount(numbers, mesh.usable)
    areas = {
        int(number): _Area((numbers == number) & mesh.usable, mesh, linear)
        for number in np.flatnonzero(sizes >= LEAST_AREA)
    }
    least = LEAST_SKY * np.count_nonzero(mesh.usable)
    skies = [area for number, area in areas.items() if sizes[number] >= least]
    others = mesh.usable.copy()
    for sky in skies:
        hidden = np.zeros_like(even)
        for area in areas.values():
            even |= area.cells & area.is_saturated(sky)
            hidden |= area.cells & area.hides(sky)
        if hidden.any() and (sky.is_smooth or _surrounds(hidden, mesh)):
            even |= hidden
    for area in skies:
        if not even[area.cells].any():
            others &= ~area.cells
    if not even.any():
        return even
    # The glare around a saturated area has sharp steps, too: all up to the sky belongs to it.
    joined = others.reshape(mesh.shape)
    numbers = regions(joined[1:] & joined[:-1], joined[:, 1:] & joined[:, :-1]).ravel()
    wide = _widened(others & np.isin(numbers, numbers[even]), mesh.shape)
    return wide & (mesh.known == 0)


def _surrounds(dark: np.ndarray, mesh: Mesh) -> bool:
    """Whether all that is not dark is one circle, as the sky of a fisheye is."""
    seen = mesh.usable & ~_widened(dark, mesh.shape)
    return circle_around(seen.reshape(mesh.shape), mesh.points) is not None


def _regions(mesh: Mesh) -> np.ndarray:
    """(P,) int: numbers of the regions that sharp outlines separate."""
    values = np.where(mesh.usable[:, np.newaxis], mesh.values, np.nan).reshape(*mesh.shape, -1)
    steps = [np.abs(np.diff(values, axis=axis)) for axis in (0, 1)]
    known = np.concatenate([each.reshape(-1, values.shape[2]) for each in steps])
    known = known[~np.isnan(known).any(axis=1)]
    if not len(known):
        return np.arange(len(mesh.weight))
    sharp = SHARP * upper_quartiles(known)
    # A cell that cannot be used is not connected: its steps are NaN.
    joined = [(each <= sharp).all(axis=2) for each in steps]
    if mesh.spread is not None:
        scatter = np.where(mesh.usable, np.nan_to_num(mesh.spread).sum(axis=1), 0)
        quiet = float(QUIET * upper_quartiles(scatter[mesh.usable, np.newaxis])[0])
        plane = scatter.reshape(mesh.shape)
        for each, sides in ((joined[0], plane), (joined[1].T, plane.T)):
            less, more = np.sort([sides[1:], sides[:-1]], axis=0)
            each &= (less >= np.minimum(quiet, UNLIKE * more)) | (more < quiet)
    return regions(*joined).ravel()


def _widened(cells: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The cells and all around them, (P,) bool."""
    wide = np.pad(cells.reshape(shape), 1)
    for axis in (0, 1):
        wide = wide | np.roll(wide, 1, axis) | np.roll(wide, -1, axis)
    return wide[1:-1, 1:-1].ravel()

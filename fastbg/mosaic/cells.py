"""The panels of a mosaic as medians of cells of one common grid.

A cell is the same part of the sky in every panel that covers it: whatever objects it holds, the
medians of two panels differ by their backgrounds alone. No panel is interpolated for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from ..spline.panels import FRAME, Box, within

CELLS = 60
"""The number of cells along the shorter side of the smallest panel, about."""

LEAST_SIDE = 2.0
"""The least side of a cell, in pixels of the coarsest panel."""

FILLED = 0.8
"""Of an image that is filled less than that, the panel is a part."""

OF_MEDIAN = 1.2533
"""The noise of a median of many samples, in that of their mean."""

LEAST_COVERED, WHOLLY_COVERED = 0.4, 0.8
"""The share of the usual number of samples from which a panel has a value for a cell, and from
which its value may be compared with that of another panel."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The small copy of one panel, and where its pixels lie.

    Attributes
    ----------
    values : ndarray, (h, w, K), linear
        What is not finite is unknown.
    weight : ndarray, (h, w), in [0, 1]
        How much of each pixel may be sky; objects that the panels share are compared all the same.
    known : ndarray, (h, w), in [0, 1], or None
        How much of each pixel is known to be sky.
    objects : ndarray, (h, w), bool, or None
        Which pixels are objects that are known from the start.
    v, u : ndarray, (h, w)
        The centres of the pixels on a plane that all panels share, in any unit; NaN = nowhere.
    y, x : ndarray, (h,) and (w,)
        The same in the panel itself, where 0 to 1 is its box.
    box : (top, bottom, left, right), normalised
        The part of its image that it fills.
    corner : (int, int)
        The row and the column of its first pixel in the small copy of that image.
    """

    values: np.ndarray
    weight: np.ndarray
    v: np.ndarray
    u: np.ndarray
    y: np.ndarray
    x: np.ndarray
    known: np.ndarray | None = None
    objects: np.ndarray | None = None
    box: Box = FRAME
    corner: tuple[int, int] = (0, 0)

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        weight: np.ndarray,
        places: tuple[np.ndarray, np.ndarray],
        y: np.ndarray,
        x: np.ndarray,
        known: np.ndarray | None = None,
        objects: np.ndarray | None = None,
    ) -> Panel:
        """The part of an image that is not missing; 0 to 1 is the image in ``y`` and ``x``.

        A panel that was registered on the canvas of a whole mosaic fills but a part of its image.
        """
        seen = np.isfinite(values).all(axis=2)
        rows, columns = (_extent(seen.any(axis=axis)) for axis in (1, 0))
        part = rows, columns
        y, x = y[rows], x[columns]
        box: Box = FRAME
        if seen[part].size < FILLED * seen.size:
            (top, bottom), (left, right) = map(_edges, (y, x))
            box = top, bottom, left, right
            y, x = within(box, y, x)
        v, u = (at[part] for at in places)
        known, objects = (None if each is None else each[part] for each in (known, objects))
        corner = rows.start, columns.start
        return cls(values[part], weight[part], v, u, y, x, known, objects, box, corner)

    @property
    def pixel(self) -> float:
        """The side of a pixel on the plane."""
        steps = [
            np.hypot(np.diff(self.v, axis=axis), np.diff(self.u, axis=axis)) for axis in (0, 1)
        ]
        return float(np.mean([np.nanmedian(each) for each in steps]))


@dataclass(frozen=True, eq=False)
class Cells:
    """The medians of one panel.

    Attributes
    ----------
    place : ndarray, (n,), int, ascending
        Which cells of the grid they are, row by row.
    values : ndarray, (n, K), linear
    weight, known, objects : ndarray, (n,), in [0, 1]
    points : ndarray, (n, 2), normalised (y, x)
        Where the panel has its samples of the cell, on the average.
    whole : ndarray, (n,), bool
        Whether the panel covers the cell.
    steep : ndarray, (n,), linear
        By how much the light changes from the cell to the next one, a mean over the channels.
    stars : ndarray, (n, K), linear
        The mean less the median: the light of stars.
    noise : ndarray, (K,), linear
        That of the values, and of the stars at most.
    """

    place: np.ndarray
    values: np.ndarray
    weight: np.ndarray
    known: np.ndarray
    objects: np.ndarray
    points: np.ndarray
    whole: np.ndarray
    steep: np.ndarray
    stars: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class Grid:
    """Square cells on the common plane.

    Attributes
    ----------
    top, left, side : float
    shape : (rows, columns)
    """

    top: float
    left: float
    side: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, panels: Sequence[Panel]) -> Grid:
        """The grid for some panels."""
        pixel = max(panel.pixel for panel in panels)
        shorter = min(panel.pixel * min(panel.v.shape) for panel in panels)
        side = max(LEAST_SIDE * pixel, round(shorter / CELLS / pixel) * pixel)
        low, high = (
            np.array([[of(panel.v), of(panel.u)] for panel in panels])
            for of in (np.nanmin, np.nanmax)
        )
        # Pixels whose sides are those of the axes have whole cells of the same number of them.
        (top, left), (bottom, right) = low.min(axis=0) - pixel / 2, high.max(axis=0) + pixel / 2
        rows, columns = (max(1, int(np.ceil(each / side))) for each in (bottom - top, right - left))
        return cls(float(top), float(left), float(side), (rows, columns))

    def middles(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The middles of cells, v and u."""
        row, column = np.divmod(place, self.shape[1])
        return self.top + (row + 0.5) * self.side, self.left + (column + 0.5) * self.side

    def places(self, v: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The number of the cell of points, -1 for those that are nowhere."""
        known = np.isfinite(v) & np.isfinite(u)
        row, column = (
            np.floor((np.where(known, at, start) - start) / self.side).astype(int)
            for at, start in ((v, self.top), (u, self.left))
        )
        inside = known & (row >= 0) & (row < self.shape[0])
        inside &= (column >= 0) & (column < self.shape[1])
        return np.where(inside, row * self.shape[1] + column, -1)


def _extent(seen: np.ndarray) -> slice:
    """From the first to the last of what is seen."""
    places = np.flatnonzero(seen)
    return slice(places[0], places[-1] + 1) if len(places) else slice(0, len(seen))


def _edges(centres: np.ndarray) -> tuple[float, float]:
    """The outer edges of the first and of the last pixel."""
    half = float(np.diff(centres).mean()) / 2
    return float(centres[0]) - half, float(centres[-1]) + half


def cells_of(panel: Panel, grid: Grid) -> Cells:
    """The medians of a panel on a grid."""
    place = grid.places(panel.v, panel.u)
    valid = np.isfinite(panel.values).all(axis=2) & (place >= 0)
    # A cell through which the border of the panel goes is not covered.
    border = np.zeros(valid.shape, bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    at_border = np.unique(place[border & (place >= 0)])
    own, where = np.unique(place[valid], return_inverse=True)
    count = np.bincount(where, minlength=len(own))
    y, x = np.meshgrid(panel.y, panel.x, indexing="ij")
    told = panel.weight, panel.known, panel.objects
    means = [
        np.zeros(len(own))
        if each is None
        else np.bincount(where, each[valid], minlength=len(own)) / np.maximum(count, 1)
        for each in (y, x, panel.v, panel.u, *told)
    ]
    planes = np.moveaxis(panel.values, 2, 0)
    values = np.stack([_medians(plane[valid], where, count) for plane in planes], axis=1)
    sums = [np.bincount(where, plane[valid], minlength=len(own)) for plane in planes]
    stars = np.stack(sums, axis=1) / np.maximum(count, 1)[:, np.newaxis] - values
    slopes = _slopes(own, values, grid)
    # A few pixels more on one side of a cell shift its median along the slope of the light.
    for slope, mean, middle in zip(slopes, means[2:4], grid.middles(own), strict=True):
        values -= slope * ((mean - middle) / grid.side)[:, np.newaxis]
    usual = np.median(count) if len(count) else 1
    kept = count >= LEAST_COVERED * usual
    whole = (count >= WHOLLY_COVERED * usual) & ~np.isin(own, at_border)
    points = np.stack(means[:2], axis=1)
    steep = np.hypot(*slopes).mean(axis=1)
    every = [each[kept] for each in (own, values, *means[4:], points, whole, steep, stars)]
    noise = OF_MEDIAN * noise_of(panel.values) / max(usual, 1) ** 0.5
    return Cells(*every, *[noise])


def noise_of(small: np.ndarray) -> np.ndarray:
    """(K,): the noise of a pixel of a small copy, (h, w, K), linear: by what neighbours differ."""
    steps = np.diff(small, n=2, axis=1)
    off = np.abs(steps - np.nanmedian(steps, axis=(0, 1)))
    noise: np.ndarray = MAD_TO_SIGMA * np.nanmedian(off, axis=(0, 1)) / np.sqrt(6)
    return noise


def _slopes(place: np.ndarray, values: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """(n, K) each: how values of cells change from cell to cell, along v and u; 0 at a border."""
    rows, columns = grid.shape
    plane = np.full(((rows + 2) * (columns + 2), values.shape[1]), np.nan)
    at = (place // columns + 1) * (columns + 2) + place % columns + 1
    plane[at] = values
    down, right = ((plane[at + step] - plane[at - step]) / 2 for step in (columns + 2, 1))
    return np.nan_to_num(down), np.nan_to_num(right)


def _medians(values: np.ndarray, group: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The median of each group of values, float64."""
    ordered = values[np.lexsort((values, group))].astype(np.float64)
    last = np.cumsum(count)
    low, high = (last - count + (count - more) // 2 for more in (1, 0))
    # Of an even count the two in the middle, of an odd one the same value twice.
    high = np.minimum(high, last - 1)
    return (ordered[low] + ordered[high]) / 2

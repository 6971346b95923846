"""Areas of an image, and which of its pixels lie in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

LARGEST = 1e9
"""Coordinates beyond this are mistakes, and float64 would no longer tell pixels apart."""

CHUNK_CROSSINGS = 1 << 18
"""Crossings of edges and rows that are in memory at a time."""


class Area(Protocol):
    """Part of a plane where pixel [row, column] has its centre at x = column, y = row."""

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a rectangle that holds it."""

    def work(self, rows: slice, columns: slice) -> int:
        """The approximate number of steps that `inside` takes."""

    def inside(self, rows: slice, columns: slice) -> np.ndarray:
        """Whether pixels have their centres in it: (n rows, n columns) bool, from any thread."""


class Polygon:
    """The area inside an odd number of closed rings.

    A centre on an edge is inside at the right and top (the larger x and y), and outside at the left
    and bottom, as DS9 and GDAL have it: on the common edge of two polygons, a pixel is in one.

    Parameters
    ----------
    rings : sequence of array_like, (n, 2) each, n >= 3
        Vertices (x, y); whether the first is repeated at the end makes no difference.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If these are no such rings, or have coordinates beyond `LARGEST`.
    """

    def __init__(self, rings: Sequence[object]) -> None:
        starts = [_vertices(ring) for ring in rings]
        ends = [np.roll(ring, -1, axis=0) for ring in starts]
        start, end = np.concatenate(starts), np.concatenate(ends)
        (left, top), (right, bottom) = start.min(axis=0), start.max(axis=0)
        self.bounds = float(left), float(top), float(right), float(bottom)
        # Edges downwards, in rows first..last-1; those that no row of centres crosses do not count.
        upwards = start[:, 1] > end[:, 1]
        start[upwards], end[upwards] = end[upwards], start[upwards]
        first, last = (np.floor(y).astype(np.int64) + 1 for y in (start[:, 1], end[:, 1]))
        crossed = first < last
        start, end = start[crossed], end[crossed]
        self._first, self._last = first[crossed], last[crossed]
        self._x, self._y = start.T
        self._width, self._height = (end - start).T

    def work(self, rows: slice, columns: slice) -> int:
        """See `Area`: the pixels, and how often edges cross their rows."""
        crossings = np.minimum(self._last, rows.stop) - np.maximum(self._first, rows.start)
        pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
        return pixels + int(crossings.clip(0).sum())

    def inside(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Area`."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        # One more column counts the edges to the right of all pixels.
        flips = np.zeros((height, width + 1), bool)
        edges = np.flatnonzero((self._first < rows.stop) & (self._last > rows.start))
        chunk = max(1, CHUNK_CROSSINGS // height)
        for begin in range(0, edges.size, chunk):
            some = edges[begin : begin + chunk]
            first = np.maximum(self._first[some], rows.start)
            count = np.minimum(self._last[some], rows.stop) - first
            edge = np.repeat(some, count)
            row = np.arange(edge.size) - np.repeat(np.cumsum(count) - count - first, count)
            # A slope would overflow where an edge is all but level; its parts are within 0..1.
            part = (row - self._y[edge]) / self._height[edge]
            x = np.floor(self._x[edge] + part * self._width[edge]) + 1
            column = x.clip(columns.start, columns.stop).astype(np.int64) - columns.start
            flat = (row - rows.start) * (width + 1) + column
            np.logical_xor.at(flips.reshape(-1), flat, True)
        return np.logical_xor.accumulate(flips, axis=1)[:, :-1]


class Wedge:
    """The part of an area that lies between two rays from a centre.

    Parameters
    ----------
    area : Area
    centre : (float, float)
        x = column, y = row.
    start, stop : float
        The angles of the rays in degrees, from the axis x towards y. All around if they are one.
    """

    def __init__(self, area: Area, centre: tuple[float, float], start: float, stop: float) -> None:
        self.bounds = area.bounds
        self._area = area
        span = (stop - start) % 360 or 360
        # Chords of 45 degrees or less, far outside of the area.
        angles = start + span * np.linspace(0, 1, 9)
        radius = 4 * max(1, *(abs(edge - centre[at % 2]) for at, edge in enumerate(area.bounds)))
        rim = np.add(centre, radius * np.array([direction(angle) for angle in angles]))
        self._sector = None if span == 360 else Polygon([[centre, *rim]])

    def work(self, rows: slice, columns: slice) -> int:
        """See `Area`."""
        return 2 * self._area.work(rows, columns)

    def inside(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Area`."""
        found = self._area.inside(rows, columns)
        return found if self._sector is None else found & self._sector.inside(rows, columns)


def direction(degrees: float) -> tuple[float, float]:
    """Cosine and sine, which are exact for multiples of 90."""
    quarters, rest = divmod(degrees, 90)
    x, y = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    for _ in range(int(quarters % 4)):
        x, y = -y, x
    return x, y


def _vertices(ring: object) -> np.ndarray:
    vertices = np.asarray(ring, np.float64)
    if vertices.ndim != 2 or vertices.shape[0] < 3 or vertices.shape[1] != 2:
        raise ValueError("a polygon needs three points or more, of two coordinates each")
    if not (np.abs(vertices) <= LARGEST).all():
        raise ValueError(f"coordinates must be finite and within {LARGEST:g}")
    return vertices

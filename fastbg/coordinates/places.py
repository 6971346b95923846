"""Where the cells of a target lie in another image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .mapping import Mapping
from .system import Pair

NO_OVERLAP = "shows no part of this field: give an image of the same sky"

LOOKED = 65
"""Places along each side of the target at which it is looked where the other image lies."""

COUNTS, NODE_ERROR = (9, 17, 33, 65, 129, 257, 513), 0.01
"""A mapping is computed at so many places along each side, until a spline through them errs by
fewer pixels of the other image than the second number."""

PATCH_ERROR = 0.05
"""The largest error of places between four others, in pixels of the other image."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where the cells of the target lie in the other image, by a spline.

    Attributes
    ----------
    shape : (H, W)
    factor : int
        Of the target.
    ends : list of two pairs of floats
        The first and the last row and column of the target between which they are known: all that
        the other image shows lies there.
    y, x : RectBivariateSpline
        Pixels of the other image.
    """

    shape: tuple[int, int]
    factor: int
    ends: list[tuple[float, float]]
    y: Any
    x: Any

    @classmethod
    def of(
        cls, mapping: Mapping, shape: tuple[int, int], factor: int, other: tuple[int, int]
    ) -> Places:
        """Compute a mapping at as few places as suffice, for some cost 10 microseconds each.

        Raises
        ------
        InputError
            If the two do not overlap, or if it leaps.
        """

        from scipy.interpolate import RectBivariateSpline

        def inside(found: np.ndarray) -> np.ndarray:
            """Which of some pixels, (2, ...), lie in the other image; NaN does not."""
            last = np.reshape(other, (2,) + (1,) * (found.ndim - 1)) - 0.5
            return np.all((found > -0.5) & (found < last), axis=0)

        nodes = [np.linspace(-0.5, size - 0.5, LOOKED) for size in shape]
        covered = inside(np.array(mapping(*np.meshgrid(*nodes, indexing="ij"))))
        if not covered.any():
            raise InputError(NO_OVERLAP)
        ends = [
            (float(each[max(at.min() - 1, 0)]), float(each[min(at.max() + 1, LOOKED - 1)]))
            for each, at in zip(nodes, np.nonzero(covered), strict=True)
        ]
        for count in COUNTS:
            nodes = [np.linspace(*end, count) for end in ends]
            values = np.array(mapping(*np.meshgrid(*nodes, indexing="ij")))
            if not np.isfinite(values).all():
                break
            splines = [RectBivariateSpline(*nodes, each, s=0) for each in values]
            between = np.meshgrid(*((n[1::4] + n[:-1:4]) / 2 for n in nodes), indexing="ij")
            exact = np.array(mapping(*between))
            error = np.abs(np.array([s.ev(*between) for s in splines]) - exact).max(axis=0)
            if (error < NODE_ERROR)[inside(exact)].all():
                return cls(shape, factor, ends, *splines)
        raise InputError("has coordinates that leap within this field: solve it again")

    @property
    def cell(self) -> float:
        """The side of a cell in the middle of what is known, in pixels of the other image."""
        middle = [sum(end) / 2 for end in self.ends]
        down, right = (
            [float(each.ev(*middle, **along)) for each in (self.y, self.x)]
            for along in ({"dx": 1}, {"dy": 1})
        )
        return self.factor * abs(down[0] * right[1] - down[1] * right[0]) ** 0.5

    def extent(self, cells: tuple[slice, slice]) -> list[tuple[float, float]]:
        """The first and last row, and column, of the other image on which some cells lie, about.

        Nothing where that is not known.
        """
        edges = []
        for each, (first, last) in zip(cells, self.ends, strict=True):
            start, stop = self.factor * each.start - 0.5, self.factor * each.stop - 0.5
            edges.append(np.linspace(max(start, first), min(stop, last), 5))
            if edges[-1][0] > edges[-1][-1]:
                return []
        found = (spline(*edges) for spline in (self.y, self.x))
        return [(float(each.min()), float(each.max())) for each in found]

    def within(self, cells: tuple[slice, slice], count: int) -> Pair:
        """The places, (n * count, m * count), at which some cells are sampled; NaN if unknown."""
        rows, columns = map(self._along, self.shape, cells, (count, count))
        y, x = (self._at(spline, rows, columns) for spline in (self.y, self.x))
        (top, bottom), (left, right) = self.ends
        y[(rows < top) | (rows > bottom)] = np.nan
        y[:, (columns < left) | (columns > right)] = np.nan
        return y, x

    @staticmethod
    def _at(spline: Any, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """A spline where rows and columns cross: from four such places if that is near enough."""
        ends = [each[[0, len(each) // 2, -1]] for each in (rows, columns)]
        exact = spline(*ends)
        (a, b), (c, d) = exact[::2, ::2]
        down, right = (
            ((each - each[0]) / max(each[-1] - each[0], 1)).astype(np.float32)
            for each in (rows[:, np.newaxis], columns)
        )
        found = np.float32(a) + np.float32(c - a) * down
        found = found + (np.float32(b - a) + np.float32(d - c - b + a) * down) * right
        middles = found[[0, len(rows) // 2, -1]][:, [0, len(columns) // 2, -1]]
        return found if np.abs(middles - exact).max() < PATCH_ERROR else spline(rows, columns)

    def _along(self, size: int, cells: slice, count: int) -> np.ndarray:
        """The places in cells along an axis of that size; the last one may be partial."""
        start = np.arange(cells.start, cells.stop)[:, np.newaxis] * float(self.factor)
        length = np.minimum(start + self.factor, size) - start
        return (start + length * (np.arange(count) + 0.5) / count - 0.5).ravel()

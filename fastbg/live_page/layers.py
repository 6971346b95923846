"""What the user paints: cells of the grid of the fit that are no sky, and cells that are sky."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

LAYERS = ("not_sky", "sky", "erase")
"""What can be painted; erasing takes from both layers."""

DEEPEST = 16
"""Layers are packed without a base after so many with one: to unpack them takes a ms each."""

Points = Sequence[tuple[float, float]]
"""Points (x, y) in pixels of the image, (0, 0) being its outer corner."""


@dataclass(frozen=True)
class Grid:
    """The cells of the fit, each a square block of pixels.

    Attributes
    ----------
    shape : (h, w)
    side : int
        Pixels of the image along the side of a cell.
    """

    shape: tuple[int, int]
    side: int

    def brush(self, points: Points, radius: float) -> np.ndarray:
        """(h, w) bool: the cells whose centres a round brush covers on its way along points.

        A brush that is smaller than a cell covers the cells under it.
        """
        path = np.asarray(points, np.float64) / self.side
        reach = radius / self.side
        out = self._under(path)
        starts, ends = (path[:-1], path[1:]) if len(path) > 1 else (path, path)
        for start, end in zip(starts, ends, strict=True):
            low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
            rows, columns = self._window(low, high)
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            y, x = np.ogrid[rows, columns]
            y, x = y + 0.5 - start[1], x + 0.5 - start[0]
            along, across = end - start
            length = along**2 + across**2
            part = np.clip((x * along + y * across) / length, 0, 1) if length else 0.0
            near = (x - part * along) ** 2 + (y - part * across) ** 2 <= reach**2
            out[rows, columns] |= near
        return out

    def shape_of(self, kind: str, points: Points) -> np.ndarray:
        """(h, w) bool: the cells whose centres lie in a polygon, a rectangle or an ellipse.

        The latter two are given by two opposite corners of the box around them. A shape that is too
        small for any centre covers the cell under its middle.
        """
        corners = np.asarray(points, np.float64) / self.side
        if kind == "polygon":
            out = self._polygon(corners)
        else:
            low, high = corners.min(axis=0), corners.max(axis=0)
            out = np.zeros(self.shape, bool)
            rows, columns = self._window(low, high)
            y, x = np.ogrid[rows, columns]
            if kind == "ellipse":
                (cx, cy), (rx, ry) = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
                out[rows, columns] = ((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 <= 1
            else:
                out[rows, columns] = (
                    (x + 0.5 >= low[0])
                    & (x + 0.5 <= high[0])
                    & (y + 0.5 >= low[1])
                    & (y + 0.5 <= high[1])
                )
        return out if out.any() else self._under(corners.mean(axis=0, keepdims=True))

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        """The row and the column of the cell under a point, or None outside of the image."""
        row, column = int(y // self.side), int(x // self.side)
        inside = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return (row, column) if inside else None

    def enlarged(self, cells: np.ndarray, rows: slice, width: int) -> np.ndarray:
        """Some rows of pixels of the image, (n, width), each as its cell of (h, w) is.

        Rows and columns that are left over beside the last cell are as that is.
        """
        height, columns = self.shape
        own = np.minimum(np.arange(rows.start, rows.stop) // self.side, height - 1)
        return cells[own][:, np.minimum(np.arange(width) // self.side, columns - 1)]

    def resampled(self, cells: np.ndarray, other: Grid) -> np.ndarray:
        """Cells of this grid on another one of the same image: those whose centres they hold."""
        rows, columns = (
            np.minimum(((np.arange(size) + 0.5) * other.side / self.side).astype(int), last - 1)
            for size, last in zip(other.shape, self.shape, strict=True)
        )
        return cells[rows][:, columns]

    def _under(self, path: np.ndarray) -> np.ndarray:
        """The cells under a path, (n, 2) in cells."""
        out = np.zeros(self.shape, bool)
        # Of a single point, from it to itself.
        for start, end in pairwise([path[0], *path]):
            count = min(int(2 * np.abs(end - start).max()) + 1, 4 * max(self.shape))
            steps = start + (end - start) * np.linspace(0, 1, count + 1)[1:, None]
            x, y = np.floor(steps).T
            inside = (y >= 0) & (y < self.shape[0]) & (x >= 0) & (x < self.shape[1])
            out[y[inside].astype(int), x[inside].astype(int)] = True
        return out

    def _window(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice]:
        """The rows and columns of the cells whose centres may lie between two corners (x, y)."""
        sizes = np.array(self.shape[::-1])
        first = np.clip(np.floor(low), 0, sizes).astype(int)
        last = np.clip(np.ceil(high) + 1, 0, sizes).astype(int)
        return slice(first[1], last[1]), slice(first[0], last[0])

    def _polygon(self, corners: np.ndarray) -> np.ndarray:
        from ..io.regions.areas import Polygon

        # The centre of the first cell is at (0, 0) there.
        polygon = Polygon([corners - 0.5])
        return polygon.inside(slice(0, self.shape[0]), slice(0, self.shape[1]))


@dataclass(frozen=True, eq=False)
class Painted:
    """The two painted layers of a grid; a cell is in one of them at most.

    Attributes
    ----------
    grid : Grid
    not_sky, sky : ndarray, (h, w), bool
    """

    grid: Grid
    not_sky: np.ndarray
    sky: np.ndarray

    @classmethod
    def nothing(cls, grid: Grid) -> Painted:
        """Layers in which nothing is painted."""
        empty = np.zeros(grid.shape, bool)
        return cls(grid, empty, empty)

    def with_cells(self, layer: str, cells: np.ndarray) -> Painted:
        """The same with some cells, (h, w) bool, in one of `LAYERS`."""
        not_sky, sky = self.not_sky & ~cells, self.sky & ~cells
        if layer == "not_sky":
            not_sky |= cells
        elif layer == "sky":
            sky |= cells
        return replace(self, not_sky=not_sky, sky=sky)

    def on(self, grid: Grid) -> Painted:
        """The same on another grid of the same image."""
        if grid == self.grid:
            return self
        return Painted(grid, *(self.grid.resampled(c, grid) for c in (self.not_sky, self.sky)))

    def packed(self, base: Packed | None = None) -> Packed:
        """The same in little memory, and in less where it is hardly different from a `base`."""
        if base is None or base.grid != self.grid or base.depth >= DEEPEST:
            return Packed(self.grid, _packed(self.not_sky), _packed(self.sky))
        before = base.unpacked()
        changes = self.not_sky ^ before.not_sky, self.sky ^ before.sky
        if not any(cells.any() for cells in changes):
            return base
        not_sky, sky = map(_packed, changes)
        return Packed(self.grid, not_sky, sky, base, base.depth + 1)


@dataclass(frozen=True)
class Packed:
    """`Painted` layers in little memory, one bit a cell and compressed.

    Attributes
    ----------
    grid : Grid
    not_sky, sky : bytes
        The cells, or which of them are other ones than in the base.
    base : Packed, optional
    depth : int
        The number of bases below it.
    """

    grid: Grid
    not_sky: bytes
    sky: bytes
    base: Packed | None = None
    depth: int = 0

    def unpacked(self) -> Painted:
        """The layers themselves.

        Raises
        ------
        ValueError
            If they are damaged.
        """
        cells = [_unpacked(each, self.grid) for each in (self.not_sky, self.sky)]
        if self.base:
            before = self.base.unpacked()
            cells = [cells[0] ^ before.not_sky, cells[1] ^ before.sky]
        return Painted(self.grid, *cells)

    def alone(self) -> Packed:
        """The same without a base."""
        return self.unpacked().packed() if self.base else self


def _packed(cells: np.ndarray) -> bytes:
    return zlib.compress(np.packbits(cells).tobytes(), 6)


def _unpacked(packed: bytes, grid: Grid) -> np.ndarray:
    height, width = grid.shape
    size = -(-height * width // 8)
    try:
        bits = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(bits) != size:
        raise ValueError(f"{len(bits)} bytes for {width} x {height} cells")
    return (
        np.unpackbits(np.frombuffer(bits, np.uint8), count=height * width)
        .view(bool)
        .reshape(grid.shape)
    )

"""An image on the small grid of another one, of which it shows the same sky."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..image.bands import for_each_band
from ..image.image import Image
from ..image.kernels import FASTEST, Kernels
from .mapping import Mapping
from .places import NO_OVERLAP, Places
from .window import Window, reduced, values_of_blocks

SAMPLES, FEW = 8, 2
"""A cell is sampled at so many places along each side, each of them a pixel of the other image. If
it has fewer pixels along a side than the second number, that many places between them suffice."""

ENOUGH = 0.5
"""The least share of these places that the other image must have samples for."""

TILE, LEAST_TILE = 256, 32
"""Places along the side of what is sampled at a time; fewer where `HELD` asks for it."""

HELD = 50_000_000
"""The bytes of the other image that are in memory at a time, at most: it may be many times as large
as the target."""

SLACK = 1.25
"""So many times the rows of the tile that needs most are held in memory: so several are sampled in
parallel."""


def aligned(
    other: Image,
    mapping: Mapping,
    shape: tuple[int, int],
    factor: int,
    *,
    function: str = "median",
    threads: int = 1,
    kernels: Kernels = FASTEST,
) -> np.ndarray:
    """An image on the grid of the small copy of another one, the target, which it overlaps.

    Each cell has the median of the pixels that lie in it, as those of the target have: what is left
    of stars is the same in both. The other image is read once, from top to bottom, and some
    hundred rows of it are in memory at a time, as far as the target lies in them. Where its pixels
    are much smaller than those of the target, it is reduced in blocks before; where they are
    larger, it is interpolated.

    Parameters
    ----------
    other : Image, linear
    mapping : Mapping
        Of pixels of the target to those of the other image.
    shape : (H, W)
        Of the target.
    factor : int
        Pixels of the target along the side of a cell.
    function : {"median", "grouped median", "mean"}, optional
        The value of a block, and of a cell.
    threads : int, optional
    kernels : Kernels, optional

    Returns
    -------
    ndarray, (h, w, K), float32, planar in memory, linear
        NaN where the other image has samples for less than half of a cell.

    Raises
    ------
    InputError
        If the two do not overlap.
    """
    if mapping.how == "same grid":
        rows = slice(0, other.shape[0])
        out = reduced(other, factor, rows, function, kernels, threads)
    else:
        places = Places.of(mapping, shape, factor, other.shape)
        out = _sampled(other, places, function, kernels, threads)
    if np.isnan(out).all():
        raise InputError(NO_OVERLAP)
    return np.moveaxis(out, 0, 2)


def _sampled(
    other: Image, places: Places, function: str, kernels: Kernels, threads: int
) -> np.ndarray:
    """The cells of a target, (K, h, w)."""
    step = max(1, round(places.cell / SAMPLES))
    few = places.cell / step < FEW
    count = FEW if few else SAMPLES
    h, w = (-(-size // places.factor) for size in places.shape)
    out = np.full((other.channels, h, w), np.nan, np.float32)
    side = TILE
    while True:
        tiles = [*_tiles(places, (h, w), max(1, side // count), step, other.shape)]
        groups, rows = _groups(tiles)
        columns = slice(min(t.columns.start for t in tiles), max(t.columns.stop for t in tiles))
        held = 4 * other.channels * rows * (columns.stop - columns.start)
        if held <= HELD or side <= LEAST_TILE:
            break
        side //= 2
    window = Window(other, step, rows, columns, function, threads, kernels)

    for group in groups:
        window.move(slice(group[0].rows.start, max(tile.rows.stop for tile in group)))

        def work(number: slice, _: None, group: list[_Tile] = group) -> None:
            for tile in group[number]:
                y, x = places.within(tile.cells, count)
                values = window.interpolated(y, x) if few else window.chosen(y, x)
                out[:, tile.cells[0], tile.cells[1]] = _cells(values, count, function, kernels)

        numbers = [slice(n, n + 1) for n in range(len(group))]
        for_each_band(numbers, threads, lambda: None, work)
    return out


@dataclass(frozen=True)
class _Tile:
    """Some cells, and the rows and columns of blocks of the other image on which they lie."""

    cells: tuple[slice, slice]
    rows: slice
    columns: slice


def _tiles(
    places: Places, grid: tuple[int, int], side: int, step: int, other: tuple[int, int]
) -> Iterator[_Tile]:
    for top in range(0, grid[0], side):
        for left in range(0, grid[1], side):
            cells = slice(top, min(top + side, grid[0])), slice(left, min(left + side, grid[1]))
            ends = [*zip(places.extent(cells), other, strict=False)]
            if ends and all(last >= -0.5 and first <= size - 0.5 for (first, last), size in ends):
                yield _Tile(cells, *(_blocks(each, size, step) for each, size in ends))


def _blocks(ends: tuple[float, float], size: int, step: int) -> slice:
    """The blocks along an axis of that size between two places on it."""
    # A place is between two blocks, and a curved edge may lie beyond what was looked at.
    first, last = int(ends[0] // step) - 3, int(ends[1] // step) + 4
    return slice(max(first, 0), min(last, -(-size // step)))


def _groups(tiles: Iterable[_Tile]) -> tuple[list[list[_Tile]], int]:
    """Tiles that are sampled together, from top to bottom, and the most rows that a group needs."""
    ordered = sorted(tiles, key=lambda tile: tile.rows.start)
    if not ordered:
        raise InputError(NO_OVERLAP)
    most = max(tile.rows.stop - tile.rows.start for tile in ordered)
    groups: list[list[_Tile]] = [[]]
    for tile in ordered:
        group = groups[-1]
        if group and tile.rows.stop - group[0].rows.start > SLACK * most:
            groups.append([tile])
        else:
            group.append(tile)
    return groups, int(SLACK * most) + 1


def _cells(values: np.ndarray, count: int, function: str, kernels: Kernels) -> np.ndarray:
    """The values of cells of count x count samples, (K, n * count, m * count): (K, n, m)."""
    out = values_of_blocks(values, count, function, kernels)
    missing = np.isnan(values)
    if missing.any():
        shape = (len(values), out.shape[1], count, out.shape[2], count)
        out[missing.reshape(shape).sum(axis=(2, 4)) > (1 - ENOUGH) * count**2] = np.nan
    return out

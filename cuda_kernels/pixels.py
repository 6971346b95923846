"""The pixels of a problem on the host, in the layout that the kernels of the loss read."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..spline.loss import Problem
from .layout import MOST_CHUNKS, USUAL, Cut
from .tile_work import tile_shape
from .tiles import axis_arrays

FIXED, EACH = (150, 470), (29, 1.8)
"""Instructions for a pixel, and for a pixel and a centre: directly, and in tiles. They were counted
in the PTX of RGB."""

TYPICAL = 64
"""Control points for which the two are compared."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels of a problem and their cut.

    Attributes
    ----------
    values : ndarray, (R, L), float32
        One by one, L kept pixels with y, x, data and weight. In tiles, L places with data and
        weight. Data are 0 where there is no weight, and both are 0 beyond the edges of the image.
    kept : int
        P, the number of pixels that have a weight.
    cut : Cut
    axes : dict of ndarray
        In tiles, their positions: see `fastbg.cuda_kernels.tiles.axis_arrays`. Else empty.
    """

    values: np.ndarray
    kept: int
    cut: Cut
    axes: dict[str, np.ndarray]


def arrange(problem: Problem, threads: int = USUAL.threads) -> Pixels:
    """In tiles if that takes fewer instructions and there are enough tiles to fill a large card."""
    tile = tile_shape(threads)
    cut = Cut.in_tiles(problem.kept.shape, tile)
    count = np.array([np.count_nonzero(problem.kept), cut.pixels])
    directly, together = count * (np.array(FIXED) + TYPICAL * np.array(EACH))
    if cut.pixels // prod(tile) < MOST_CHUNKS or directly < together:
        return one_by_one(problem, threads)
    return in_tiles(problem, threads)


def one_by_one(problem: Problem, threads: int = USUAL.threads) -> Pixels:
    """Arrange the kept pixels one after the other."""
    row, column = np.nonzero(problem.kept)
    channels = problem.channels
    values = np.empty((2 + 2 * channels, row.size), np.float32)
    values[0], values[1] = problem.y[row], problem.x[column]
    for k in range(channels):
        weight = problem.weight[row, column, k]
        values[2 + channels + k] = weight
        values[2 + k] = np.where(weight != 0, problem.data[row, column, k], 0)
    return Pixels(values, row.size, Cut.of(row.size, threads), {})


def in_tiles(problem: Problem, threads: int = USUAL.threads) -> Pixels:
    """Arrange all pixels tile after tile, and row by row within a tile."""
    tile, channels = tile_shape(threads), problem.channels
    cut = Cut.in_tiles(problem.kept.shape, tile)
    down, right = (-(-length // size) for length, size in cut.axes)
    values = np.zeros((2 * channels, down, right, *tile), np.float32)
    rows, columns = (down * tile[0], right * tile[1])
    for k in range(channels):
        weight = problem.weight[..., k]
        for plane, found in (
            (k, np.where(weight != 0, problem.data[..., k], 0)),
            (channels + k, weight),
        ):
            whole = np.zeros((rows, columns), np.float32)
            whole[: found.shape[0], : found.shape[1]] = found
            values[plane] = whole.reshape(down, tile[0], right, tile[1]).swapaxes(1, 2)
    axes = axis_arrays("y", problem.y, tile[0]) | axis_arrays("x", problem.x, tile[1])
    return Pixels(values.reshape(2 * channels, -1), int(np.count_nonzero(problem.kept)), cut, axes)

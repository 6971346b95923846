"""The mesh: medians of some thousand cells of an image, in which a smooth sky is searched for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..image.blocks import blocks, mean_of_blocks
from ..image.downscale import BELOW
from ..image.robust import medians, quantile

ALONG = 40
"""The number of cells along the shorter side of the image, about."""

MOST = 8192
"""The largest number of cells, but for images that are very long."""

MEDIAN_NOISE = 1.2533
"""The noise of a median of many samples relative to that of their mean: sqrt(pi / 2)."""

QUIET = (20, 0.8416, 0.2533)
"""The percentile of the scatter of all cells that is taken for noise, for many hold objects too;
how many standard deviations it lies below the mean of a normal distribution; and that percentile of
the absolute values of a standard one."""

QUARTILES, QUARTILES_SCATTER = 1.349, 1.1664
"""The distance between the quartiles of Gaussian noise, in standard deviations; and how much that
of n samples scatters, relative to it, times the square root of n."""

LEAST_USABLE = 0.5
"""The share of a cell's samples that must be usable."""

LEAST_ROWS = 4
"""Rows or columns of cells that a cubic across them needs; with fewer, it is constant across."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """The medians of the cells of a down-scaled image.

    Attributes
    ----------
    side : int
        The number of pixels along each side of a cell.
    shape : (int, int)
        The numbers of rows and columns of cells.
    points : ndarray, (P, 2), normalised (y, x)
        The centres of all cells, row by row.
    values : ndarray, (P, K), linear
        Their medians; 0 where a cell cannot be used.
    weight : ndarray, (P,), in [0, 1]
        How much of each cell may be used.
    noise : ndarray, (K,), linear
        The standard deviation of the median of a cell that holds nothing but sky.
    spread : ndarray, (P, K), linear, or None
        The distance between the quartiles of each cell, NaN where it cannot be used; None of a
        strip, and of cells of at most 2 x 2 pixels.
    known : ndarray, (P,), in [0, 1]
        How much of each cell somebody knows to be sky; by default nothing.
    objects : ndarray, (P,), in [0, 1]
        How much of each cell is an object that is known from the start, which has next to no
        weight: no surface explains it; by default nothing.
    """

    side: int
    shape: tuple[int, int]
    points: np.ndarray
    values: np.ndarray
    weight: np.ndarray
    noise: np.ndarray
    spread: np.ndarray | None = None
    known: np.ndarray = None  # type: ignore[assignment]
    objects: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        for name in ("known", "objects"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros(len(self.weight)))

    @property
    def usable(self) -> np.ndarray:
        """(P,) bool: whether a cell may be used at all."""
        return self.weight > 0

    @cached_property
    def in_float32(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What fits in float32 take of the cells: they begin dozens of times with the same.

        From a level and in a unit in which float32 loses nothing: these two, (K,) float64, then
        float32: the values, (K, P), the weight and what is known, (P,).
        """
        level = medians(self.values[self.usable], axis=0)
        values = np.where(self.usable[:, np.newaxis], self.values - level, 0)
        unit = np.abs(values).max(axis=0) + np.finfo(np.float64).tiny
        values = np.ascontiguousarray((values / unit).T, np.float32)
        return level, unit, values, self.weight.astype(np.float32), self.known.astype(np.float32)

    def without(self, cells: np.ndarray) -> Mesh:
        """The mesh without some cells, (P,) bool, and with the noise of the others."""
        weight, noise = np.where(cells, 0, self.weight), self.noise
        if self.spread is not None:
            noise = _noise(self.spread[weight > 0], self.side)
        return replace(self, weight=weight, noise=noise)


def cell_side(height: int, width: int) -> int:
    """The number of pixels along each side of a cell of a down-scaled image."""
    return max(1, round(min(height, width) / ALONG), math.ceil((height * width / MOST) ** 0.5))


def cell_count(height: int, width: int) -> int:
    """The number of cells of a down-scaled image."""
    side = cell_side(height, width)
    if _is_strip(height, width):
        return LEAST_ROWS * math.ceil(max(height, width) / _side_of_strip(height, width))
    return math.ceil(height / side) * math.ceil(width / side)


def mesh_of(
    data: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    known: np.ndarray | None = None,
    objects: np.ndarray | None = None,
) -> Mesh:
    """The mesh of a down-scaled image.

    Parameters
    ----------
    data : ndarray, (h, w, K), linear; NaN = missing, `BELOW` = lower than all others
    weight : ndarray, (h, w, K), in [0, 1]; 0 where missing
    y, x : ndarray, (h,) and (w,), normalised
        The coordinates of rows and columns.
    known : ndarray, (h, w), in [0, 1], optional
        How much of each pixel is known to be sky; what has no weight is not.
    objects : ndarray, (h, w), bool, optional
        Which pixels are objects that are known from the start. Of a strip, that tells nothing.
    """
    strip = _is_strip(*data.shape[:2])
    if known is not None:
        # As a weight of one more channel: NaN where nothing may be used, which counts in nothing.
        known = np.where((weight > 0).any(axis=2), known, np.nan)
    if strip:
        data, weight, y, x, known = _widened(data, weight, y, x, known)
    height, width = data.shape[:2]
    side = cell_side(height, width)
    # One channel at a time: there are a few copies of it.
    measured = [
        _measure(np.where(weight[..., k] > 0, data[..., k], np.float32(np.nan)), side, not strip)
        for k in range(data.shape[2])
    ]
    low, middle, high, count = (np.stack(each, axis=2) for each in zip(*measured, strict=True))
    full = (count > LEAST_USABLE * min(side, height) * min(side, width)).all(axis=2)
    full &= (middle != BELOW).all(axis=2)
    if side > 2:
        # Noise is as far below the median as above it, where the lower quartile is clipped.
        with np.errstate(invalid="ignore"):  # of cells that are clipped altogether
            scatter = np.where(low == BELOW, 2 * (high - middle), high - low)
        noise = _noise(scatter[full], side)
        spread = np.where(full[..., np.newaxis], scatter, np.nan).reshape(full.size, -1)
    else:
        # Along the longer side: across a strip, all cells are the same. Of second differences, to
        # which a slope adds nothing.
        percentile, _, step = QUIET
        along = 1 if height <= width else 0
        bends = np.diff(np.where(full[..., np.newaxis], middle, np.nan), n=2, axis=along)
        bends = bends[~np.isnan(bends).any(axis=2)]
        quiet = [_percentile(bends, 50 + part * percentile / 2) for part in (-1, 1)]
        noise = (quiet[1] - quiet[0]) / (2 * step) / np.sqrt(6)
        spread = None
    channels = (blocks(weight[..., k], side) for k in range(data.shape[2]))
    share = np.mean([np.nan_to_num(each).mean(axis=2) for each in channels], axis=0)
    centres = np.meshgrid(_centres(y, side), _centres(x, side), indexing="ij")
    return Mesh(
        side,
        full.shape,
        np.stack(centres, axis=-1).reshape(-1, 2),
        np.where(full[..., np.newaxis], middle, 0).reshape(full.size, -1).astype(np.float64),
        np.where(full, share, 0).ravel(),
        noise,
        None if strip else spread,
        # The median of a cell tells of what fills more than half of it.
        np.clip(2 * _share(known, side, full.size) - 1, 0, 1),
        _share(None if objects is None or strip else objects.astype(np.float32), side, full.size),
    )


def _share(marked: np.ndarray | None, side: int, cells: int) -> np.ndarray:
    """(cells,): how much of each cell is marked in (h, w), where NaN counts in nothing."""
    if marked is None:
        return np.zeros(cells)
    return np.nan_to_num(mean_of_blocks(blocks(marked, side))).ravel()


def _noise(spread: np.ndarray, side: int) -> np.ndarray:
    """(K,): the noise of a cell by the distances between the quartiles of n cells, (n, K)."""
    percentile, below, _ = QUIET
    noise = _percentile(spread, percentile) * MEDIAN_NOISE / side
    # What is quiet by chance is quieter the fewer samples a cell has.
    noise /= QUARTILES * (1 - below * QUARTILES_SCATTER / side)
    return noise


def _is_strip(height: int, width: int) -> bool:
    """Whether too few rows or columns of cells are at least half a cell wide."""
    side = cell_side(height, width)
    return (2 * min(height, width) + side - 1) // (2 * side) < LEAST_ROWS


def _side_of_strip(height: int, width: int) -> int:
    """`cell_side` of a strip that has been widened to `LEAST_ROWS` cells."""
    return math.ceil(LEAST_ROWS * max(height, width) / MOST)


def _widened(
    data: np.ndarray, weight: np.ndarray, y: np.ndarray, x: np.ndarray, known: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """A strip with its medians across in `LEAST_ROWS` cells across: `mesh_of` takes the same."""
    height, width = data.shape[:2]
    axis = 0 if height <= width else 1
    across = LEAST_ROWS * _side_of_strip(height, width)
    used = np.where(weight > 0, data, np.float32(np.nan))
    ordered = np.sort(np.moveaxis(used, axis, -1), axis=2)
    middle = quantile(ordered, 0.5)
    share = np.where(np.isnan(middle), 0, weight.mean(axis=axis))
    if known is not None:
        known = mean_of_blocks(np.moveaxis(known, axis, -1))
        known = np.repeat(np.expand_dims(known, axis), across, axis)
    data, weight = (np.repeat(np.expand_dims(each, axis), across, axis) for each in (middle, share))
    centres = (np.arange(across) + 0.5) / across
    y, x = (centres, x) if axis == 0 else (y, centres)
    return data, weight, y, x, known


def _measure(data: np.ndarray, side: int, grouped: bool) -> list[np.ndarray]:
    """The quartiles of each cell and how many values it has, (rows, columns) each.

    Values that are equal are grouped where they are not mere copies.
    """
    ordered = np.sort(blocks(data, side), axis=2)  # NaN last
    count = np.count_nonzero(~np.isnan(ordered), axis=2)
    return [*(quantile(ordered, part, grouped) for part in (0.25, 0.5, 0.75)), count]


def _percentile(values: np.ndarray, percentile: float) -> np.ndarray:
    """(K,): of (n, K) numbers; 0 for none."""
    if not len(values):
        return np.zeros(values.shape[1])
    return quantile(np.sort(values.T), percentile / 100)


def _centres(coordinates: np.ndarray, side: int) -> np.ndarray:
    starts = range(0, len(coordinates), side)
    return np.array([coordinates[start : start + side].mean() for start in starts])

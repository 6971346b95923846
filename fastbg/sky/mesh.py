"""The image in some thousand cells: what is smooth over cells may be sky."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ALONG = 40
"""Cells along the shorter side of the image, about."""

MOST = 8192
"""Cells of an image that is not very long."""

MEDIAN_NOISE = 1.2533
"""Of a median of many, relative to a mean: sqrt(pi / 2)."""

QUIET = 20
"""Percentile of the cells whose scatter is taken for noise: others hold objects as well."""

QUARTILES = 1.349
"""Distance of the quartiles of a normal distribution, in deviations."""

LEAST = 0.5
"""Of a cell's samples that must be usable."""


@dataclass(frozen=True)
class Cells:
    """Medians of blocks of pixels of the down-scaled image.

    Attributes
    ----------
    side : int
        Pixels along each side of a cell.
    shape : (int, int)
        Rows and columns of cells.
    points : ndarray, (P, 2), normalised (y, x)
        The centres of all cells, row by row.
    values : ndarray, (P, K), linear
        0 where a cell cannot be used.
    weight : ndarray, (P,), in [0, 1]
        How much of each cell may be used.
    noise : ndarray, (K,), linear
        Deviation of the value of a cell that holds nothing but sky.
    """

    side: int
    shape: tuple[int, int]
    points: np.ndarray
    values: np.ndarray
    weight: np.ndarray
    noise: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """(P,) bool."""
        return self.weight > 0


def cells_of(data: np.ndarray, weight: np.ndarray, y: np.ndarray, x: np.ndarray) -> Cells:
    """Cut the down-scaled image into cells.

    Parameters
    ----------
    data : ndarray, (h, w, K), linear; NaN = missing
    weight : ndarray, (h, w, K), in [0, 1]; 0 where missing
    y, x : ndarray, (h,) and (w,), normalised
        Of rows and columns.
    """
    height, width = data.shape[:2]
    side = max(1, round(min(height, width) / ALONG), math.ceil((height * width / MOST) ** 0.5))
    # One channel at a time: there are a few copies of it.
    measured = [
        _measure(np.where(weight[..., k] > 0, data[..., k], np.float32(np.nan)), side)
        for k in range(data.shape[2])
    ]
    low, middle, high, count = (np.stack(each, axis=2) for each in zip(*measured, strict=True))
    full = (count > LEAST * min(side, height) * min(side, width)).all(axis=2)
    if side > 2:
        scatter = (high - low)[full] / QUARTILES * MEDIAN_NOISE / side
    else:
        steps = np.abs(np.diff(middle, axis=1))
        scatter = steps[full[:, 1:] & full[:, :-1]] / (QUARTILES / 2) / np.sqrt(2)
    noise = np.percentile(scatter, QUIET, axis=0) if len(scatter) else np.zeros(data.shape[2])
    channels = (_blocks(weight[..., k], side) for k in range(data.shape[2]))
    share = np.mean([np.nan_to_num(each).mean(axis=2) for each in channels], axis=0)
    centres = np.meshgrid(_centres(y, side), _centres(x, side), indexing="ij")
    return Cells(
        side,
        full.shape,
        np.stack(centres, axis=-1).reshape(-1, 2),
        np.where(full[..., np.newaxis], middle, 0).reshape(full.size, -1).astype(np.float64),
        np.where(full, share, 0).ravel(),
        noise,
    )


def _measure(data: np.ndarray, side: int) -> list[np.ndarray]:
    """The quartiles of each cell and how many values it has, (rows, columns) each."""
    blocks = _blocks(data, side)
    blocks.sort(axis=2)  # NaN last
    count = np.count_nonzero(~np.isnan(blocks), axis=2)
    return [*(_quantile(blocks, count, part) for part in (0.25, 0.5, 0.75)), count]


def _blocks(plane: np.ndarray, side: int) -> np.ndarray:
    """(h, w) to (rows, columns, samples of a cell), NaN beyond the edges; a copy."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % side), (0, -width % side)), constant_values=np.nan)
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    grid = padded.reshape(rows, side, columns, side).swapaxes(1, 2)
    return grid.reshape(rows, columns, side * side)


def _quantile(ordered: np.ndarray, count: np.ndarray, part: float) -> np.ndarray:
    """Of the numbers that come before NaN, without interpolation but for the median's."""
    place = part * np.maximum(count - 1, 0)[..., np.newaxis]
    pair = [
        np.take_along_axis(ordered, to_whole(place).astype(int), axis=2)[..., 0]
        for to_whole in (np.floor, np.ceil)
    ]
    mean: np.ndarray = (pair[0] + pair[1]) / 2
    return mean


def _centres(coordinates: np.ndarray, side: int) -> np.ndarray:
    starts = range(0, len(coordinates), side)
    return np.array([coordinates[start : start + side].mean() for start in starts])

"""Square blocks of pixels, the last ones of a row or a column of which may be partial."""

from __future__ import annotations

from typing import Any

import numpy as np

from .missing import is_valid


def blocks(plane: np.ndarray, factor: int) -> np.ndarray:
    """(rows, W) to (h, w, pixels of a block), with NaN where a partial block has no pixel."""
    rows, width = plane.shape
    block_rows, block_columns = min(factor, rows), min(factor, width)
    padding = ((0, -rows % block_rows), (0, -width % block_columns))
    padded = np.pad(plane, padding, constant_values=np.nan)
    h, w = padded.shape[0] // block_rows, padded.shape[1] // block_columns
    grid = padded.reshape(h, block_rows, w, block_columns)
    return grid.swapaxes(1, 2).reshape(h, w, block_rows * block_columns)


def mean_of_blocks(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis, float64; NaN counts in nothing, and is the mean of nothing."""
    count = np.count_nonzero(~np.isnan(values), axis=-1)
    total = np.nansum(values, axis=-1, dtype=np.float64)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def over_blocks(function: np.ufunc, planes: np.ndarray, factor: int, **how: Any) -> np.ndarray:
    """Reduce the blocks of planes, (K, rows, W), by a function of two arguments: (K, h, w)."""
    count, height, width = planes.shape
    whole, rest = divmod(height, factor)
    # Whole rows first: that is many times as fast as block by block.
    full = planes[:, : height - rest].reshape(count, whole, factor, width)
    rows = function.reduce(full, axis=2, **how)
    if rest:
        last = function.reduce(planes[:, -rest:], axis=1, keepdims=True, **how)
        rows = np.concatenate([rows, last], axis=1)
    found: np.ndarray = function.reduceat(rows, [*range(0, width, factor)], axis=2)
    return found


def valid_means(planes: np.ndarray, factor: int) -> np.ndarray:
    """The means of the samples of blocks that are not missing, (K, h, w), float64; NaN of none."""
    if np.isfinite([planes.min(), planes.max()]).all() and planes.all():
        sides = (np.diff([*range(0, size, factor), size]) for size in planes.shape[1:])
        return over_blocks(np.add, planes, factor, dtype=np.float64) / np.multiply.outer(*sides)
    valid = is_valid(planes)
    samples = np.where(valid, planes, np.float32(0))
    total, count = (over_blocks(np.add, each, factor, dtype=float) for each in (samples, valid))
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)

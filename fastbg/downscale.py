"""The small copy of the image on which the spline is fitted: one value per block of pixels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .backends import c
from .image import Image
from .stretch import Stretch

LARGEST_SORTED = 64
"""Largest blocks that the C evaluator sorts; its scratch memory grows with their area."""

BAND_ROWS = 16
"""Rows of blocks handled at a time: bounds the temporary copies to a few percent of the image."""


def block_centres(size: int, factor: int) -> np.ndarray:
    """Normalised pixel-centre coordinates of the blocks along one axis.

    A block that covers pixels a..b has its centre at ``((a + b + 1) / 2) / size``; the last one
    may be partial.

    Returns
    -------
    ndarray, (ceil(size / factor),), float64, in (0, 1)
    """
    start = np.arange(0, size, factor)
    return (start + np.minimum(start + factor, size)) / (2 * size)


def downscale(
    image: Image,
    valid: np.ndarray,
    stretch: Stretch,
    factor: int,
    function: str,
    threads: int = 1,
) -> np.ndarray:
    """Stretch and reduce an image block by block, ignoring missing samples.

    Parameters
    ----------
    image : Image, linear
    valid : ndarray, (K, H, W), bool
        False where a sample is missing.
    stretch : Stretch
    factor : int
        Block size in pixels; partial blocks at the far edges use the pixels that exist.
    function : {"median", "mean"}
        The median of an even count is the mean of the two middle values after the stretch. The
        stretch is monotone, so only those two are stretched.
    threads : int, optional

    Returns
    -------
    ndarray, (h, w, K), float64, stretched; NaN where a block has no valid sample
    """
    if function == "median" and factor <= LARGEST_SORTED and not c.unavailable():
        middle = [
            c.block_medians(plane, used, factor, threads)
            for plane, used in zip(image.planes, valid, strict=True)
        ]
        low, high = np.stack(middle, axis=1)
        return np.moveaxis((stretch.apply(low) + stretch.apply(high)) / 2, 0, 2)
    reduced = []
    for rows in _bands(image.shape[0], factor):
        band = np.where(valid[:, rows], image.planes[:, rows], np.nan)
        if function == "median":
            low, high = _middle_values(_blocks(band, factor))
            reduced.append((stretch.apply(low) + stretch.apply(high)) / 2)
        else:
            reduced.append(_mean(_blocks(stretch.apply(band), factor)))
    return np.moveaxis(np.concatenate(reduced, axis=1), 0, 2)


def downscale_weight(weight: np.ndarray, factor: int, function: str) -> np.ndarray:
    """Reduce a weight image by the same block function.

    Parameters
    ----------
    weight : ndarray, (H, W, K), float32, in [0, 1]

    Returns
    -------
    ndarray, (h, w, K), float64
    """
    planes = np.moveaxis(weight, 2, 0)
    reduced = []
    for rows in _bands(weight.shape[0], factor):
        blocks = _blocks(planes[:, rows], factor)
        if function == "median":
            low, high = _middle_values(blocks)
            reduced.append((low.astype(np.float64) + high) / 2)
        else:
            reduced.append(_mean(blocks))
    return np.moveaxis(np.concatenate(reduced, axis=1), 0, 2)


def _bands(height: int, factor: int) -> Iterator[slice]:
    step = BAND_ROWS * factor
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def _blocks(band: np.ndarray, factor: int) -> np.ndarray:
    """(K, rows, W) to (K, h, w, pixels of a block), NaN where a partial block has no pixel."""
    channels, rows, width = band.shape
    block_rows, block_columns = min(factor, rows), min(factor, width)
    padding = ((0, 0), (0, -rows % block_rows), (0, -width % block_columns))
    padded = np.pad(band, padding, constant_values=np.nan)
    h, w = padded.shape[1] // block_rows, padded.shape[2] // block_columns
    grid = padded.reshape(channels, h, block_rows, w, block_columns)
    return grid.swapaxes(2, 3).reshape(channels, h, w, block_rows * block_columns)


def _middle_values(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two middle order statistics of the last axis (equal for odd counts), NaN ignored."""
    ordered = np.sort(blocks, axis=-1)
    count = np.count_nonzero(~np.isnan(ordered), axis=-1, keepdims=True)
    # NaN sorts last, and -1, the index for a block of nothing but NaN, finds one.
    low = np.take_along_axis(ordered, (count - 1) // 2, axis=-1)
    high = np.take_along_axis(ordered, count // 2, axis=-1)
    return low[..., 0], high[..., 0]


def _mean(blocks: np.ndarray) -> np.ndarray:
    count = np.count_nonzero(~np.isnan(blocks), axis=-1)
    total = np.nansum(blocks, axis=-1, dtype=np.float64)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)

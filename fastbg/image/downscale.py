"""The small copy of the image on which the spline is fitted: one value per block of pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backends import c
from .bands import FEW_PIXELS, for_each_band, row_bands
from .image import MISSING_LEVEL, Image, is_valid
from .stretch import Stretch

LARGEST_SORTED = 64
"""Largest blocks that the C evaluator sorts; its scratch memory grows with their area."""

ZEROS_COUNT = -1.0
"""In the place of `MISSING_LEVEL`, where zeros are values like any other."""

Reduction = Callable[[np.ndarray], np.ndarray]
"""From a band, (K, rows, W), to its blocks, (K, h, w)."""


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
    image: Image, stretch: Stretch, factor: int, function: str, threads: int = 1
) -> np.ndarray:
    """Stretch and reduce an image block by block, ignoring missing samples.

    Parameters
    ----------
    image : Image, linear
    stretch : Stretch
    factor : int
        Block size in pixels; partial blocks at the far edges use the pixels that exist.
    function : {"median", "mean"}
        The median of an even count is the mean of the two middle values after the stretch. The
        stretch is monotone, so only those two are stretched.
    threads : int, optional

    Returns
    -------
    ndarray, (h, w, K), float32, planar in memory, stretched; NaN where a block has no valid sample
    """
    if function == "median":
        return _reduced(image, factor, threads, lambda band: _medians(band, stretch, factor))
    return _reduced(image, factor, threads, lambda band: _means(band, stretch, factor))


def restretched(small: np.ndarray, old: Stretch, new: Stretch) -> np.ndarray:
    """A down-scaled image, (h, w, K) float32, from one stretch to another; NaN stays."""
    planes = np.moveaxis(small, 2, 0)
    out = np.empty(planes.shape, np.float32)
    for rows in row_bands(planes.shape[1:], pixels=FEW_PIXELS):
        out[:, rows] = new.apply(old.invert(planes[:, rows])[0])
    return np.moveaxis(out, 0, 2)


def downscale_weight(weight: Image, factor: int, function: str, threads: int = 1) -> np.ndarray:
    """Reduce a weight image, in [0, 1], by the same block function: (h, w, K), float32."""

    def medians(band: np.ndarray) -> np.ndarray:
        low, high = _middle_values(band, factor, ZEROS_COUNT)
        return (low.astype(np.float64) + high) / 2

    def means(band: np.ndarray) -> np.ndarray:
        return _mean(_blocks(band, factor))

    return _reduced(weight, factor, threads, medians if function == "median" else means)


def _reduced(image: Image, factor: int, threads: int, reduction: Reduction) -> np.ndarray:
    height, width = image.shape
    h, w = -(-height // factor), -(-width // factor)
    out = np.empty((image.channels, h, w), np.float32)
    bands = row_bands(image.shape, factor)
    room = (image.channels, bands[0].stop, width)

    def work(rows: slice, buffer: np.ndarray) -> None:
        top = rows.start // factor
        blocks = reduction(image.read(rows, buffer))
        out[:, top : top + blocks.shape[1]] = blocks

    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return np.moveaxis(out, 0, 2)


def _medians(band: np.ndarray, stretch: Stretch, factor: int) -> np.ndarray:
    low, high = _middle_values(band, factor, MISSING_LEVEL)
    return (stretch.apply(low) + stretch.apply(high)) / 2


def _means(band: np.ndarray, stretch: Stretch, factor: int) -> np.ndarray:
    if c.unavailable():
        return _mean(_blocks(stretch.apply(np.where(is_valid(band), band, np.nan)), factor))
    own = zip(band, stretch.pedestal, stretch.scale, stretch.midtones, strict=True)
    return np.stack([c.block_means(*values, stretch.target, factor) for values in own])


def _middle_values(band: np.ndarray, factor: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The two middle samples of each block, (K, h, w) each; NaN where none exceeds `least`."""
    if factor <= LARGEST_SORTED and not c.unavailable():
        low, high = np.stack([c.block_medians(plane, factor, least) for plane in band], axis=1)
        return low, high
    size = np.abs(band)
    counts = (size > np.float32(least)) & (size < np.inf)
    return numpy_middle_values(_blocks(np.where(counts, band, np.nan), factor))


def numpy_middle_values(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two middle order statistics of the last axis (equal for odd counts), NaN ignored."""
    ordered = np.sort(blocks, axis=-1)
    count = np.count_nonzero(~np.isnan(ordered), axis=-1, keepdims=True)
    # NaN sorts last, and -1, the index for a block of nothing but NaN, finds one.
    low = np.take_along_axis(ordered, (count - 1) // 2, axis=-1)
    high = np.take_along_axis(ordered, count // 2, axis=-1)
    return low[..., 0], high[..., 0]


def _blocks(band: np.ndarray, factor: int) -> np.ndarray:
    """(K, rows, W) to (K, h, w, pixels of a block), NaN where a partial block has no pixel."""
    channels, rows, width = band.shape
    block_rows, block_columns = min(factor, rows), min(factor, width)
    padding = ((0, 0), (0, -rows % block_rows), (0, -width % block_columns))
    padded = np.pad(band, padding, constant_values=np.nan)
    h, w = padded.shape[1] // block_rows, padded.shape[2] // block_columns
    grid = padded.reshape(channels, h, block_rows, w, block_columns)
    return grid.swapaxes(2, 3).reshape(channels, h, w, block_rows * block_columns)


def _mean(blocks: np.ndarray) -> np.ndarray:
    count = np.count_nonzero(~np.isnan(blocks), axis=-1)
    total = np.nansum(blocks, axis=-1, dtype=np.float64)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)

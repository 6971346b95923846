"""Reduces an image by a whole factor, band by band."""

from __future__ import annotations

import numpy as np

from ...image.bands import for_each_band, row_bands
from ...image.image import Image

CHANNELS = 3
"""Bands hold as many pixels as they would for an image of so many channels, however many it has."""


def block_means(image: Image, factor: int, threads: int) -> np.ndarray:
    """Means of blocks of pixels over their samples that are finite.

    Incomplete blocks at the far edges are cut. Every row of the image is read once.

    Parameters
    ----------
    image : Image, of any K
    factor : int
        Side of the blocks in pixels; the image is one block along a side that is shorter.
    threads : int

    Returns
    -------
    ndarray, (K, H // factor, W // factor), float32; NaN where less than half of a block is finite
    """
    fy, fx = (min(factor, size) for size in image.shape)
    h, w = image.shape[0] // fy, image.shape[1] // fx
    means = np.full((image.channels, h, w), np.nan, np.float32)

    def sums(samples: np.ndarray) -> np.ndarray:
        # Slices along whole rows: a sum over a short last axis takes five times as long.
        columns = samples[..., 0 : w * fx : fx].copy()
        for i in range(1, fx):
            columns += samples[..., i : w * fx : fx]
        total = columns[:, ::fy].copy()
        for i in range(1, fy):
            total += columns[:, i::fy]
        return total

    def work(rows: slice, _: None) -> None:
        band = image.rows(rows)
        band = band[:, : band.shape[1] // fy * fy]
        good = np.isfinite(band)
        count = sums(good.astype(np.float32))
        total = sums(np.where(good, band, np.float32(0)))
        out = means[:, rows.start // fy : rows.stop // fy]
        np.divide(total, count, out=out, where=2 * count >= fy * fx)

    height, width = image.shape
    bands = row_bands((height, width * -(-image.channels // CHANNELS)), fy)
    for_each_band(bands, threads, lambda: None, work)
    return means

"""Images reduced by a whole factor, in bands and in little memory."""

from __future__ import annotations

import numpy as np

from ...image.bands import for_each_band, row_bands
from ...image.image import Image, is_valid

CHANNELS = 3
"""Bands are as large as for an image of so many, though more are reduced at once."""


def block_means(image: Image, factor: int, threads: int) -> np.ndarray:
    """Means of blocks of pixels over their valid samples; what is left at the far edges is cut.

    Parameters
    ----------
    image : Image, of any K
    factor : int
        Side of the blocks; no longer than that of the image.
    threads : int

    Returns
    -------
    ndarray, (K, H // factor, W // factor), float32; NaN where less than half of a block is valid
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
        good = is_valid(band)
        count = sums(good.astype(np.float32))
        total = sums(np.where(good, band, np.float32(0)))
        out = means[:, rows.start // fy : rows.stop // fy]
        np.divide(total, count, out=out, where=2 * count >= fy * fx)

    bands = row_bands((h * fy, image.shape[1] * -(-image.channels // CHANNELS)), fy)
    for_each_band(bands, threads, lambda: None, work)
    return means

"""A small copy of an image, which is taken while the image is read for another purpose."""

from __future__ import annotations

import numpy as np

from .missing import is_valid

BOX = (240, 320)
"""Largest height and width of a thumbnail, in pixels."""


class Thumbnail:
    """A small copy of an image whose rows come in any order and from any thread.

    Each of its pixels is the mean of the valid samples in the middle row of a block, because
    no two threads have that row, and the other rows of the block are not worth their time.

    Parameters
    ----------
    channels : int
        K.
    shape : (H, W)

    Attributes
    ----------
    planes : ndarray, (K, h, w), float32
        NaN where no sample is valid.
    """

    def __init__(self, channels: int, shape: tuple[int, int]) -> None:
        scale = min(1, *(room / size for size, room in zip(shape, BOX, strict=True)))
        h, w = (max(1, round(size * scale)) for size in shape)
        self._middles = (2 * np.arange(h) + 1) * shape[0] // (2 * h)
        self._lefts = np.arange(w) * shape[1] // w
        self._widths = np.diff(self._lefts, append=shape[1]).astype(np.float32)
        self.planes = np.full((channels, h, w), np.nan, np.float32)

    def add(self, rows: slice, band: np.ndarray) -> None:
        """Take what it needs of some rows, (K, n, W), NaN or 0 where samples are missing."""
        first, last = np.searchsorted(self._middles, (rows.start, rows.stop))
        some = band[:, self._middles[first:last] - rows.start]
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.add.reduceat(some, self._lefts, axis=2)
        if some.all() and np.isfinite(total).all():  # nothing is missing
            np.divide(total, self._widths, out=self.planes[:, first:last])
            return
        valid = is_valid(some)
        total = np.add.reduceat(np.where(valid, some, np.float32(0)), self._lefts, axis=2)
        count = np.add.reduceat(valid, self._lefts, axis=2, dtype=np.float32)
        np.divide(total, count, out=self.planes[:, first:last], where=count > 0)

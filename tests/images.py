"""Images for tests: made from planes, that fill what they are given, that tell what was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastbg.image.image import Image


def image_of(planes: np.ndarray) -> Image:
    """The image of (K, H, W) float32 planes, which it lends."""
    return Image.from_samples(np.moveaxis(planes, 0, 2))


def filling(image: Image) -> Image:
    """The same image, which fills `out` as files do, and finds out what it is given."""

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        count = rows.stop - rows.start
        assert 0 <= rows.start < rows.stop <= image.shape[0]
        assert out.dtype == np.float32
        assert out.shape[::2] == (image.channels, image.shape[1])
        assert out.shape[1] >= count
        out[:] = np.nan
        out[:, :count] = image.rows(rows)
        return out[:, :count]

    return replace(image, read=read)


def recorded(image: Image) -> tuple[Image, list[slice]]:
    """The same image, and the rows of every read of it."""
    reads: list[slice] = []

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        reads.append(rows)
        return image.read(rows, out)

    return replace(image, read=read), reads

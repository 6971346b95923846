"""Bayer mosaics: undebayered frames, which are fitted as RGB images of half the size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import InputError
from .image import Image
from .kernels import FASTEST, Kernels
from .patterns import BAYER_PATTERNS, X_TRANS

_CURE = "debayer it first, or turn the filter array off to have it treated as mono"
_CURE_OF_X_TRANS = (
    "debayer it first, for only patterns of 2 x 2 pixels can be fitted colour by colour and it has "
    "6 x 6; or turn the filter array off to have it treated as mono"
)


def check_pattern(pattern: str, channels: int = 1) -> None:
    """Raise InputError unless a pattern is one of `BAYER_PATTERNS`, of an image of one channel."""
    if pattern not in BAYER_PATTERNS:
        cure = _CURE_OF_X_TRANS if pattern == X_TRANS else _CURE
        raise InputError(f"has a colour filter array of the pattern {pattern}: {cure}")
    if channels != 1:
        raise InputError(f"has {channels} channels and a colour filter array: {_CURE}")


def superpixels(
    mosaic: Image, pattern: str, *, one_green: bool = False, kernels: Kernels = FASTEST
) -> Image:
    """The mosaic as an RGB image of half the size: one pixel of each 2 x 2, green their mean.

    Parameters
    ----------
    mosaic : Image of 1 channel, linear
        The last row and column of an odd size are left out.
    pattern : str
        One of `BAYER_PATTERNS`.
    one_green : bool, optional
        Take the first green alone where it is not missing: the median of a mean of clipped samples
        is not that of the sky.
    kernels : Kernels, optional
    """
    height, width = (size // 2 for size in mosaic.shape)
    if not height or not width:
        raise InputError(f"is too small for a colour filter array: {_CURE}")

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = mosaic.rows(slice(2 * rows.start, 2 * rows.stop))
        return binned(band, pattern, one_green=one_green, kernels=kernels)

    return Image(3, (height, width), read)


def binned(band: np.ndarray, pattern: str, *, one_green: bool, kernels: Kernels) -> np.ndarray:
    """The `superpixels` of some rows of a mosaic, (1, n, W), of which the first is an even one.

    Returns
    -------
    ndarray, (3, n // 2, W // 2), float32
    """
    height, width = band.shape[1] // 2, band.shape[2]
    out = np.empty((3, height, width // 2), np.float32)
    colours = tuple(colour for _, _, colour in places(pattern))
    kernels.superpixels(band[0, : 2 * height], colours, one_green, out)
    return out


def halved(weight: Image) -> Image:
    """A weight image for superpixels: the mean of each 2 x 2."""
    height, width = (size // 2 for size in weight.shape)

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = weight.rows(slice(2 * rows.start, 2 * rows.stop))[:, :, : 2 * width]
        blocks = band.reshape(weight.channels, -1, 2, width, 2)
        return np.mean(blocks, axis=(2, 4), out=out[:, : rows.stop - rows.start])

    return Image(weight.channels, (height, width), read)


def places(pattern: str) -> Iterator[tuple[int, int, int]]:
    """Row, column and colour, 0 to 2, of the pixels of a pattern."""
    for place, letter in enumerate(pattern):
        yield place // 2, place % 2, "RGB".index(letter)

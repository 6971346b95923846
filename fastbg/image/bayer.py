"""Bayer mosaics: undebayered frames, which are fitted as RGB images of half the size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import InputError
from .image import Image, is_valid
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


def superpixels(mosaic: Image, pattern: str, *, one_green: bool = False) -> Image:
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
    """
    height, width = (size // 2 for size in mosaic.shape)
    if not height or not width:
        raise InputError(f"is too small for a colour filter array: {_CURE}")

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = mosaic.rows(slice(2 * rows.start, 2 * rows.stop))
        return binned(band[0], pattern, out, one_green=one_green)

    return Image(3, (height, width), read)


def binned(band: np.ndarray, pattern: str, out: np.ndarray, *, one_green: bool) -> np.ndarray:
    """The superpixels of some rows of a mosaic, from an even one on.

    Parameters
    ----------
    band : ndarray, (2 n or 2 n + 1, W), float32, linear
    pattern, one_green
        See `superpixels`.
    out : ndarray, (3, at least n, W // 2), float32
        Where they are put.

    Returns
    -------
    ndarray, (3, n, W // 2)
    """
    height, width = (size // 2 for size in band.shape)
    out = out[:, :height]
    greens = []
    for y, x, colour in places(pattern):
        plane = band[y : 2 * height : 2, x : 2 * width : 2]
        if colour == 1:
            greens.append(plane)
        else:
            out[colour] = plane
    first, second = greens
    # A missing green leaves the other.
    np.copyto(out[1], np.where(is_valid(first), first, second))
    if one_green:
        return out
    both = is_valid(first) & is_valid(second)
    np.add(first, second, out=out[1], where=both)
    np.multiply(out[1], np.float32(0.5), out=out[1], where=both)
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

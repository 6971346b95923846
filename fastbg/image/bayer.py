"""Undebayered frames: their gradient is fitted per colour, and taken out where each pixel is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..model.correction import Correction
from .image import Image, is_valid

_CURE = "debayer it first, or turn the filter array off to have it treated as mono"


def check_pattern(pattern: str) -> None:
    """Raise InputError unless a pattern is a 2 x 2 Bayer pattern, like RGGB."""
    if pattern not in ("RGGB", "BGGR", "GRBG", "GBRG"):
        raise InputError(f"has a colour filter array of the pattern {pattern}: {_CURE}")


def superpixels(mosaic: Image, pattern: str) -> Image:
    """The mosaic as an RGB image of half the size: one pixel of each 2 x 2, green their mean.

    Parameters
    ----------
    mosaic : Image of 1 channel, linear
        The last row and column of an odd size are left out.
    pattern : str
        Of `check_pattern`.
    """
    height, width = (size // 2 for size in mosaic.shape)
    if not height or not width:
        raise InputError(f"is too small for a colour filter array: {_CURE}")

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = mosaic.rows(slice(2 * rows.start, 2 * rows.stop))[0, :, : 2 * width]
        out = out[:, : rows.stop - rows.start]
        greens = []
        for y, x, colour in _places(pattern):
            plane = band[y::2, x::2]
            if colour == 1:
                greens.append(plane)
            else:
                out[colour] = plane
        first, second = greens
        # A missing green leaves the other.
        np.copyto(out[1], np.where(is_valid(first), first, second))
        both = is_valid(first) & is_valid(second)
        np.add(first, second, out=out[1], where=both)
        np.multiply(out[1], np.float32(0.5), out=out[1], where=both)
        return out

    return Image(3, (height, width), read)


def halved(weight: Image) -> Image:
    """A weight image for superpixels: the mean of each 2 x 2."""
    height, width = (size // 2 for size in weight.shape)

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = weight.rows(slice(2 * rows.start, 2 * rows.stop))[:, :, : 2 * width]
        blocks = band.reshape(weight.channels, -1, 2, width, 2)
        return np.mean(blocks, axis=(2, 4), out=out[:, : rows.stop - rows.start])

    return Image(weight.channels, (height, width), read)


@dataclass(frozen=True)
class MosaicCorrection(Correction):
    """Takes a background of three colours out of a mosaic of one channel.

    Attributes
    ----------
    background : Image of 3 channels, linear
        At the size of the mosaic.
    levels : ndarray, (3,)
    pattern : str
        Of `check_pattern`.
    """

    pattern: str = "RGGB"

    def read(self, rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        samples = self.image.read(rows, buffers[0])
        colours = self.background.rows(rows)
        background, corrected = (part[:, : samples.shape[1]] for part in buffers[1:])
        for y, x, colour in _places(self.pattern):
            own = (slice((y - rows.start) % 2, None, 2), slice(x, None, 2))
            plane = colours[colour][own]
            background[0][own] = plane
            self._take_out(samples[0][own], plane, self.levels[colour], corrected[0][own])
        return samples, background, corrected


def _places(pattern: str) -> Iterator[tuple[int, int, int]]:
    """Row, column and colour, 0 to 2, of the pixels of a pattern."""
    for place, letter in enumerate(pattern):
        yield place // 2, place % 2, "RGB".index(letter)

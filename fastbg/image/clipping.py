"""Zeros that are samples of the sky, told from zeros that are missing.

A calibrated sky that lies less than a few standard deviations above 0, stored without negative
numbers, has the lower tail of its noise at exactly 0; in signed integers 0 is a value like any
other. Such zeros are scattered, and the values beside 0 are there as well. Missing samples make
regions, or there is a gap between them and the sky.

The image that is returned has the zeros of the sky as numbers that are zero for every purpose but
one: they are not missing.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np

from .bands import for_each_band, row_bands
from .image import CLIPPED, ZERO, Image

RUN, LEAST_RUN = 64, 16
"""Zeros in a row or a column make a region from this number on: borders of one pixel do.

Of a sky that is clipped by half, 64 in succession are zero once in 1e19 places. A whole row or
column does it as well, if it is not shorter than the second number."""

SQUARE = 16
"""The side of the smallest square of zeros that is a region; noise may be correlated."""

EDGE = 4
"""Zeros within so many pixels of a region belong to it: its edge may be ragged."""

LEAST_SHARE = 1e-4
"""Fewer scattered zeros than this move a median by a ten-thousandth of the noise: they are left."""

BESIDE = 0.25
"""Standard deviations of the noise from 0 within which samples lie beside 0."""

TAIL = 0.1
"""The least number of samples beside 0 relative to the zeros.

For a Gaussian that is clipped at 0 it is 0.24 where 40 % are clipped, and rises to 1 at 0.1 %."""

GAP = 2.0
"""Standard deviations from 0 to the next value in size, at most: integers may be as coarse."""

FEW = 10
"""Fewer samples beside 0 than this tell nothing."""

DIFFERENCE = 1.627
"""The upper quartile of the size of the difference of two Gaussian samples of deviation 1."""

SAMPLED = 1 << 18
"""The approximate number of pixels that tell whether there is anything to do."""

BAND_PIXELS = 1 << 20
"""The pixels of a band in which regions are found; rows above and below it are read again."""


def zeros_bytes(channels: int, shape: tuple[int, int], threads: int) -> tuple[int, int]:
    """Upper estimates of what `with_zeros_of_sky` takes, and of what its image keeps, in bytes."""
    height, width = shape
    kept = channels * height * -(-width // 8)
    tallest = min(height, row_bands(shape, pixels=BAND_PIXELS)[0].stop + 2 * (RUN + EDGE))
    regions = 9 * threads * tallest * width
    sample = 4 * (2 * channels + 6) * min(height * width, SAMPLED)
    return 2 * kept + regions + sample, kept


def with_zeros_of_sky(image: Image, threads: int = 1) -> tuple[Image, float]:
    """An image in which the zeros of the sky count, and the share of its samples that is clipped.

    Parameters
    ----------
    image : Image, linear
    threads : int, optional

    Returns
    -------
    image : Image
        The same if it has no zeros of the sky. Otherwise they are `CLIPPED`, or `ZERO` where
        negative samples lie beside them; all other samples are as they were.
    share : float
        Clipped samples, of all that are outside of missing regions.
    """
    beside, signed = _beside_zero(image)
    if (beside < TAIL * LEAST_SHARE).all():
        return image, 0.0
    zeros = _zeros(image, threads)
    missing = _regions(zeros, image.shape[1], threads)
    inside = image.shape[0] * image.shape[1] - _count(missing)
    share = (_count(zeros) - _count(missing)) / np.maximum(inside, 1)
    count = (share >= LEAST_SHARE) & (beside >= TAIL * share)
    if not count.any():
        return image, 0.0
    missing[~count] = 0xFF
    value = np.where(signed, ZERO, CLIPPED).astype(np.float32)
    clipped = (share * inside)[count & ~signed].sum() / inside.sum()
    return _with_values(image, missing, value), float(clipped)


def _beside_zero(image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Of each channel: the share of samples beside 0, and whether as many of them are negative.

    The share is 0 where a gap lies between 0 and the sky, or there is no zero.
    """
    height, width = image.shape
    step = 8 * ceil(height * width / SAMPLED)
    bands = [image.rows(slice(top, min(top + 8, height))) for top in range(0, height, step)]
    sample = np.concatenate(bands, axis=1)
    found = [_beside_zero_of_plane(plane) for plane in sample]
    beside, signed = np.transpose(found)
    return beside, signed.astype(bool)


def _beside_zero_of_plane(plane: np.ndarray) -> tuple[float, bool]:
    if (plane != 0).all():
        return 0.0, False
    # Two columns away is a pixel of the same colour of a mosaic.
    one, other = plane[:, 2:], plane[:, :-2]
    known = np.isfinite(one) & np.isfinite(other) & ((one != 0) | (other != 0))
    if not known.any():
        return 0.0, False
    with np.errstate(over="ignore"):
        noise = np.quantile(np.abs(one[known] - other[known]), 0.75) / DIFFERENCE
    near = plane[(plane != 0) & (np.abs(plane) <= GAP * noise)]
    if not near.size:
        return 0.0, False
    size = np.abs(near)
    reach = max(BESIDE * noise, size.min())
    negative = np.count_nonzero(near[size <= reach] < 0)
    signed = bool(negative > TAIL * np.count_nonzero(size <= reach))
    # Among floats of both signs an exact zero is no number that noise makes.
    reach = size.min() if signed else reach
    number = np.count_nonzero(size <= reach)
    return number / plane.size if number >= FEW else 0.0, signed


def _zeros(image: Image, threads: int) -> np.ndarray:
    """Where the samples are 0, in bits: (K, H, ceil(W / 8)) uint8."""
    height, width = image.shape
    bits = np.empty((image.channels, height, -(-width // 8)), np.uint8)
    bands = row_bands(image.shape)
    room = (image.channels, bands[0].stop, width)

    def work(rows: slice, buffer: np.ndarray) -> None:
        bits[:, rows] = np.packbits(image.read(rows, buffer) == 0, axis=2)

    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return bits


def _regions(zeros: np.ndarray, width: int, threads: int) -> np.ndarray:
    """The zeros that belong to regions; both in bits."""
    height = zeros.shape[1]
    halo = RUN + EDGE
    sizes = [(min(SQUARE, height), min(SQUARE, width))]
    sizes += [(1, min(RUN, width))] if width >= LEAST_RUN else []
    sizes += [(min(RUN, height), 1)] if height >= LEAST_RUN else []
    regions = np.empty_like(zeros)

    def work(rows: slice, state: None) -> None:
        top = max(0, rows.start - halo)
        own = slice(rows.start - top, rows.stop - top)
        for bits, out in zip(zeros, regions, strict=True):
            zero = np.unpackbits(bits[top : rows.stop + halo], axis=1, count=width)
            region = np.zeros(zero.shape, bool)
            for size in sizes:
                region |= _opened(zero, size)
            region = _spread(region, EDGE, EDGE, (2 * EDGE + 1,) * 2) & (zero > 0)
            out[rows] = np.packbits(region[own], axis=1)

    for_each_band(row_bands((height, width), pixels=BAND_PIXELS), threads, lambda: None, work)
    return regions


def _opened(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Where a plane of 0 and 1 is 1 all over a window of a size, anywhere in that window."""
    whole = plane
    for axis, length in enumerate(size):
        whole = _window_sums(whole, length, axis) == length
    return _spread(whole, size[0] - 1, size[1] - 1, size)


def _spread(plane: np.ndarray, rows: int, columns: int, size: tuple[int, int]) -> np.ndarray:
    """Where a plane, widened by so many rows and columns on all sides, is true in a window."""
    plane = np.pad(plane, ((rows, rows), (columns, columns)))
    for axis, length in enumerate(size):
        plane = _window_sums(plane, length, axis) > 0
    return plane


def _window_sums(plane: np.ndarray, length: int, axis: int) -> np.ndarray:
    """The sums of `length` neighbours along an axis, fewer than 256, wherever there are so many."""
    rows = np.swapaxes(plane, 0, axis)
    # Sums of 8 bits wrap, and their differences are right all the same.
    sums = np.zeros((len(rows) + 1, *rows.shape[1:]), np.uint8)
    np.cumsum(rows, 0, np.uint8, sums[1:])
    difference: np.ndarray = np.swapaxes(sums[length:] - sums[:-length], 0, axis)
    return difference


def _count(bits: np.ndarray) -> np.ndarray:
    """The number of bits that are set in each channel."""
    each = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1).sum(axis=1)
    return np.array([each @ np.bincount(plane.ravel(), minlength=256) for plane in bits])


def _with_values(image: Image, missing: np.ndarray, value: np.ndarray) -> Image:
    """The image with a value for each zero that is not missing: (K,) for each channel."""

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = image.read(rows, out)
        out = out[:, : band.shape[1]]
        for plane, samples, bits, own in zip(out, band, missing[:, rows], value, strict=True):
            np.copyto(plane, samples)
            zero = plane == 0
            if bits.any():
                zero &= np.unpackbits(bits, axis=1, count=plane.shape[1]) == 0
            np.copyto(plane, own, where=zero)
        return out

    return replace(image, read=read)

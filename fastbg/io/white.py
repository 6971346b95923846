"""The white of an image: the number that becomes 1, where others than FITS files hold [0, 1].

XISF files declare it for floats, and unsigned integers have the largest number of their type. Other
files do not tell. Then their samples are asked, and how bright nearly all of them are decides: a
hot pixel, or the core of a star, has no say. Some rows of a large image decide, if they are clear.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import InputError
from ..image.weights import range_of_mask
from .image_file import ImageFile, White

OUTLIERS = 0.001
"""The part of the positive samples that has no say."""

DARKEST, UNITY, COUNTS = 2.0**-16, 2.0, 2.0**17
"""Limits for nearly all samples. Below the first they are darker than one count of 16 bits, so that
[0, 1] cannot be meant. Below the second [0, 1] is meant, and below the third counts of 16 bits.
Twice the white leaves room for what calibration lifts above it."""

LARGE, APART = 1 << 22, 17
"""An image of so many samples is asked in rows that are so far apart: an odd number, so that pixels
of all colours below a Bayer pattern are in them."""

ROWS, POSITIVE = 32, 1 / 8
"""The least number of those rows, and the least part of their samples above 0, to tell anything."""

FEW = OUTLIERS / 4
"""Up to this part of the positive samples of those rows is taken to have no say among all."""

HEADROOM = 4
"""Powers of two above nearly all samples, for the cores of stars, in units that nobody knows."""

_BIAS = 1100
"""Added to an exponent of a float64, it gives a positive number."""

_BAND = 1 << 18
"""Samples that are read at a time: they stay in the cache."""


def with_white(file: ImageFile, given: float = 0.0, guessed: float = 0.0) -> ImageFile:
    """The same file with bounds, and with how its white was found.

    Compressed samples are decompressed, if the file does not tell its white.

    Parameters
    ----------
    file : ImageFile
    given : float
        The white that the user gives; 0 if none.
    guessed : float
        What was guessed of the same file before; 0 to look at its samples.

    Raises
    ------
    InputError
        If samples cannot be read, or the white lies below the black that the file declares.
    """
    low, high = file.bounds or _range_of_type(file)
    if given:
        if given <= low:
            raise InputError(f"has its black at {low:g}, above the white of {given:g}: give more")
        return replace(file, bounds=(low, float(given)), white=White(float(given), "given"))
    if _unsigned(file):
        return replace(file, white=White(high, "type"))
    if file.bounds:
        return replace(file, white=White(high, "declared"))
    white = guessed or _guessed(file)
    # Floats without bounds are in [0, 1]; an output with the same samples then declares none.
    bounds = None if white == 1 and file.dtype.kind == "f" else (0.0, white)
    return replace(file, bounds=bounds, white=White(white, "guessed"))


def with_full_weight(mask: ImageFile, name: str = "mask") -> ImageFile:
    """The same mask with bounds: the samples of no weight and of full weight.

    Compressed samples are decompressed. The only warning of the mask is now that nothing but its
    largest sample tells what full weight is, if so: see `fastbg.image.weights.range_of_mask`. What
    its reader warned of concerns outputs in its format, and there are none. The warning calls it by
    the name.

    Raises
    ------
    InputError
        If samples cannot be read.
    """
    mask = with_white(mask)
    found = range_of_mask(mask, *(mask.bounds or _range_of_type(mask)))
    warnings = (f"the {name} {mask.path} {faint(found.high)}",) if found.guessed else ()
    return replace(mask, bounds=found.bounds, warnings=warnings)


def faint(largest: float) -> str:
    """What is said of a mask whose largest sample was taken for full weight."""
    return (
        f"has no sample above {largest:g}, far below what its type of samples can hold: that was "
        "taken for full weight"
    )


def _guessed(file: ImageFile) -> float:
    """The white of a file that does not tell it, from its samples."""
    positive, *above = _in_few_rows(file) or _sum_over_bands(file, _above_edges)
    is_below = [count <= OUTLIERS * positive for count in above]
    if not positive or is_below == [False, True, True]:
        return 1.0
    if is_below == [False, False, True]:
        return 65535.0
    darker = np.cumsum(_sum_over_bands(file, _exponents))
    exponent = int(np.argmax(darker >= (1 - OUTLIERS) * darker[-1])) - _BIAS
    # A power of two, by which to divide changes no digit of the samples.
    return math.ldexp(1.0, min(exponent + HEADROOM, 1023))


def _in_few_rows(file: ImageFile) -> list[int] | None:
    """How many samples of some rows lie above 0 and above each of the edges; None if unclear.

    Few bright samples must be very few, for these rows may have fewer than others. Many are as many
    as would be too many among all samples, if there were no others: a bad row cannot be as many.
    """
    channels, height, width = file.shape
    size, starts = channels * height * width, range(APART // 2, height, APART)
    if size < LARGE or len(starts) < ROWS:
        return None
    row = np.empty((channels, 1, width), file.dtype)
    counts = [_above_edges(file.read_rows(slice(start, start + 1), row)) for start in starts]
    positive, *above = np.sum(counts, axis=0).tolist()
    tells = positive >= POSITIVE * len(starts) * channels * width
    is_clear = all(count <= FEW * positive or count > OUTLIERS * size for count in above)
    return [positive, *above] if tells and is_clear else None


def _sum_over_bands(file: ImageFile, count: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    channels, height, width = file.shape
    step = max(1, _BAND // (channels * width))
    out = np.empty((channels, min(step, height), width), file.dtype)
    bands = (slice(start, start + step) for start in range(0, height, step))
    return np.sum([count(file.read_rows(band, out)) for band in bands], axis=0)


def _above_edges(samples: np.ndarray) -> np.ndarray:
    """How many finite samples lie above 0 and above each of the edges."""
    infinite = np.count_nonzero(samples == np.inf)
    return np.array(
        [np.count_nonzero(samples > edge) - infinite for edge in (0, DARKEST, UNITY, COUNTS)]
    )


def _exponents(samples: np.ndarray) -> np.ndarray:
    """How many positive finite samples have each exponent e, from 2 ** (e - 1) to below 2 ** e."""
    _, exponents = np.frexp(samples[(samples > 0) & (samples < np.inf)])
    return np.bincount(exponents + _BIAS, minlength=2 * _BIAS)


def _range_of_type(file: ImageFile) -> tuple[float, float]:
    return 0.0, float(np.iinfo(file.dtype).max) if _unsigned(file) else 1.0


def _unsigned(file: ImageFile) -> bool:
    return file.dtype.kind == "u"

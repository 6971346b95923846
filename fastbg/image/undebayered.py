"""Notices a Bayer mosaic whose pattern no file tells: its levels alternate from pixel to pixel."""

from __future__ import annotations

import math

import numpy as np

from .image import Image, is_valid
from .robust import MAD_TO_SIGMA, median

_MOST_STRIPS, _LEAST_STRIPS, _STRIP = 32, 8, 4
"""How many strips are read, spread over the height, and their rows."""

_PIXELS = 1 << 16
"""The pixels of all strips, about: more make the medians no surer."""

_ALTERNATION = 0.15
"""The alternation, relative to its scatter from pixel to pixel, that is taken for that of a mosaic.
Raw frames of cameras that were tried have 3 and 6, mono images below 0.02."""

_ERRORS = 10
"""The standard errors that it must have, too, where a small image tells less."""

_LEAST = 0.001
"""Less, relative to the level of the image, may be due to how its samples are rounded."""

_FEWEST = 2000
"""Pixels, fewer than which tell nothing."""


def looks_undebayered(image: Image) -> bool:
    """Whether the levels of a mono image alternate as those of a Bayer mosaic do.

    In a mosaic the greens differ from red and blue, like the fields of a chessboard, or red differs
    from blue, along rows and columns alike. Where only rows or only columns alternate, it is the
    amplifiers of the sensor that differ.

    Parameters
    ----------
    image : Image of 1 channel, linear
        Some of its rows are read.
    """
    height, width = (size // 2 * 2 for size in image.shape)
    if min(height, width) < _STRIP:
        return False
    number = min(_MOST_STRIPS, max(_LEAST_STRIPS, _PIXELS // (_STRIP * width)))
    tops = np.linspace(0, height - _STRIP, number).astype(int) // 2 * 2
    tops = tops[np.diff(tops, prepend=-1) > 0]
    strips = np.stack([image.rows(slice(top, top + _STRIP))[0, :, :width] for top in tops])
    strips = np.where(is_valid(strips), strips, np.float32(np.nan))
    along, across = _alternation(strips), _alternation(strips.swapaxes(1, 2))
    greens = _amplitude(_alternation(along.swapaxes(1, 2)))
    lesser, greater = sorted(_amplitude(_level(part.swapaxes(1, 2))) for part in (along, across))
    least = _LEAST * abs(np.nanmedian(strips)) if max(greens, lesser) else 0
    return greens > least or (lesser > least and greater < 2 * lesser)


def _level(samples: np.ndarray) -> np.ndarray:
    """The mean of each sample and its neighbours on the last axis, in which nothing alternates."""
    return (samples[..., :-2] + 2 * samples[..., 1:-1] + samples[..., 2:]) / 4


def _alternation(samples: np.ndarray) -> np.ndarray:
    """By how much even samples exceed odd ones on the last axis; 0 in a linear gradient."""
    part = (2 * samples[..., 1:-1] - samples[..., :-2] - samples[..., 2:]) / 4
    part[..., ::2] *= -1
    return part


def _amplitude(parts: np.ndarray) -> float:
    """The size of the median; 0 where it is small against the scatter, or there are few parts."""
    parts = parts[np.isfinite(parts)]
    if parts.size < _FEWEST:
        return 0.0
    middle = median(parts)
    size = abs(float(middle))
    most = size / max(_ALTERNATION, _ERRORS / math.sqrt(parts.size))
    # The scatter is less where most are nearer, which is found faster than the scatter itself.
    near = np.count_nonzero(np.abs(parts - middle) < most / MAD_TO_SIGMA)
    return size if near > parts.size / 2 else 0.0

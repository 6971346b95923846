"""The halos of saturated stars: frames differ in them if seeing or optics do, and smoothly.

A halo falls with the third power of the distance. In a single pixel, such a difference is lost in
the noise. A surface would follow it all the same, for it reaches far. So pixels count less there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..sky.neighbourhood import regions

STARS = 50
"""The largest number of stars: those with the brightest surroundings."""

LARGEST = 64
"""No saturated star covers more pixels."""

RING = 1.5, 4.0
"""A star's surroundings, in pixels from its edge."""

TOLERATED = 10 / 3
"""A pixel counts half where halos are so many times as bright as its noise: differences are some
hundredths of halos, and over the hundreds of pixels of one the noise averages out."""


def trusted(
    empty: np.ndarray, medians_at: Callable[[np.ndarray], np.ndarray], noise: float
) -> np.ndarray:
    """(h, w), float32: how much pixels count, by the halos of saturated stars.

    Parameters
    ----------
    empty : ndarray, (h, w), bool
        The pixels of which no frame has a sample: saturated stars, and where no frame reaches.
    medians_at : callable
        Gives the medians of all frames, without what is smooth, at pixels of the flat image,
        (n,) int.
    noise : float, linear
        Of a pixel.
    """
    light = np.zeros(empty.shape, np.float32)
    found = _stars(empty.tobytes(), empty.shape)
    if found:
        pixels = np.unique(np.concatenate([star.ring for star in found]))
        medians = medians_at(pixels)
        around = [
            max(float(np.median(medians[np.searchsorted(pixels, star.ring)])), 0.0)
            for star in found
        ]
        brightest = sorted(zip(around, found, strict=True), key=lambda each: -each[0])[:STARS]
        y, x = np.ogrid[: empty.shape[0], : empty.shape[1]]
        for bright, star in brightest:
            bright *= (1 + RING[1] ** 2) ** 1.5
            beyond = 1 + (y - star.row) ** 2 + (x - star.column) ** 2
            light += bright / (beyond * np.sqrt(beyond))  # a power takes ten times as long
    weight: np.ndarray = 1 / (1 + (light / max(TOLERATED * noise, 1e-30)) ** 2)
    return weight.astype(np.float32)


class _Star(NamedTuple):
    """The middle of a saturated star, and the pixels around it in the flat image."""

    row: float
    column: float
    ring: np.ndarray


@lru_cache(maxsize=8)  # those of a channel are asked for each time that it is solved
def _stars(pixels: bytes, shape: tuple[int, int]) -> list[_Star]:
    """The saturated stars among the pixels, bool, of which no frame has a sample."""
    empty = np.frombuffer(pixels, bool).reshape(shape)
    numbers = regions(empty[1:] & empty[:-1], empty[:, 1:] & empty[:, :-1])
    number, size = np.unique(numbers[empty], return_counts=True)
    far, reach = empty.shape, int(LARGEST**0.5 + RING[1]) + 1
    found = []
    for own in number[size <= LARGEST]:
        rows, columns = np.nonzero(numbers == own)
        ends = min(rows[0], columns.min()) == 0
        if ends or rows[-1] == far[0] - 1 or columns.max() == far[1] - 1:
            continue
        row, column = rows.mean(), columns.mean()
        window = tuple(slice(max(0, int(at) - reach), int(at) + reach) for at in (row, column))
        y, x = np.mgrid[: far[0], : far[1]][(slice(None), *window)]
        distance = np.hypot(y - row, x - column) - (len(rows) / np.pi) ** 0.5
        ring = (distance > RING[0]) & (distance < RING[1]) & ~empty[window]
        if ring.any():
            found.append(_Star(row, column, (y * far[1] + x)[ring]))
    return found

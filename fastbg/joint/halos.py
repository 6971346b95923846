"""The halos of saturated stars: frames differ in them if seeing or optics do, and smoothly.

In a single pixel, such a difference is lost in the noise. A surface would follow it all the same,
for it reaches far. So pixels count less there.
"""

from __future__ import annotations

import numpy as np

from ..sky.neighbourhood import regions

STARS = 50
"""The largest number of stars: those with the brightest surroundings."""

LARGEST = 64
"""No saturated star covers more pixels."""

RING = 1.5, 4.0
"""A star's surroundings, in pixels from its edge."""

FADING = 1.5
"""A halo falls with this power of the square of the distance."""

TOLERATED = 10 / 3
"""A pixel counts half where halos are so many times as bright as its noise: differences are some
hundredths of halos, and over the hundreds of pixels of one the noise averages out."""


def trusted(median: np.ndarray, noise: float) -> np.ndarray:
    """(h, w), float32: how much pixels count, by the halos of saturated stars.

    Parameters
    ----------
    median : ndarray, (h, w), float32, linear
        Of all frames, without what is smooth; NaN in saturated stars, and where no frame reaches.
    noise : float, linear
        Of a pixel.
    """
    light = np.zeros(median.shape, np.float32)
    empty = np.isnan(median)
    if empty.any():
        found = sorted(_stars(median, empty), reverse=True)[:STARS]
        y, x = np.ogrid[: median.shape[0], : median.shape[1]]
        for bright, row, column in found:
            light += bright * (1 + (y - row) ** 2 + (x - column) ** 2) ** -FADING
    weight: np.ndarray = 1 / (1 + (light / max(TOLERATED * noise, 1e-30)) ** 2)
    return weight.astype(np.float32)


def _stars(median: np.ndarray, empty: np.ndarray) -> list[tuple[float, float, float]]:
    """The light in the middle of each halo, and the place, y and x, of its star; `empty` pixels."""
    numbers = regions(empty[1:] & empty[:-1], empty[:, 1:] & empty[:, :-1])
    number, size = np.unique(numbers[empty], return_counts=True)
    far, reach = median.shape, int(LARGEST**0.5 + RING[1]) + 1
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
            around = float(np.median(median[window][ring]))
            found.append((max(around, 0.0) * (1 + RING[1] ** 2) ** FADING, row, column))
    return found

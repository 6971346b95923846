"""The level of the sky in samples, at full resolution: medians without stars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..image.image import CLIPPED, Image, is_valid
from ..image.robust import quantile
from .points import SamplePoints

CLIP = 3.0
"""Pixels so many standard deviations from the median are no sky."""

STAR, HALO = 6.0, 2
"""So many of them above it, a pixel is part of a star, whose light reaches so many pixels."""

QUARTILE = 0.6745
"""The distance between the median and a quartile of Gaussian noise, in standard deviations."""

MEDIAN_ERROR = 1.2533
"""The standard error of a median relative to that of a mean."""

ROUNDS = 12
"""The clipping ends after so many rounds at the latest."""

LEAST_SKY = 0.3
"""The share of a disc that must be left as sky."""

LEAST_PIXELS = 4
"""The number of pixels that must be left as sky."""

LEAST_FOR_SLOPE = 30
"""Fewer pixels tell no slope beside their noise."""

TALLEST = 512
"""The number of rows that are in memory at a time, about."""


STARS, MISSING = "too much of it is stars", "too many of its pixels are missing"

OUTSIDE = "it lies outside of the image"


@dataclass(frozen=True, eq=False)
class Levels:
    """The sky in samples.

    Attributes
    ----------
    value : ndarray, (n, K), linear
        The medians; NaN where there is no sky.
    error : ndarray, (n, K), linear
        Their standard errors, by the scatter of the pixels.
    sky : ndarray, (n,), in [0, 1]
        The share of the pixels of each disc that is sky, in the channel that has least.
    why : ndarray of str, (n,)
        Why a sample has no level; empty where it has one.
    """

    value: np.ndarray
    error: np.ndarray
    sky: np.ndarray
    why: np.ndarray

    def chosen(self, which: np.ndarray) -> Levels:
        """Some of them."""
        return Levels(*(each[which] for each in vars(self).values()))

    def joined(self, others: Levels) -> Levels:
        """These and others, which come last."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return Levels(*(np.concatenate(pair) for pair in pairs))


def measure(image: Image, points: SamplePoints, weight: Image | None = None) -> Levels:
    """Measure the sky in samples; only the rows in which they lie are read.

    Parameters
    ----------
    image : Image
    points : SamplePoints
        In pixels of the image.
    weight : Image, of 1 or K channels, optional
        Pixels of no weight do not count.
    """
    count, channels = len(points), image.channels
    value, error = np.full((2, count, channels), np.nan)
    sky, why = np.zeros(count), np.full(count, "", object)
    for rows, members in _groups(points, image.shape[0]):
        band = image.rows(rows)
        hidden = None if weight is None else weight.rows(rows) <= 0
        for number in members:
            disc = _disc(points, number, rows, image.shape[1])
            if disc is None:
                continue
            area, inside = disc
            pixels = np.where(inside, band[(slice(None), *area)], np.nan)
            known = is_valid(pixels) & (pixels != CLIPPED)
            if hidden is not None:
                known &= ~hidden[(slice(None), *area)]
            pixels[~known] = np.nan
            place = (
                points.y[number] - 0.5 - rows.start - area[0].start,
                points.x[number] - 0.5 - area[1].start,
            )
            found = [_level(plane, place) for plane in pixels]
            value[number], error[number], counts = (
                np.array(each) for each in zip(*found, strict=True)
            )
            sky[number] = counts.min() / (np.pi * points.radius[number] ** 2)
            sky[number] = min(sky[number], counts.min() / max(np.count_nonzero(inside), 1))
            if counts.min() < LEAST_PIXELS or sky[number] < LEAST_SKY:
                seen = np.isfinite(pixels).all(axis=0).sum() >= LEAST_SKY * inside.sum()
                why[number] = STARS if seen else MISSING
                value[number] = error[number] = np.nan
    for number in np.flatnonzero(np.isnan(value).any(axis=1)).tolist():
        why[number] = why[number] or OUTSIDE
    return Levels(value, error, sky, why)


def _groups(points: SamplePoints, height: int) -> Iterator[tuple[slice, list[int]]]:
    """Rows that are read at once, and the numbers of the samples in them."""
    tops = np.clip(np.ceil(points.y - points.radius - 0.5), 0, height).astype(int)
    bottoms = np.clip(np.floor(points.y + points.radius - 0.5) + 1, 0, height).astype(int)
    members: list[int] = []
    top = bottom = 0
    for number in np.lexsort((points.x, bottoms, tops)):
        if tops[number] >= bottoms[number]:
            continue
        apart = tops[number] > bottom or bottoms[number] - top > TALLEST
        if members and apart:
            yield slice(top, bottom), members
            members = []
        if not members:
            top = bottom = tops[number]
        members.append(number)
        bottom = max(bottom, bottoms[number])
    if members:
        yield slice(top, bottom), members


def _disc(
    points: SamplePoints, number: int, rows: slice, width: int
) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """Where the box of a disc lies in a band, and which of its pixels are in the disc."""
    x, y, radius = points.x[number] - 0.5, points.y[number] - 0.5, points.radius[number]
    left, right = max(0, int(np.ceil(x - radius))), min(width, int(np.floor(x + radius)) + 1)
    top = max(rows.start, int(np.ceil(y - radius)))
    bottom = min(rows.stop, int(np.floor(y + radius)) + 1)
    if left >= right or top >= bottom:
        return None
    dy, dx = np.arange(top, bottom) - y, np.arange(left, right) - x
    inside = np.add.outer(dy * dy, dx * dx) <= radius * radius
    return (slice(top - rows.start, bottom - rows.start), slice(left, right)), inside


def _level(plane: np.ndarray, place: tuple[float, float]) -> tuple[float, float, int]:
    """The level of the sky at a place, its standard error, and the number of pixels that tell it.

    The median of the pixels without their slope. The scatter is that below it, where there are no
    stars.

    Parameters
    ----------
    plane : ndarray, (h, w); NaN = no pixel of the sample
    place : (float, float)
        Row and column of the centre of the sample, in pixels of the plane.
    """
    rows, columns = np.nonzero(np.isfinite(plane))
    values = plane[rows, columns].astype(np.float64)
    offsets = np.column_stack([rows - place[0], columns - place[1]])
    if not values.size:
        return np.nan, np.nan, 0
    kept, slope = np.ones(len(values), bool), np.zeros(2)
    for number in range(ROUNDS):
        flat = values - offsets @ slope
        ordered = np.sort(flat[kept])[np.newaxis]
        middle = float(quantile(ordered, 0.5)[0])
        sigma = (middle - float(quantile(ordered, 0.25)[0])) / QUARTILE
        off = flat - middle
        star = np.zeros(plane.shape, bool)
        star[rows, columns] = off > STAR * sigma
        left = (np.abs(off) <= CLIP * sigma) & ~_grown(star)[rows, columns]
        same = number > 0 and np.array_equal(left, kept)
        if same or np.count_nonzero(left) < LEAST_PIXELS:
            break
        kept, slope = left, _slope(values[left], offsets[left])
        if np.ptp(offsets[left] @ slope) < sigma:
            slope[:] = 0  # so that equal values stay equal: they are grouped
    count = int(np.count_nonzero(kept))
    return middle, MEDIAN_ERROR * sigma / count**0.5, count


def _slope(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(2,): of the plane through values, (n,), at offsets, (n, 2); 0 where these tell none."""
    centred = offsets - offsets.mean(axis=0)
    square = centred.T @ centred
    if len(values) < LEAST_FOR_SLOPE or np.linalg.det(square) <= 1e-6 * np.trace(square) ** 2:
        return np.zeros(2)
    slope: np.ndarray = np.linalg.solve(square, centred.T @ (values - values.mean()))
    return slope


def _grown(mask: np.ndarray) -> np.ndarray:
    """Pixels within `HALO` of those, along rows and columns, that have a neighbour among them: a
    single one is a hot pixel."""
    padded = np.pad(mask, 1)
    h, w = mask.shape
    around = sum(padded[i : i + h, j : j + w].astype(np.uint8) for i in range(3) for j in range(3))
    grown = mask & (around > 1)
    for axis in (0, 1):
        for _ in range(HALO):
            moved = grown.copy()
            one = [slice(None)] * 2
            other = [slice(None)] * 2
            one[axis], other[axis] = slice(1, None), slice(None, -1)
            moved[tuple(one)] |= grown[tuple(other)]
            moved[tuple(other)] |= grown[tuple(one)]
            grown = moved
    return mask | grown

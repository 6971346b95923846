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

BAND = 64
"""The number of rows of the image that are in memory at a time."""

TALLEST = 512
"""The number of rows of the samples whose pixels are in memory at a time, about."""


STARS, MISSING = "too much of it is stars", "too many of its pixels are missing"

OUTSIDE, SMALL = "it lies outside of the image", "it has too few pixels; enlarge it"


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
    for members in _groups(points, image.shape[0]):
        for number, box in zip(members, _boxes(image, weight, points, members), strict=True):
            found = [_level(plane, box.place) for plane in box.pixels]
            value[number], error[number], counts = (
                np.array(each) for each in zip(*found, strict=True)
            )
            size = max(np.pi * points.radius[number] ** 2, 1)
            sky[number] = min(counts.min() / size, 1)
            if not box.pixels.size:
                continue
            if counts.min() < LEAST_PIXELS or sky[number] < LEAST_SKY:
                known = np.count_nonzero(np.isfinite(box.pixels).all(axis=0))
                why[number] = STARS if known >= max(LEAST_SKY * size, LEAST_PIXELS) else MISSING
                value[number] = error[number] = np.nan
    places = np.stack([points.y, points.x], axis=1)
    within = ((places >= 0) & (places <= image.shape)).all(axis=1)
    small = within & (np.pi * points.radius**2 < LEAST_PIXELS)
    for number in np.flatnonzero(np.isnan(value).any(axis=1)).tolist():
        why[number] = SMALL if small[number] else why[number] or OUTSIDE
    return Levels(value, error, sky, why)


@dataclass(frozen=True, eq=False)
class _Box:
    """The pixels of a disc, in the box around it.

    Attributes
    ----------
    pixels : ndarray, (K, h, w), float32, linear; NaN = missing, or outside of the disc
    top, left : int
        The row and the column of the first one in the image.
    place : (float, float)
        The row and the column of the centre, in pixels of the box.
    """

    pixels: np.ndarray
    top: int
    left: int
    place: tuple[float, float]

    @classmethod
    def around(cls, points: SamplePoints, number: int, image: Image) -> _Box:
        """The box of a disc, without pixels yet."""
        (top, bottom), (left, right) = (
            _reach(at[number], points.radius[number], size)
            for at, size in zip((points.y, points.x), image.shape, strict=True)
        )
        shape = image.channels, max(bottom - top, 0), max(right - left, 0)
        place = float(points.y[number] - 0.5 - top), float(points.x[number] - 0.5 - left)
        return cls(np.full(shape, np.nan, np.float32), top, left, place)

    def take(self, band: np.ndarray, top: int, radius: float) -> None:
        """Take pixels of the disc from a band, (K, n, W), that begins at a row."""
        height, width = self.pixels.shape[1:]
        rows = slice(max(self.top, top), min(self.top + height, top + band.shape[1]))
        if rows.start >= rows.stop:
            return
        dy = np.arange(rows.start, rows.stop) - self.top - self.place[0]
        dx = np.arange(width) - self.place[1]
        inside = np.add.outer(dy * dy, dx * dx) <= radius * radius
        part = band[:, rows.start - top : rows.stop - top, self.left : self.left + width]
        own = self.pixels[:, rows.start - self.top : rows.stop - self.top]
        np.copyto(own, part, where=inside & is_valid(part) & (part != CLIPPED))


def _boxes(
    image: Image, weight: Image | None, points: SamplePoints, members: list[int]
) -> list[_Box]:
    """The pixels of some samples, which are read in bands."""
    boxes = [_Box.around(points, number, image) for number in members]
    top = min(box.top for box in boxes)
    bottom = max(box.top + box.pixels.shape[1] for box in boxes)
    for start in range(top, bottom, BAND):
        rows = slice(start, min(start + BAND, bottom))
        band = image.rows(rows)
        if weight is not None:
            band = np.where(weight.rows(rows) > 0, band, np.float32(np.nan))
        for number, box in zip(members, boxes, strict=True):
            box.take(band, start, points.radius[number])
    return boxes


def _groups(points: SamplePoints, height: int) -> Iterator[list[int]]:
    """The numbers of the samples that share rows, which are read once; not too many at a time."""
    reach = zip(points.y, points.radius, strict=True)
    rows = np.array([_reach(y, radius, height) for y, radius in reach]).reshape(-1, 2)
    members: list[int] = []
    top = bottom = 0
    for number in np.lexsort((points.x, rows[:, 1], rows[:, 0])).tolist():
        first, last = rows[number]
        if first >= last:
            continue
        if members and (first > bottom or last - top > TALLEST):
            yield members
            members = []
        if not members:
            top = bottom = first
        members.append(number)
        bottom = max(bottom, last)
    if members:
        yield members


def _reach(at: float, radius: float, size: int) -> tuple[int, int]:
    """The first pixel of a disc along an axis, and the one behind its last; none if not before."""
    low, high = at - 0.5 - radius, at - 0.5 + radius
    return max(0, int(np.ceil(low))), min(size, int(np.floor(high)) + 1)


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

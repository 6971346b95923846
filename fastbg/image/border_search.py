"""Finds the border of an image: see `fastbg.image.border`.

Overscan and dark borders end at a line along a whole side of the frame. Behind it the level is
another one and the same all along, there are no stars, and the noise is that of reading alone. A
horizon, a nebula and the seam of a mosaic lack one of these. What a header tells is checked, too,
for many programs keep it when they cut an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .bands import row_bands
from .border import Border, Box
from .filled_border import PAIR_TO_SIGMA, fill_of, mean_plane
from .image import Image
from .robust import medians

PAIRS = 32
"""Pairs of neighbouring lines across an edge that are read: 64 values for each median."""

DEEPEST = 6
"""A border is less than one part in so many of the height or width: horizons lie deeper."""

THINNEST, SMALLEST = 3, 48
"""Fewer lines of pixels than the first are left: they hardly move a model. The second is the least
height and width of an image that is searched."""

SOFT = 3
"""The width of an edge, in pixels, at most: registration interpolates."""

QUIETER = 0.8
"""The noise in a border, at most, relative to that beside it: 0.15 to 0.75 in real frames."""

STEP = 2.0
"""The least step of level at the edge of a border, in standard deviations of the sky's noise."""

TOLD_STEP = 0.3
"""The same where a header tells the edge."""

BESIDE = 16
"""Lines of pixels on each side of an edge that a header tells, which are compared."""

SEGMENTS = 8
"""A straight edge is one in each of so many parts of its length."""

STRAIGHT, EVEN = 0.4, 0.25
"""The least step of a part, and the largest scatter of a border along its edge, both relative to
the step of the whole."""

STARS = 0.01
"""The share of pixels far above the border's level from which on they are stars."""

Lines = Callable[[int, int], np.ndarray]
"""Gives the lines of pixels along a side, as `_strip` does, from one to before another one."""


@dataclass(frozen=True, eq=False)
class _Strip:
    """Lines of pixels along a side, from the outside to the inside: see `_strip`.

    Attributes
    ----------
    values : ndarray, (D, n)
        D lines; the values of each come in pairs of neighbours. NaN = missing.
    level, noise : ndarray, (D,)
        The median and the standard deviation of each line.
    """

    values: np.ndarray
    level: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> _Strip:
        pairs = np.abs(values[:, 1::2] - values[:, ::2])
        return cls(values, _medians(values), PAIR_TO_SIGMA * _medians(pairs))


def border_of(samples: Image, image: Image, told: Sequence[Box], names: Sequence[str]) -> Border:
    """The border of an image.

    Parameters
    ----------
    samples : Image
        As it is stored.
    image : Image
        The same by colour, which is half as large, if it is a mosaic.
    told : sequence of Box
        What a header tells of the samples. All of these are taken that look different from what is
        beside them.
    names : sequence of str
        The keywords of that header.
    """
    factor = 1 if image is samples else 2
    own = [box for box in told if _differs(image, _smaller(box, factor, image.shape), told, factor)]
    if own:
        return Border(tuple(own), tuple(names))
    fill, filled = fill_of(samples)
    if fill is not None:
        image = Border(fill=fill).out_of(image) if image is samples else image
    found = tuple(_larger(box, factor, image.shape, samples.shape) for box in _found(image))
    return Border(found, (), fill, filled)


def _larger(box: Box, factor: int, small: tuple[int, int], large: tuple[int, int]) -> Box:
    """The same part of the samples, with the last row and column of an odd size."""
    top, bottom, left, right = (factor * side for side in box)
    bottom = large[0] if box.bottom == small[0] else bottom
    return Box(top, bottom, left, large[1] if box.right == small[1] else right)


def _smaller(box: Box, factor: int, shape: tuple[int, int]) -> Box:
    top, bottom, left, right = (side // factor for side in box)
    return Box(top, min(bottom, shape[0]), left, min(right, shape[1]))


def _differs(image: Image, box: Box, told: Sequence[Box], factor: int) -> bool:
    """Whether what is in a box looks different from what is beside it."""
    height, width = image.shape
    tall = box.right - box.left < width and (
        box.bottom - box.top == height or box.bottom - box.top >= box.right - box.left
    )
    low, high, size = (box.left, box.right, width) if tall else (box.top, box.bottom, height)
    depth = min(BESIDE, high - low)
    others = [(b.left, b.right) if tall else (b.top, b.bottom) for b in told]
    free = [
        (low - max((b // factor for _, b in others if b // factor <= low), default=0), -1),
        (min((a // factor for a, _ in others if a // factor >= high), default=size) - high, 1),
    ]
    room, way = max(free)
    if room < 2 or depth < 1:
        return True
    beside = min(BESIDE, room // 2)
    start, stop = (low - 2 * beside, low + depth) if way < 0 else (high - depth, high + 2 * beside)
    part = Box(box.top, box.bottom, start, stop) if tall else Box(start, stop, box.left, box.right)
    strip = _strip(image, part, tall)
    values = strip if way > 0 else strip[::-1]
    inside, near, far = np.split(values, [depth, depth + beside])
    return _is_another(*map(_Strip.of, (inside, near, far)))


def _is_another(inside: _Strip, near: _Strip, far: _Strip) -> bool:
    level = [_median(each.values) for each in (inside, near, far)]
    own, noise = _median(inside.noise), _median(near.noise)
    if not np.isfinite([*level, own, noise]).all():
        return True  # the box or all beside it is missing
    step, slope = abs(level[0] - level[1]), abs(level[1] - level[2])
    return bool(step > 3 * slope + TOLD_STEP * noise or own < QUIETER * noise)


def _found(image: Image) -> list[Box]:
    """The borders along the sides of an image, which do not overlap."""
    height, width = image.shape
    top = bottom = left = right = 0
    # The border of one side is no part of the edge of another one.
    for _ in range(2 if min(height, width) >= SMALLEST else 0):
        left, right = _columns(image, slice(top, height - bottom))
        before, (top, bottom) = (top, bottom), _rows(image, slice(left, width - right))
        if before == (top, bottom):
            break
    boxes = [
        Box(0, top, 0, width),
        Box(height - bottom, height, 0, width),
        Box(top, height - bottom, 0, left),
        Box(top, height - bottom, width - right, width),
    ]
    return [each for each in boxes if each.pixels]


def _columns(image: Image, rows: slice) -> tuple[int, int]:
    """How many columns of border there are on the left and on the right."""
    pairs, width = _pairs_of_rows(image, rows), image.shape[1]

    def lines(first: int, last: int) -> np.ndarray:
        return mean_plane(pairs[:, :, first:last]).T

    return _depth(lines, width), _depth(_from_behind(lines, width), width)


def _rows(image: Image, columns: slice) -> tuple[int, int]:
    """How many rows of border there are at the top and at the bottom."""
    height = image.shape[0]

    def lines(first: int, last: int) -> np.ndarray:
        return _strip(image, Box(first, last, columns.start, columns.stop), tall=False)

    return _depth(lines, height), _depth(_from_behind(lines, height), height)


def _from_behind(lines: Lines, size: int) -> Lines:
    """The lines counted from the last one."""
    return lambda first, last: lines(size - last, size - first)[::-1]


def _depth(lines: Lines, size: int) -> int:
    """The number of lines of a border at a side.

    Parameters
    ----------
    lines : callable
        From the outside to the inside.
    size : int
        How many there are.
    """
    deep = size // DEEPEST
    # Few lines tell whether the others are worth looking at.
    few = np.concatenate([lines(0, THINNEST), lines(deep - THINNEST, deep)])
    if not _may_be_border(_Strip.of(few)):
        return 0
    strip = _Strip.of(lines(0, deep))
    noise = _median(strip.noise[-(deep // 4) :])
    step = np.abs(strip.level[SOFT:] - strip.level[:-SOFT])
    for peak in np.argsort(-np.nan_to_num(step)):
        if not step[peak] > STEP * noise:
            break
        edge = int(peak) + 1 + int(np.argmax(np.abs(np.diff(strip.level[peak : peak + SOFT + 1]))))
        if _is_edge(strip, edge, noise):
            return edge
    return 0


def _may_be_border(strip: _Strip) -> bool:
    """Whether the outermost lines are quieter than the innermost ones, and of another level."""
    outer, inner = slice(THINNEST), slice(-THINNEST, None)
    noise = medians(strip.noise[inner])
    off = np.abs(strip.level[outer] - medians(strip.level[inner])).max()
    return bool(medians(strip.noise[outer]) < QUIETER * noise and off > STEP * noise)


def _is_edge(strip: _Strip, edge: int, noise: float) -> bool:
    """Whether all lines outside of an edge are a border."""
    if not THINNEST <= edge < len(strip.level) - 2 * SOFT:
        return False
    outer, beside = slice(0, max(edge - 1, 1)), slice(edge + 1, edge + 1 + BESIDE)
    own = medians(strip.noise[outer])
    if not own < QUIETER * medians(strip.noise[beside]):
        return False
    off = strip.level[outer] - medians(strip.level[edge + 1 : edge + 5])
    if np.mean(np.abs(off) > STEP * noise) < 0.9:
        return False
    last = slice(max(edge - 4, 0), max(edge - 1, 1))
    inside, outside = (
        np.array([_median(part) for part in np.array_split(values, SEGMENTS, axis=1)])
        for values in (strip.values[edge + 1 : edge + 4], strip.values[last])
    )
    steps = inside - outside
    middle = medians(steps)
    low, high = np.percentile(outside, [10, 90])
    # What a bright column trails into the overscan lies across all lines, as stars do not.
    above = strip.values[outer] - strip.level[outer, np.newaxis]
    above -= _medians(above.T)
    stars = medians(np.mean(above > 6 * max(own, noise / 10), axis=1))
    return bool(
        (steps * np.sign(middle) > STRAIGHT * abs(middle)).all()
        and high - low < EVEN * abs(middle)
        and stars < STARS
    )


def _strip(image: Image, box: Box, tall: bool) -> np.ndarray:
    """(D, n): lines of pixels along an edge, the mean over the channels; NaN = missing.

    Of a `tall` box the lines are its columns, from left to right, otherwise its rows. Each has
    `PAIRS` pairs of neighbouring pixels.
    """
    if tall:
        return mean_plane(_pairs_of_rows(image, box.rows)[:, :, box.columns]).T
    columns = _pairs(box.columns)
    # The strip of a large image may have a hundred million pixels, of which few are looked at.
    bands = row_bands((box.bottom - box.top, image.shape[1]))
    rows = (slice(box.top + band.start, box.top + band.stop) for band in bands)
    return np.concatenate([mean_plane(image.rows(each)[:, :, columns]) for each in rows])


def _pairs_of_rows(image: Image, rows: slice) -> np.ndarray:
    """(K, n, W): some pairs of neighbouring rows."""
    count = min(2, rows.stop - rows.start)
    pairs = [image.rows(slice(at, at + count)) for at in _pairs(rows)[::2]]
    return np.concatenate([np.repeat(each, 2 // count, axis=1) for each in pairs], axis=1)


def _pairs(part: slice) -> np.ndarray:
    """The places of `PAIRS` pairs of neighbours, evenly spread."""
    firsts = np.linspace(part.start, max(part.stop - 2, part.start), PAIRS).astype(int)
    return np.stack([firsts, np.minimum(firsts + 1, part.stop - 1)], axis=1).ravel()


def _median(values: np.ndarray) -> float:
    """The median of all values, as `_medians`."""
    return float(_medians(values.reshape(1, -1))[0])


def _medians(values: np.ndarray) -> np.ndarray:
    """The medians of rows without NaN; NaN for rows of which more than half are missing."""
    missing = np.isnan(values)
    if not missing.any():
        return medians(values, axis=1)
    enough = 2 * np.count_nonzero(missing, axis=1) <= values.shape[1]
    found = np.full(len(values), np.nan)
    if enough.any():
        found[enough] = np.nanmedian(values[enough], axis=1)
    return found

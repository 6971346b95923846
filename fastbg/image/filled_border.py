"""The value with which stacking has filled a border, also a rotated one."""

from __future__ import annotations

import numpy as np

from .image import Image, is_valid
from .robust import medians

CORNER, RUN = 8, 16
"""The side of a square in a corner of one value, and the pixels of that value in a row, that
stacking has filled."""

ROWS = 64
"""Rows that are read, evenly spread."""

STEP, LEAST_ENDS = 2.0, 8
"""The least step where a run ends, in standard deviations of the noise, and how many ends tell."""

PAIR_TO_SIGMA = 1.0483
"""The standard deviation of noise relative to the median difference of two samples."""


def fill_of(image: Image) -> tuple[tuple[float, ...] | None, float]:
    """The value with which stacking has filled a rotated border, and the share that has it."""
    height, width = image.shape
    if min(height, width) < 4 * RUN:
        return None, 0.0
    sides = [image.rows(slice(top, top + CORNER)) for top in (0, height - CORNER)]
    corners = [rows[:, :, part] for rows in sides for part in (slice(CORNER), slice(-CORNER, None))]
    values = {
        tuple(map(float, corner[:, 0, 0]))
        for corner in corners
        if (corner == corner[:, :1, :1]).all() and is_valid(corner).all()
    }
    if not values:
        return None, 0.0
    tops = np.linspace(0, height - 2, ROWS).astype(int)
    sample = np.concatenate([image.rows(slice(top, top + 1)) for top in tops], axis=1)
    for value in values:
        same = (sample == np.reshape(value, (-1, 1, 1))).all(axis=0)
        if _is_filled(sample, same, value):
            return value, float(same.mean())
    return None, 0.0


def _is_filled(sample: np.ndarray, same: np.ndarray, value: tuple[float, ...]) -> bool:
    """Whether pixels of one value are in long runs, which end with a step."""
    others, level = np.where(same, np.nan, mean_plane(sample)), float(np.mean(value))
    steps = np.abs(np.diff(others, axis=1))
    steps = steps[np.isfinite(steps)]
    if not steps.size or level >= np.nanmax(others):
        return False
    noise = PAIR_TO_SIGMA * float(medians(steps))
    ends, long = [], 0
    for row, marks in zip(others, same, strict=True):
        edges = np.flatnonzero(np.diff(np.r_[False, marks, False]))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            if last - first >= RUN:
                long += last - first
                ends += [row[at] for at in (first - 4, last + 3) if 0 <= at < len(row)]
    off = np.abs(np.array(ends) - level)
    off = off[np.isfinite(off)]
    return bool(
        noise > 0
        and long > 0.8 * np.count_nonzero(same)
        and len(off) >= LEAST_ENDS
        and np.mean(off > STEP * noise) > 0.8
    )


def mean_plane(band: np.ndarray) -> np.ndarray:
    """(n, W): the mean of (K, n, W) over the channels; NaN where one is missing."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = band.mean(axis=0)
    return np.where(is_valid(band).all(axis=0) & np.isfinite(mean), mean, np.nan)

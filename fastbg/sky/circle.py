"""The circle in which a frame shows a sky, as a fisheye does."""

from __future__ import annotations

import numpy as np

from .neighbourhood import largest_region

LEAST_OUTLINE = 3
"""The fewest cells along the horizon in each quarter around its middle."""

ROUND = 0.03
"""The outline of the sky is a circle where the median of its distances from one is at most this
part of the radius: trees stand there."""

FILLED, EMPTY, LEAST_EMPTY = 0.9, 0.4, 0.015
"""The shares of the cells that can be used: at least inside of the circle, and at most outside; and
the least share of the frame that is outside."""


def circle_around(seen: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The circle that surrounds a sky; None where what is seen of it has no such outline.

    Parameters
    ----------
    seen : ndarray, (rows, columns), bool
        The cells of a mesh in which a sky may be.
    points : ndarray, (rows * columns, 2), normalised (y, x)

    Returns
    -------
    (ndarray (2,), float) or None
        Its middle, (y, x), and its radius, in cells, which are square.
    """
    shape = seen.shape
    # The last row and column of cells are often too small to be used.
    last = seen[-1], seen[:, -1]
    rows, columns = (n - (not side.any()) for n, side in zip(shape, last, strict=True))
    seen = seen[:rows, :columns]
    if seen.all() or not seen.any():
        return None
    beyond = ~seen
    sky = largest_region(seen)
    outline = np.zeros_like(sky)
    for axis in (0, 1):
        here, there, border = (np.moveaxis(each, axis, 0) for each in (sky, beyond, outline))
        border[1:] |= here[1:] & there[:-1]
        border[:-1] |= here[:-1] & there[1:]
    places = (points * shape).reshape(*shape, 2)[:rows, :columns]
    on_it = places[outline]
    for _ in range(3):  # what is off the circle, such as an object that is left out, does not count
        if len(on_it) < 4 * LEAST_OUTLINE:
            return None
        # The algebraic circle (I. Kasa, 1976): |p|^2 = 2 middle p + radius^2 - |middle|^2.
        system = np.column_stack([2 * on_it, np.ones(len(on_it))])
        *middle, rest = np.linalg.lstsq(system, (on_it**2).sum(axis=1), rcond=None)[0]
        radius = float(np.sqrt(rest + np.dot(middle, middle)))
        off = np.abs(np.hypot(*(on_it - middle).T) - radius)
        kept = on_it[off <= 3 * max(np.median(off), 0.5)]
        if len(kept) == len(on_it):
            break
        on_it = kept
    away = on_it - middle
    quarters = np.bincount(2 * (away[:, 0] > 0) + (away[:, 1] > 0), minlength=4)
    within = np.hypot(*np.moveaxis(places - middle, -1, 0)) < radius
    if (
        np.median(off) > ROUND * radius
        or quarters.min() < LEAST_OUTLINE
        or within.mean() > 1 - LEAST_EMPTY
        or seen[within].mean() < FILLED
        or seen[~within].mean() > EMPTY
    ):
        return None
    return np.array(middle), radius

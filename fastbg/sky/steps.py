"""The steps of the sky at the seams of a mosaic, and the panels without them.

Objects lie across a seam without a step, so what steps there is the sky. A polynomial for each
panel takes the steps in level and in slope away; the frame is then as smooth as any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..image.robust import medians
from ..spline.panels import Box, Seam, boxes, within

PLACES = 256
"""The most places along a seam at which the blocks on both sides are compared."""

GROUP = 8
"""The median of the steps at so many of them counts: a star is at few."""

REACH, FAR_REACH = 6, 14
"""The blocks on each side to which lines are fitted, for a step in level and for one in slope."""

SLOPES = 0.01
"""The weight of a step in slope, over the length of the frame, against one in level."""

RIDGE = (1e-4, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2, 0.1, 0.1, 0.1, 0.1)
"""The weight of the square of each coefficient of a polynomial: what no seam shows is 0."""

ITERATIONS, TOLERANCE = 10, 2.0
"""Steps further off than so many robust standard deviations lose weight, in so many rounds."""


@dataclass(frozen=True, eq=False)
class Step:
    """The sky beyond a seam minus that before it, at one place of the seam.

    Attributes
    ----------
    panels : (int, int)
        The panel before the seam and the one beyond.
    point : ndarray, (2,), normalised (y, x)
    axis : int
        The axis across the seam.
    level, slope : ndarray, (K,)
        The steps in level and in slope along that axis, per length of the frame; a slope is NaN
        where it is not known.
    """

    panels: tuple[int, int]
    point: np.ndarray
    axis: int
    level: np.ndarray
    slope: np.ndarray


def steps_at_seams(
    linear: np.ndarray, y: np.ndarray, x: np.ndarray, panel: np.ndarray, seams: Sequence[Seam]
) -> list[Step]:
    """Steps at places along all seams.

    Parameters
    ----------
    linear : ndarray, (h, w, K), linear; what is not finite is unknown
    y, x : ndarray, (h,) and (w,), normalised
    panel : ndarray, (h, w), int
        The number of the panel of each block, -1 where a seam crosses it.
    seams : sequence of Seam
    """
    found: list[Step] = []
    for number, seam in enumerate(seams):
        at = (y, x)[seam.axis]
        size = (at[-1] - at[0]) / (len(at) - 1)
        before, beyond, points, values = _beside(linear, y, x, panel, seam, size)
        distance = (np.arange(FAR_REACH) + 0.5) * size + seam.width / 2 + size / 2
        levels, slopes = _line_taps(distance[:REACH])[0], _line_taps(distance)[1]
        level = np.einsum("j,pjk->pk", levels, values[1, :, :REACH] - values[0, :, :REACH])
        slope = np.einsum("j,pjk->pk", slopes, values[1] + values[0])
        for pair in _pairs(seams, number):
            own = np.flatnonzero((before == pair[0]) & (beyond == pair[1]))
            own = own[np.isfinite(level[own]).all(axis=1)]
            for group in np.array_split(own, max(1, len(own) // GROUP)):
                if len(group) >= GROUP // 2:
                    middle = (medians(each[group], axis=0) for each in (points, level, slope))
                    point, *steps = middle
                    found.append(Step(pair, point, seam.axis, *steps))
    return found


def levelled(
    linear: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    panel: np.ndarray,
    seams: Sequence[Seam],
    steps: Sequence[Step],
) -> np.ndarray:
    """(h, w, K): the image without the steps; blocks that a seam crosses stay as they are."""
    flat = linear.copy()
    every = boxes(seams)
    for number, (box, coefficients) in enumerate(zip(every, _offsets(every, steps), strict=True)):
        rows, columns = np.nonzero(panel == number)
        own = _polynomials(*within(box, y[rows], x[columns])) @ coefficients
        flat[rows, columns] -= own.astype(flat.dtype)
    return flat


def _offsets(every: Sequence[Box], steps: Sequence[Step]) -> np.ndarray:
    """(n, 10, K): the polynomials whose steps at the seams are those of the sky."""
    count, terms = len(every), len(RIDGE)
    terms_of = np.zeros((2, len(steps), count, terms))
    for row, step in enumerate(steps):
        for number, sign in zip(step.panels, (-1, 1), strict=True):
            box = every[number]
            place = within(box, *step.point)
            size = box[2 * step.axis + 1] - box[2 * step.axis]
            terms_of[0, row, number] = sign * _polynomials(*place)
            terms_of[1, row, number] = sign * _slopes(*place, step.axis) / size
    matrix = terms_of.reshape(2, len(steps), count * terms)
    data = np.stack([[step.level for step in steps], [step.slope for step in steps]])
    ridge = np.diag(np.tile(RIDGE, count) * len(steps) / count)
    found = [_robust(matrix, data[..., channel], ridge) for channel in range(data.shape[2])]
    return np.stack(found, axis=1).reshape(count, terms, -1)


def _robust(matrix: np.ndarray, data: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """The solution of two kinds of equations, (2, n, m), by least squares with a Cauchy loss."""
    known = np.isfinite(data)
    data = np.where(known, data, 0)
    kinds = np.where(known, np.array([[1.0], [SLOPES]]), 0)
    weight = kinds
    solution = np.zeros(matrix.shape[2])
    for _ in range(ITERATIONS):
        normal = np.einsum("kni,kn,knj->ij", matrix, weight, matrix, optimize=True) + ridge
        right = np.einsum("kni,kn->i", matrix, weight * data)
        solution = np.linalg.solve(normal, right)
        off = np.abs(matrix @ solution - data)
        spread = [
            1.4826 * medians(each[own]) if own.any() else 1
            for each, own in zip(off, known, strict=True)
        ]
        tolerance = TOLERANCE * np.array(spread)[:, np.newaxis] + np.finfo(np.float32).tiny
        weight = kinds / (1 + (off / tolerance) ** 2)
    return solution


def _polynomials(y: np.ndarray | float, x: np.ndarray | float) -> np.ndarray:
    """(..., 10): the terms up to degree 3 around the middle of a panel."""
    v, u = np.asarray(y) - 0.5, np.asarray(x) - 0.5
    terms = (v**0, v, u, v * v, v * u, u * u, v**3, v * v * u, v * u * u, u**3)
    return np.stack(np.broadcast_arrays(*terms), axis=-1)


def _slopes(y: np.ndarray, x: np.ndarray, axis: int) -> np.ndarray:
    """(10,): the derivatives of the terms along an axis."""
    v, u = y - 0.5, x - 0.5
    if axis == 0:
        return np.array([0, 1, 0, 2 * v, u, 0, 3 * v * v, 2 * v * u, u * u, 0])
    return np.array([0, 0, 1, 0, v, 2 * u, 0, v * v, 2 * v * u, 3 * u * u])


def _line_taps(distance: np.ndarray) -> np.ndarray:
    """(2, n): what gives the level at 0 and the slope of the line through values at distances."""
    return np.linalg.pinv(np.stack([np.ones(len(distance)), distance], axis=1))


def _pairs(seams: Sequence[Seam], number: int) -> Iterator[tuple[int, int]]:
    """The panels before and beyond a seam, after all seams that divide them further."""
    sides = {seams[number].panel}, {number + 1}
    for later, seam in enumerate(seams[number + 1 :], start=number + 2):
        for side in sides:
            if seam.panel in side:
                side.add(later)
    return ((before, beyond) for before in sorted(sides[0]) for beyond in sorted(sides[1]))


def _beside(
    linear: np.ndarray, y: np.ndarray, x: np.ndarray, panel: np.ndarray, seam: Seam, size: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The blocks at both sides of a seam, from the seam outward.

    Returns
    -------
    before, beyond : ndarray, (places,), int
        The panels there; -1 where the nearest blocks are in more than one.
    points : ndarray, (places, 2), normalised
    values : ndarray, (2, places, FAR_REACH, K), float64
        NaN where a block is unknown or in another panel.
    """
    across, along = (y, x) if seam.axis == 0 else (x, y)
    places = np.unique(np.linspace(0, len(along) - 1, PLACES).astype(int))
    line = seam.first + (seam.last - seam.first) * along[places]
    points = np.stack([line, along[places]], axis=1)
    panels, values = [], []
    for side in (-1, 1):
        nearest = (line - across[0] + side * (seam.width / 2 + size / 2)) / size
        start = np.ceil(nearest) if side > 0 else np.floor(nearest)
        blocks = start[:, np.newaxis].astype(int) + side * np.arange(FAR_REACH)
        inside = (blocks >= 0) & (blocks < len(across))
        at = np.clip(blocks, 0, len(across) - 1), np.broadcast_to(places[:, None], blocks.shape)
        rows, columns = at if seam.axis == 0 else at[::-1]
        of = np.where(inside, panel[rows, columns], -1)
        own = of == of[:, :1]
        panels.append(np.where(own[:, :REACH].all(axis=1), of[:, 0], -1))
        known = np.where(own[..., np.newaxis], linear[rows, columns].astype(np.float64), np.nan)
        values.append(np.where(np.isfinite(known), known, np.nan))
    return panels[0], panels[1], points if seam.axis == 0 else points[:, ::-1], np.stack(values)

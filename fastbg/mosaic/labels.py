"""A merged mosaic whose panels a label image names: its panels, and the steps where they meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..errors import InputError
from ..image.robust import MAD_TO_SIGMA
from ..spline.panels import Box, within
from .cells import Panel
from .differences import Difference

REACH = 3
"""Pixels of the small copy on each side of a border to which a parabola with a step in
it is fitted."""

LEAST_BESIDE = 10
"""The least number of them on either side that make a step known."""

ROUGH = 10.0
"""Where a parabola leaves so much, a step counts as if the light were so many times as steep."""

SPACING = 2
"""The distance between places along a border at which steps are measured."""

ITERATIONS, TOLERANCE = 5, 2.0
"""Pixels further off than so many robust standard deviations lose weight, in so many rounds."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A small copy of a merged mosaic.

    Attributes
    ----------
    values : ndarray, (h, w, K), linear
        What is not finite is unknown.
    weight : ndarray, (h, w), in [0, 1]
    known, objects : ndarray, (h, w), or None
        See `Panel`.
    labels : ndarray, (h, w), int
        The number of the panel of each pixel, from 0; -1 where a border goes through it.
    y, x : ndarray, (h,) and (w,), normalised
    """

    values: np.ndarray
    weight: np.ndarray
    labels: np.ndarray
    y: np.ndarray
    x: np.ndarray
    known: np.ndarray | None = None
    objects: np.ndarray | None = None

    def panels(self, boxes: Sequence[Box]) -> list[Panel]:
        """Its panels, in coordinates in which 0 to 1 is the box around each: see `within`."""
        v, u = np.meshgrid(*(np.arange(size) + 0.5 for size in self.labels.shape), indexing="ij")
        panels = []
        for number, box in enumerate(boxes):
            top, _, left, _ = box
            own = self.labels == number
            rows, columns = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
            if len(rows) < 2 or len(columns) < 2:
                raise InputError(
                    f"the panel at {100 * left:.0f} % of the width and {100 * top:.0f} % of the "
                    "height is smaller than two pixels of the small copy: give it the number of a "
                    "neighbour"
                )
            part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            values = np.where(own[part][..., np.newaxis], self.values[part], np.nan)
            y, x = within(box, self.y[part[0]], self.x[part[1]])
            known, objects = (
                None if each is None else each[part] for each in (self.known, self.objects)
            )
            own_weight, corner = self.weight[part], (int(rows[0]), int(columns[0]))
            where = v[part], u[part]
            panels.append(Panel(values, own_weight, *where, y, x, known, objects, box, corner))
        return panels

    def differences(self, boxes: Sequence[Box]) -> list[Difference]:
        """The steps at the borders between all pairs of panels that meet."""
        found = []
        for one, other in combinations(range(len(boxes)), 2):
            rows, columns = self._between(one, other)
            if not len(rows):
                continue
            steps, rough, known = self._steps(rows, columns, one, other)
            if known.any():
                place = np.stack([self.y[rows[known]], self.x[columns[known]]], axis=1)
                points = np.stack([_inside(boxes[number], place) for number in (one, other)])
                found.append(Difference((one, other), points, steps[known], rough[known]))
        return found

    def _between(self, one: int, other: int) -> tuple[np.ndarray, np.ndarray]:
        """The pixels that have both panels next to them."""
        from scipy.ndimage import binary_dilation

        near = [binary_dilation(self.labels == number, iterations=2) for number in (one, other)]
        rows, columns = np.nonzero(near[0] & near[1])
        kept = (rows + columns) % SPACING == 0
        return rows[kept], columns[kept]

    def _steps(
        self, rows: np.ndarray, columns: np.ndarray, one: int, other: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The level of one panel minus that of the other at pixels, (n, K).

        Also how rough the light is there, (n,), as `Difference.steep`, and where both are known.
        A parabola is fitted to the pixels around each, with a step where one panel meets the other.
        """
        dy, dx = (each.ravel() for each in np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1])
        y, x = rows[:, np.newaxis] + dy, columns[:, np.newaxis] + dx
        height, width = self.labels.shape
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        at = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
        label, values = self.labels[at], self.values[at].astype(np.float64)
        valid = inside & np.isfinite(values).all(axis=2)
        sides = [valid & (label == number) for number in (one, other)]
        known = np.min([side.sum(axis=1) for side in sides], axis=0) >= LEAST_BESIDE
        used = (sides[0] | sides[1])[known].astype(float)
        v, u = dy / REACH, dx / REACH
        smooth = np.broadcast_to([v**0, v, u, v * v, v * u, u * u], (len(used), 6, len(v)))
        matrix = np.stack([*np.moveaxis(smooth, 1, 0), sides[0][known]], axis=2)
        data = np.where(used[..., np.newaxis] > 0, values[known], 0)
        steps, rough = np.full((len(rows), values.shape[2]), np.nan), np.zeros(len(rows))
        if known.any():
            solution, scatter = _robust(matrix, data, used)
            steps[known], rough[known] = solution[:, -1], ROUGH * scatter
        return steps, rough, known


def _robust(
    matrix: np.ndarray, data: np.ndarray, used: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with a Cauchy loss, many at a time.

    Parameters
    ----------
    matrix, data : ndarray, (n, m, M) and (n, m, K)
    used : ndarray, (n, m), 0 or 1

    Returns
    -------
    solution : ndarray, (n, M, K)
    scatter : ndarray, (n,)
        The robust standard deviation of what it leaves, a mean over the channels.
    """
    weight, counted = used, used > 0
    for _ in range(ITERATIONS):
        weighted = matrix * weight[..., np.newaxis]
        normal = np.swapaxes(weighted, 1, 2) @ matrix + 1e-9 * np.eye(matrix.shape[2])
        solution = np.linalg.solve(normal, np.swapaxes(weighted, 1, 2) @ data)
        off = np.abs(data - matrix @ solution)
        scatter = np.nanmedian(np.where(counted[..., np.newaxis], off, np.nan), axis=1)
        scatter = MAD_TO_SIGMA * scatter + np.finfo(np.float32).tiny
        scale = TOLERANCE * scatter[:, np.newaxis]
        weight = used / (1 + np.mean((off / scale) ** 2, axis=2))
    return solution, scatter.mean(axis=1)


def _inside(box: Box, points: np.ndarray) -> np.ndarray:
    """Points, (n, 2), of the frame in the coordinates of a box."""
    return np.stack(within(box, *points.T), axis=1)

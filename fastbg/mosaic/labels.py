"""A merged mosaic whose panels a label image names: its panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..spline.panels import Box, within
from .cells import Panel


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

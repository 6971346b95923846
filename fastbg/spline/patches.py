"""A mosaic whose panels have any shape: a label image tells which one each pixel belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..words import brief
from .panels import Box, Panels


class Numbers(Protocol):
    """Which panel each pixel belongs to."""

    @property
    def reach(self) -> Sequence[Box]:
        """What surrounds the pixels of each panel."""

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The number of the panel, from 0, at normalised y, (n, 1), and x, (m,), or at points."""


@dataclass(frozen=True, eq=False)
class Patches(Panels):
    """The splines of panels of any shape.

    Attributes
    ----------
    seams
        None: ().
    splines : tuple of Spline
        Those of the panels; 0 to 1 is the box around each.
    around : tuple of Box
        These boxes.
    numbers : Numbers or None
        None for a single panel, which is a part of the frame.
    """

    around: tuple[Box, ...] = ()
    numbers: Numbers | None = None

    __repr__ = brief

    @property
    def boxes(self) -> Sequence[Box]:
        """The box around each panel."""
        return self.around

    @property
    def reach(self) -> Sequence[Box]:
        """What surrounds the pixels of each panel, also those that no panel names."""
        return self.numbers.reach if self.numbers else self.around

    def shares(self, y: np.ndarray, x: np.ndarray) -> Sequence[np.ndarray]:
        """1 where a point belongs to a panel, and 0 elsewhere."""
        if self.numbers is None:
            return [np.ones((1,) * max(np.ndim(y), np.ndim(x)), np.float32)]
        number = self.numbers.at(y, x)
        return [(number == own).astype(np.float32) for own in range(len(self.splines))]

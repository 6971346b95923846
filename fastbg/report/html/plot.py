"""The coordinates of a small chart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..preview.histogram import ticks


@dataclass(frozen=True)
class Plot:
    """The axes of a chart that is `width` wide.

    Attributes
    ----------
    x, y : (low, high)
        Values at the ends of the axes.
    top, bottom : float
        Where the y axis ends in the drawing, counted from above.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    top: float
    bottom: float
    width: ClassVar[int] = 480
    left: ClassVar[int] = 60
    right: ClassVar[int] = 458

    @property
    def x_ticks(self) -> np.ndarray:
        """Round values on the x axis."""
        return ticks(*self.x)

    def across(self, value: float) -> float:
        """Where a value lies on the x axis."""
        low, high = self.x
        return self.left + (value - low) / (high - low) * (self.right - self.left)

    def up(self, value: float) -> float:
        """Where a value lies on the y axis."""
        low, high = self.y
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def points(self, x: Iterable[float], y: Iterable[float]) -> str:
        """The points of an SVG line."""
        return " ".join(f"{self.across(a):.1f},{self.up(b):.1f}" for a, b in zip(x, y, strict=True))

    def area(self, x: np.ndarray, y: np.ndarray) -> str:
        """The corners of an SVG polygon that fills the area between a line and the x axis."""
        return self.points([x[0], *x, x[-1]], [self.y[0], *y, self.y[0]])

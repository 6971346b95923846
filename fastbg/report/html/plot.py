"""Axes of a small chart, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..preview.histogram import ticks
from . import words
from .markup import Markup, element, joined

WIDTH = 480
LEFT, RIGHT = 60, 22


@dataclass(frozen=True)
class Plot:
    """Where values lie in a drawing that is `WIDTH` wide.

    Attributes
    ----------
    x, y : (low, high)
        Values at the ends of the axes.
    top, bottom : float
        Of the axes in the drawing, from above.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    top: float
    bottom: float

    def across(self, value: float) -> float:
        """Where a value lies on the x axis."""
        low, high = self.x
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """Where a value lies on the y axis."""
        low, high = self.y
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def curve(self, x: Iterable[float], y: Iterable[float], class_: str) -> Markup:
        """A line through points."""
        points = zip(x, y, strict=True)
        text = " ".join(f"{self.across(a):.1f},{self.up(b):.1f}" for a, b in points)
        return element("polyline", points=text, class_=f"curve {class_}")

    def area(self, x: np.ndarray, y: np.ndarray, class_: str) -> Markup:
        """What is below a line through points, down to the axis."""
        ends = [self.y[0]]
        text = " ".join(
            f"{self.across(a):.1f},{self.up(b):.1f}"
            for a, b in zip([x[0], *x, x[-1]], [*ends, *y, *ends], strict=True)
        )
        return element("polygon", points=text, class_=f"area {class_}")

    def mark(self, value: float, class_: str) -> Markup:
        """A vertical line at a value."""
        x = f"{self.across(value):.1f}"
        return element("line", x1=x, x2=x, y1=self.top, y2=self.bottom, class_=f"mark {class_}")

    def x_axis(self, label: str) -> Markup:
        """Round values below the axes, and what they are."""
        texts = [
            element("text", words.number(tick, 6), x=f"{self.across(tick):.1f}", y=self.bottom + 18)
            for tick in ticks(*self.x)
        ]
        name = element(
            "text", label, x=(LEFT + WIDTH - RIGHT) / 2, y=self.bottom + 38, class_="label"
        )
        return element("g", *texts, name, class_="x-axis")

    def y_axis(
        self, values: Iterable[float], named: Callable[[float], str] = words.number
    ) -> Markup:
        """Rules at these values, and their names."""
        parts = []
        for value in values:
            y = f"{self.up(value):.1f}"
            parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="rule"))
            parts.append(element("text", named(value), x=LEFT - 8, y=y))
        return element("g", *parts, class_="y-axis")


def chart(height: float, alt: str, *parts: str) -> Markup:
    """The drawing."""
    return element(
        "svg",
        joined(*parts),
        viewBox=f"0 0 {WIDTH} {height:g}",
        class_="chart",
        role="img",
        aria_label=alt,
    )

"""Outlines of objects on an image: ellipses that are no sky."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

LEAST_SKY = 0.1
"""The least share of an image that outlines must leave."""

LEAST_SIDE = 1 / 40
"""Outlines of less than this part of the shorter side tell nothing: that is a cell of the search,
which finds what is smaller."""

PLACES = 200
"""Outlines are compared with an image at so many places along each side."""


@dataclass(frozen=True)
class Outline:
    """An ellipse around an object, in pixels of the image that is fitted.

    Attributes
    ----------
    name : str
    y, x : float
        The centre; that of the first pixel is (0, 0).
    major, minor : float
        The semi-axes.
    angle : float
        From the axis x towards y to the major axis, in degrees.
    """

    name: str
    y: float
    x: float
    major: float
    minor: float
    angle: float = 0.0

    def inside(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Whether places, (n,) and (m,), are inside: (n, m) bool."""
        down, right = y[:, np.newaxis] - self.y, x - self.x
        sine, cosine = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        along, across = right * cosine + down * sine, down * cosine - right * sine
        within: np.ndarray = (along / self.major) ** 2 + (across / self.minor) ** 2 <= 1
        return within

    def points(self, count: int = 72) -> np.ndarray:
        """(count, 2): places on it, as y and x."""
        turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
        sine, cosine = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        along, across = self.major * np.cos(turn), self.minor * np.sin(turn)
        y = self.y + along * sine + across * cosine
        x = self.x + along * cosine - across * sine
        return np.stack([y, x], axis=1)

    def scaled(self, factor: float) -> Outline:
        """The same in pixels of which there are `factor` times as many along each side."""
        y, x = ((at + 0.5) * factor - 0.5 for at in (self.y, self.x))
        return replace(self, y=y, x=x, major=self.major * factor, minor=self.minor * factor)

    def mirrored(self, shape: tuple[int, int], *, rows: bool, columns: bool) -> Outline:
        """The same on the image, (H, W), with its rows or its columns in the other order."""
        y = shape[0] - 1 - self.y if rows else self.y
        x = shape[1] - 1 - self.x if columns else self.x
        return replace(self, y=y, x=x, angle=-self.angle if rows != columns else self.angle)

    def to_dict(self) -> dict[str, str | float]:
        """As a report tells it."""
        return {
            "name": self.name,
            "y": self.y,
            "x": self.x,
            "major": self.major,
            "minor": self.minor,
            "angle": self.angle,
        }


def hidden(outlines: Sequence[Outline], y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether places, (n,) and (m,), are inside any of the outlines: (n, m) bool."""
    found = np.zeros((len(y), len(x)), bool)
    for each in outlines:
        found |= each.inside(y, x)
    return found


def large_enough(outline: Outline, shape: tuple[int, int]) -> bool:
    """Whether it is larger than what a search of an image, (H, W), finds by itself."""
    return 2 * outline.major >= LEAST_SIDE * min(shape)


def usable(outlines: Sequence[Outline], shape: tuple[int, int]) -> tuple[list[Outline], list[str]]:
    """The outlines on an image, (H, W), and warnings about those that cannot be obeyed.

    The largest ones are left out where too little sky would be left.
    """
    y, x = ((np.arange(PLACES) + 0.5) / PLACES * size - 0.5 for size in shape)
    parts = [(each.inside(y, x), each) for each in outlines]
    seen = sorted(((part.mean(), n) for n, (part, _) in enumerate(parts) if part.any()))
    covered, kept, filling = np.zeros((PLACES, PLACES), bool), [], []
    for _, number in seen:
        part, each = parts[number]
        if (covered | part).mean() > 1 - LEAST_SKY:
            filling.append(each.name)
            continue
        covered |= part
        kept.append(number)
    warnings = [
        f"{name} fills the frame, and protecting it would leave no sky: it is not protected; look "
        "at the result"
        for name in filling
    ]
    return [parts[number][1] for number in sorted(kept)], warnings

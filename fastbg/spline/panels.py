"""A mosaic: straight seams divide the frame into panels, and each panel has a spline of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..words import brief
from .spline import Spline, spline_values

FRAME = (0.0, 1.0, 0.0, 1.0)
"""The box of a frame that no seam divides: top, bottom, left and right, normalised."""

MOST_PANELS = 100

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Seam:
    """A straight line through a whole panel, which divides it in two.

    Attributes
    ----------
    panel : int
        The panel that it divides, of those that the seams before it have made. This panel keeps
        the part above or left of the seam, and the part beyond becomes the next new panel.
    axis : {0, 1}
        0 for a seam from left to right, 1 for one from top to bottom.
    first, last : float, normalised
        Where it is along that axis: its y at the left and the right end of the frame, or its x at
        the top and the bottom.
    width : float, normalised
        The length along that axis over which one panel passes into the other; 0 for an edge.
    """

    panel: int
    axis: int
    first: float
    last: float
    width: float = 0.0

    def beyond(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The share of the panel beyond the seam at points: 0, 1, or between them in its width.

        Parameters
        ----------
        y, x : ndarray, normalised
            They are broadcast against each other.
        """
        across, along = (y, x) if self.axis == 0 else (x, y)
        slope = self.last - self.first
        # Of a seam along the axis, one row or column is as good as all.
        distance = across - self.first - (slope * along if slope else 0.0)
        if self.width == 0:
            return (distance >= 0).astype(np.float32)
        share: np.ndarray = np.clip(distance / self.width + 0.5, 0, 1).astype(np.float32)
        return share

    def divided(self, box: Box) -> tuple[Box, Box]:
        """The boxes around the two parts of a panel, by the box around it."""
        near = min(self.first, self.last) - self.width / 2
        far = max(self.first, self.last) + self.width / 2
        low, high = box[2 * self.axis : 2 * self.axis + 2]
        before, after = list(box), list(box)
        before[2 * self.axis + 1] = min(high, far)
        after[2 * self.axis] = max(low, near)
        return (*before,), (*after,)  # type: ignore[return-value]


def boxes(seams: Sequence[Seam]) -> list[Box]:
    """The box around each of the panels that seams make."""
    found: list[Box] = [FRAME]
    for seam in seams:
        found[seam.panel], new = seam.divided(found[seam.panel])
        found.append(new)
    return found


def shares(seams: Sequence[Seam], y: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """How much each panel counts at points, float32; they add up to 1.

    Parameters
    ----------
    seams : sequence of Seam
    y, x : ndarray, normalised
        They are broadcast against each other; so are the results.
    """
    found = [np.ones((1,) * max(np.ndim(y), np.ndim(x)), np.float32)]
    for seam in seams:
        beyond = seam.beyond(y, x)
        found.append(found[seam.panel] * beyond)
        found[seam.panel] = found[seam.panel] * (1 - beyond)
    return found


def within(box: Box, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normalised coordinates of the frame as those of a box, in which it is 0 to 1.

    What lies beyond the box counts as the nearest place in it.
    """
    top, bottom, left, right = box
    return np.clip((y - top) / (bottom - top), 0, 1), np.clip((x - left) / (right - left), 0, 1)


@dataclass(frozen=True, eq=False)
class Panels:
    """The splines of the panels of a mosaic.

    Attributes
    ----------
    seams : tuple of Seam
    splines : tuple of Spline
        One more than there are seams, of one order and as many channels; 0 to 1 is the box around
        the panel.
    """

    seams: tuple[Seam, ...]
    splines: tuple[Spline, ...]

    __repr__ = brief

    @property
    def boxes(self) -> Sequence[Box]:
        """The box around each panel."""
        return boxes(self.seams)

    @property
    def reach(self) -> Sequence[Box]:
        """What surrounds the pixels of each panel."""
        return self.boxes

    def shares(self, y: np.ndarray, x: np.ndarray) -> Sequence[np.ndarray]:
        """How much each panel counts at points: see `shares`."""
        return shares(self.seams, y, x)

    @property
    def order(self) -> int:
        """The order of the splines."""
        return self.splines[0].order

    @property
    def centres(self) -> np.ndarray:
        """(N, 2), normalised: the control points of all panels in the frame."""
        placed = []
        for spline, (top, bottom, left, right) in zip(self.splines, self.boxes, strict=True):
            size, corner = np.array([bottom - top, right - left]), np.array([top, left])
            placed.append(corner + size * spline.centres)
        return np.concatenate(placed)

    @property
    def weights(self) -> np.ndarray:
        """(N, K): the weights of all panels."""
        return np.concatenate([spline.weights for spline in self.splines])

    @property
    def polynomial(self) -> np.ndarray:
        """(3 n, K): the polynomials of all panels."""
        return np.concatenate([spline.polynomial for spline in self.splines])

    def flatten(self) -> np.ndarray:
        """The parameters of all splines, one after the other."""
        return np.concatenate([spline.flatten() for spline in self.splines])

    def channel(self, number: int) -> Panels:
        """One channel alone."""
        return replace(self, splines=tuple(each.channel(number) for each in self.splines))

    def values(self, points: np.ndarray) -> np.ndarray:
        """The mosaic at P points (P, 2): (P, K), float64."""
        y, x = points.T
        values = np.zeros((len(points), self.weights.shape[1]))
        every = zip(self.splines, self.boxes, self.shares(y, x), strict=True)
        for spline, box, share in every:
            own = share > 0
            inside = np.stack(within(box, y[own], x[own]), axis=1)
            values[own] += share[own, np.newaxis] * spline_values(spline, inside)
        return values

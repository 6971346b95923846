"""Pixels on both sides of a border, and the same in means of some of them, without stars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import MAD_TO_SIGMA

LEAST_BESIDE = 4
"""The least number of cells on either side, in each line across the border on the average."""

AROUND = 9
"""A star is brighter than the median of so many pixels around it, along each side, ..."""

CORE, HALO = 3.0, 30.0
"""... by so many times the noise; one that is brighter by the second number has a halo."""

NEAR = 0.02
"""Of the sides of the image, how far the next piece of a border may be."""

FILLED = 0.5
"""The least part of a cell that is known and without stars."""


@dataclass(frozen=True, eq=False)
class Strip:
    """Pixels or cells on both sides of a border: lines across it, side by side.

    Attributes
    ----------
    panels : (int, int)
        The numbers of the panel on the one side and of that on the other.
    values : ndarray, (n, m, K), linear
    sides : ndarray, (n, m), int
        1 for a pixel of the one panel, -1 for one of the other, and 0 for one that is unknown.
    points : ndarray, (n, 2), normalised (y, x)
        Where the lines cross the border.
    weight : ndarray, (n, m), in [0, 1]
        How much of each is known.
    """

    panels: tuple[int, int]
    values: np.ndarray
    sides: np.ndarray
    points: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(
        cls, panels: tuple[int, int], values: np.ndarray, sides: np.ndarray, points: np.ndarray
    ) -> Strip:
        """That of pixels."""
        return cls(panels, values, sides, points, np.abs(sides).astype(float))

    def leads_to(self, other: Strip) -> bool:
        """Whether another strip begins about where this one ends."""
        return bool(np.abs(self.points[-1] - other.points[0]).max() < NEAR)

    @classmethod
    def joined(cls, parts: Sequence[Strip]) -> Strip:
        """Strips that follow each other, as one."""
        names = ("values", "sides", "points", "weight")
        own = (np.concatenate([getattr(each, name) for each in parts]) for name in names)
        return cls(parts[0].panels, *own)

    @property
    def tells(self) -> bool:
        """Whether enough of both sides is known, for surfaces to bend in both directions."""
        least = LEAST_BESIDE * len(self.sides)
        enough = min((self.sides == side).sum() for side in (1, -1)) >= least
        return bool(enough) and len(self.sides) > 2

    def without_stars(self) -> Strip:
        """The same, of which pixels of stars are unknown, if that leaves enough."""
        sides = np.where(self._stars(), 0, self.sides)
        found = replace(self, sides=sides, weight=np.abs(sides).astype(float))
        return found if found.tells else self

    def in_cells(self, half: int, side: int) -> Strip:
        """The means of squares of pixels, so many along each side, up to so far from the border."""
        lines, middle = len(self.sides) // side, self.sides.shape[1] // 2
        part = np.s_[: lines * side, middle - half : middle + half]
        sides = self.sides[part].reshape(lines, side, 2 * half // side, side)
        values = self.values[part].reshape(*sides.shape, -1)
        count, total = np.abs(sides).sum(axis=(1, 3)), sides.sum(axis=(1, 3))
        known = (np.abs(total) == count) & (count >= FILLED * side**2)
        sums = np.einsum("nimjk,nimj->nmk", values, np.abs(sides))
        means = sums * (known / np.maximum(count, 1))[..., np.newaxis]
        points = self.points[: lines * side].reshape(lines, side, 2).mean(axis=1)
        return Strip(self.panels, means, np.sign(total) * known, points, known * count / side**2)

    def _stars(self) -> np.ndarray:
        """(n, m) bool: pixels of stars, which the sum of the channels shows."""
        from scipy.ndimage import binary_dilation, median_filter

        found = np.zeros(self.sides.shape, bool)
        light, middle = self.values.sum(axis=2), self.sides.shape[1] // 2
        # A step is no star.
        for half in (np.s_[:, :middle], np.s_[:, middle:]):
            known = self.sides[half] != 0
            if known.any():
                plane = np.where(known, light[half], np.median(light[half][known]))
                detail = plane - median_filter(plane, AROUND)
                noise = MAD_TO_SIGMA * np.median(np.abs(detail[known]))
                found[half] = binary_dilation(detail > CORE * noise)
                found[half] |= binary_dilation(detail > HALO * noise, iterations=3)
        return found

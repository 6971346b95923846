"""What pictures of a mosaic show: its panels where they lie in the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Named = tuple[str, np.ndarray]
"""What is drawn on a picture, in its pixels, (y, x): its name, and lines or the points of one."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """The panels of a mosaic, each over those before it.

    Attributes
    ----------
    panels, backgrounds : ndarray, (K, H, W), linear
        NaN where there is none.
    borders : sequence of Named
        Of each panel its edge as lines, (n, 2, 2).
    protected : sequence of Named
        Outlines of objects that were protected, as points, (n, 2).
    """

    panels: np.ndarray
    backgrounds: np.ndarray
    borders: Sequence[Named] = ()
    protected: Sequence[Named] = ()

    def filled(self, level: np.ndarray) -> np.ndarray:
        """The backgrounds, with a level, (K,), where there is none."""
        missing = np.isnan(self.backgrounds)
        found: np.ndarray = np.where(missing, level[:, np.newaxis, np.newaxis], self.backgrounds)
        return found


def edges_of(seen: np.ndarray) -> np.ndarray:
    """The edge of what is seen, (H, W) bool, without its holes, as lines (n, 2, 2) along pixels."""
    from scipy.ndimage import binary_fill_holes

    whole = np.pad(binary_fill_holes(seen), 1).astype(np.int8)
    lines = []
    for axis in (0, 1):
        change = np.abs(np.diff(whole if axis == 0 else whole.T, axis=0))
        ends = np.diff(change, axis=1, prepend=0, append=0)
        for first, last in zip(np.argwhere(ends == 1), np.argwhere(ends == -1), strict=True):
            # A pixel was put before the first one.
            line = np.array([first, last]) - (0, 1)
            lines.append(line if axis == 0 else line[:, ::-1])
    return np.array(lines, float).reshape(-1, 2, 2)

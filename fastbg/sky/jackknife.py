"""The blocks of the frame that a jackknife leaves out in turn."""

from __future__ import annotations

import numpy as np

BLOCKS = 4
"""The frame has this number of blocks along each side, which are left out in turn."""


def blocks(points: np.ndarray, seen: np.ndarray) -> list[np.ndarray]:
    """The numbers of the points, (P, 2), in each block of the frame in which some are seen."""
    row, column = np.clip((points * BLOCKS).astype(int), 0, BLOCKS - 1).T
    block = row * BLOCKS + column
    numbers = np.flatnonzero(np.bincount(block[seen]))
    return [np.flatnonzero(block == number) for number in numbers]

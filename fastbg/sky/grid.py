"""The grid of the control points of a search: how many there are, and what that takes."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .mesh import Mesh

SIDE = 14
"""The largest number of control points along each side of the frame."""

CELLS_PER_POINT = 4
"""The least number of usable cells for each control point."""

LEAST_CELLS = 12
"""A search needs at least this number of usable cells."""


def grid_side(usable: int) -> int:
    """The number of control points along each side, for a number of usable cells."""
    return min(SIDE, max(2, int((usable / CELLS_PER_POINT) ** 0.5)))


def search_bytes(cells: int) -> int:
    """An upper estimate of what a search takes, with what is kept of it, in bytes.

    It is in matrices of (P, M) and (M, M) float64, for P cells and M coordinates of `Splines`. The
    numbers of matrices were measured, by the peak of the process, for 600 to 7800 cells.
    """
    coordinates = grid_side(cells) ** 2 + 3
    return 8 * coordinates * (4 * cells + 11 * coordinates)


def checked(mesh: Mesh) -> int:
    """The number of usable cells; raises InputError if they are too few."""
    usable = np.count_nonzero(mesh.usable)
    if usable < LEAST_CELLS:
        raise InputError(
            f"only {usable} of {mesh.usable.size} parts of the image can be used: widen the "
            "thresholds or the mask, narrow the border, or use a smaller downscaling factor"
        )
    return int(usable)

"""Cells that stand out of their surroundings, as bright stars do, whatever the sky looks like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from .mesh import Mesh

REACH = 2
"""The surroundings of a cell reach so many cells to each side."""

KNOWN = 0.5
"""A cell of which more than this part is known to be sky does not stand out."""

STANDS_OUT = 5.0
"""A cell stands out if it is so many robust standard deviations off the median around it. At an
edge of the frame, the cells of a steep gradient are up to three off."""


def without_stars(mesh: Mesh) -> tuple[Mesh, np.ndarray]:
    """The same mesh, in which cells that stand out have no weight, and the scatter around cells.

    Cells that cannot be used have the medians around them for values, 0 where there are none.

    Returns
    -------
    mesh : Mesh
    scatter : ndarray, (P, K), linear
        The robust standard deviation of the cells around each, gradients and all.
    """
    grid = np.where(mesh.usable[:, np.newaxis], mesh.values, np.nan).reshape(*mesh.shape, -1)
    padded = np.pad(grid, ((REACH, REACH), (REACH, REACH), (0, 0)), constant_values=np.nan)
    size = 2 * REACH + 1
    around = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    around = around.reshape(*mesh.values.shape, size * size)
    middle = _median(around)
    scatter = MAD_TO_SIGMA * _median(np.abs(around - middle[..., np.newaxis]))
    far = np.abs(mesh.values - middle) > STANDS_OUT * np.hypot(scatter, mesh.noise)
    left = mesh.usable & (~far.any(axis=1) | (mesh.known > KNOWN))
    values = np.where(left[:, np.newaxis], mesh.values, np.nan_to_num(middle))
    found = replace(mesh, values=values, weight=np.where(left, mesh.weight, 0))
    return found, np.nan_to_num(scatter)


def _median(values: np.ndarray) -> np.ndarray:
    """The lower median along the last axis of what is not NaN; NaN where there is nothing."""
    ordered = np.sort(values, axis=-1)  # NaN last
    known = np.count_nonzero(~np.isnan(ordered), axis=-1)
    middle = np.maximum(known - 1, 0)[..., np.newaxis] // 2
    return np.take_along_axis(ordered, middle, axis=-1)[..., 0]

"""The quiet part of a frame: where neighbouring cells differ by no more than noise.

Dark dust and nebulae may be too smooth for an edge, and fill so much of the frame that no envelope
lies on the sky. But few are as smooth as the sky beside them.
"""

from __future__ import annotations

import numpy as np

from .mesh import Mesh
from .neighbourhood import gaussian_mean
from .robust_fit import LEAST_WEIGHT

SCATTER, REACH = 1.4, 2.0
"""The mean square of the second differences around a quiet cell, at most, relative to that of
noise, of which alone it scatters by 0.2; and the standard deviation, in cells, of the Gaussian
around it."""

PLAIN = 50.0
"""No square counts more than this: of a star it would reach too far."""

LEAST_QUIET = 0.05
"""The least share of the usable cells that tells of a sky."""


def quiet_cells(mesh: Mesh) -> np.ndarray | None:
    """The weight, (P,), of the quiet cells of a mesh; None where there are too few.

    None as well where somebody knows what is sky.
    """
    if mesh.known.any():
        return None
    scale = np.maximum(mesh.noise, np.finfo(np.float32).tiny)
    values = np.where(mesh.usable[:, np.newaxis], mesh.values / scale, np.nan)
    squares, known = np.zeros(mesh.shape), np.zeros(mesh.shape)
    for axis in (0, 1):
        bends = np.moveaxis(np.diff(values.reshape(*mesh.shape, -1), n=2, axis=axis), axis, 0)
        # Of noise with the variance 1, a second difference has 1 + 4 + 1.
        square = np.minimum((bends**2).mean(axis=2) / 6, PLAIN)
        for total, each in (squares, np.nan_to_num(square)), (known, np.isfinite(square)):
            np.moveaxis(total, axis, 0)[1:-1] += each
    scatter = gaussian_mean(squares, REACH) / np.maximum(gaussian_mean(known, REACH), 1e-3)
    quiet = mesh.usable & (scatter.ravel() < SCATTER)
    if np.count_nonzero(quiet) < LEAST_QUIET * np.count_nonzero(mesh.usable):
        return None
    weight: np.ndarray = mesh.weight * np.maximum(quiet, LEAST_WEIGHT)
    return weight

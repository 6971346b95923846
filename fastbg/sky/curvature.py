"""Which way a surface bends: the light of the sky comes from outside of the frame.

The light of a town, of the Moon or of dusk falls off from beyond an edge ever more slowly: such a
surface is convex. One that follows nebulae is concave over each of them, and convex in between.
"""

from __future__ import annotations

import numpy as np

from .neighbourhood import gaussian_mean


def concave_share(surface: np.ndarray, plain: np.ndarray, shape: tuple[int, int]) -> float:
    """The concave share of the curvature that a surface has beyond a plain one.

    Parameters
    ----------
    surface, plain : ndarray, (P, K), linear
        At the cells of a mesh.
    shape : (int, int)
        Its numbers of rows and columns.

    Returns
    -------
    float, in [0, 1]
        Of the sum over all cells of the absolute Laplacian, the part where it is negative; 1 where
        there are too few cells to tell.
    """
    # All channels count alike.
    bends = ((surface - plain) / (surface.std(axis=0) + np.finfo(np.float32).tiny)).sum(axis=1)
    # Single cells tell little of a second derivative, and those at the borders less.
    plane = gaussian_mean(bends.reshape(shape), 1.0)[1:-1, 1:-1]
    laplacian = np.zeros(plane[1:-1, 1:-1].shape)
    for axis in (0, 1):
        inner = np.moveaxis(plane, axis, 0)
        second = np.moveaxis(inner[2:] - 2 * inner[1:-1] + inner[:-2], 0, axis)
        laplacian += second[:, 1:-1] if axis == 0 else second[1:-1]
    total = np.abs(laplacian).sum()
    return float(np.maximum(-laplacian, 0).sum() / total) if total > 0 else 1.0

"""What a reference has of a gradient of its own: a polynomial, by the sky between its objects.

Its light is in the image as well, so that the sky which is seen there is that of the image. Where
objects leave too little of it, the reference is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.kernels import FASTEST, Kernels
from ..sky.blas import one_thread
from ..sky.mesh import Mesh
from ..sky.selection import select_surfaces
from ..sky.surface import PROTECTIONS

ENOUGH = {1: 0.33, 2: 0.55}
"""The least share of the usable cells that must be sky for a polynomial of each degree."""

DARKEST = 0.05
"""Without sky, the level of the reference is that which this part of its cells lies below."""

BLOCKS = 4
"""The frame has this number of blocks along each side, which a jackknife leaves out in turn."""

POWERS = (0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)
"""The powers of y and x, by degrees."""


@dataclass(frozen=True, eq=False)
class OwnGradient:
    """A polynomial that is no object.

    Attributes
    ----------
    coefficients : ndarray, (n, K)
        Of the first `POWERS` of y - 0.5 and x - 0.5.
    degree : int
        That of the polynomial: it may be lower than the one that was allowed.
    sky : float
        The share of the usable cells that is sky; NaN where none was looked for.
    uncertainty : ndarray, (P, K)
        The standard deviation of the polynomial at the cells, apart from its level.
    """

    coefficients: np.ndarray
    degree: int
    sky: float
    uncertainty: np.ndarray

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(h, w, K), on a grid of normalised places, (h,) and (w,)."""
        values: np.ndarray = _columns(y[:, np.newaxis], x, self.degree) @ self.coefficients
        return values


@one_thread
def own_gradient(mesh: Mesh, degree: int, threads: int, kernels: Kernels = FASTEST) -> OwnGradient:
    """Find the polynomial up to a degree, 0 to 2, in the mesh of a reference.

    Raises
    ------
    InputError
        If too little of it may be used.
    """
    channels, share = len(mesh.noise), float("nan")
    if degree:
        how = PROTECTIONS["auto"], lambda done: None, threads, kernels
        sky = select_surfaces(mesh, *how)[-1]
        share, weight = sky.explained, sky.weight
        degree = max((each for each in range(1, degree + 1) if share >= ENOUGH[each]), default=0)
    if not degree:
        lowest = np.quantile(mesh.values[mesh.usable], DARKEST, axis=0)
        return OwnGradient(lowest[np.newaxis], 0, share, np.zeros((len(mesh.points), channels)))
    columns = _columns(*mesh.points.T, degree)
    row, column = np.minimum((mesh.points * BLOCKS).astype(int), BLOCKS - 1).T
    block, fits = row * BLOCKS + column, []
    for number in np.unique(block[weight > 0]):
        fit = columns @ _solve(columns, mesh.values, np.where(block == number, 0, weight))
        fits.append(fit - weight @ fit / weight.sum())
    uncertainty = np.std(fits, axis=0) * (len(fits) - 1) ** 0.5
    return OwnGradient(_solve(columns, mesh.values, weight), degree, share, uncertainty)


def _columns(y: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    powers = [each for each in POWERS if sum(each) <= degree]
    y, x = np.broadcast_arrays(y - 0.5, x - 0.5)
    return np.stack([y**i * x**j for i, j in powers], axis=-1)


def _solve(columns: np.ndarray, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    root = np.sqrt(weight)[:, np.newaxis]
    found: np.ndarray = np.linalg.lstsq(columns * root, values * root, rcond=None)[0]
    return found

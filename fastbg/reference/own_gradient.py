"""What a reference has of a gradient of its own: a polynomial, by the sky between its objects.

Its light is in the image as well, so that the sky which is seen there is that of the image. Where
objects leave too little of it, their colours may tell a plane; or else the reference is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..image.kernels import FASTEST, Kernels
from ..sky.blas import one_thread
from ..sky.mesh import Mesh
from ..sky.selection import select_surfaces
from ..sky.surface import PROTECTIONS, Surface, explained_within
from .colours import Plane, plane_by_colours

ENOUGH = {1: 0.5, 2: 0.55}
"""The least share of the usable cells that must lie on a polynomial of degree 2, for one of each
degree."""

LITTLE = {"mono": 0.35, "colour": 0.25}
"""With this share, a plane counts all the same if it is certain: what is taken for sky in a mono
image is a smooth object more often, which no colour tells from it."""

DARKEST = 0.05
"""Without sky, the level of the reference is that which this part of its cells lies below."""

CERTAIN = 3.0
"""What is left is told from chance above so many of its standard deviations."""

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
        The share of the usable cells that is sky.
    uncertainty : ndarray, (P, K)
        The standard deviation of the polynomial at the cells, apart from its level.
    left : ndarray, (K,)
        The standard deviation of what a polynomial of a higher degree would have more, if that was
        not allowed and is no chance.
    seen : {"sky", "colours", "nothing"}
        What would tell a gradient.
    """

    coefficients: np.ndarray
    degree: int
    sky: float
    uncertainty: np.ndarray
    left: np.ndarray
    seen: Literal["sky", "colours", "nothing"] = "nothing"

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(h, w, K), on a grid of normalised places, (h,) and (w,)."""
        values: np.ndarray = _columns(y[:, np.newaxis], x, self.degree) @ self.coefficients
        return values


@one_thread
def own_gradient(
    mesh: Mesh,
    degree: int,
    threads: int,
    kernels: Kernels = FASTEST,
    difference: Mesh | None = None,
) -> OwnGradient:
    """Find the polynomial up to a degree, 0 to 2, in the mesh of a reference.

    ``difference`` is the mesh of the image without its light: colours tell nothing without it.

    Raises
    ------
    InputError
        If too little of it may be used.
    """
    how = PROTECTIONS["auto"], lambda done: None, threads, kernels
    sky = select_surfaces(mesh, *how)[-1]
    fits = {each: _polynomial(mesh, sky, each) for each in ENOUGH}
    share = fits[max(ENOUGH)].sky
    lowest = np.quantile(mesh.values[mesh.usable], DARKEST, axis=0)[np.newaxis]
    nothing = np.zeros_like(mesh.values)
    fits[0] = OwnGradient(lowest, 0, share, nothing, nothing[0])
    possible = max((each for each, enough in ENOUGH.items() if share >= enough), default=0)
    little = LITTLE["colour" if len(mesh.noise) > 1 else "mono"]
    if not possible and share >= little and _beyond(mesh, fits[1], fits[0]).all():
        possible = 1
    seen: Literal["sky", "colours", "nothing"] = "sky" if possible else "nothing"
    if not possible and difference and (plane := plane_by_colours(mesh, difference)):
        seen, fits[1] = "colours", _of_plane(mesh, plane)
        possible = int(_beyond(mesh, fits[1], fits[0]).any())
    found = replace(fits[min(degree, possible)], sky=share, seen=seen)
    return replace(found, left=_beyond(mesh, fits[possible], found))


def _of_plane(mesh: Mesh, plane: Plane) -> OwnGradient:
    """The plane that colours tell."""
    y, x = mesh.points.T
    columns = _columns(y, x, 1)[:, 1:]
    lowest = np.quantile((mesh.values - columns @ plane.slopes)[mesh.usable], DARKEST, axis=0)
    uncertainty = np.sqrt(columns**2 @ plane.errors**2)
    coefficients = np.vstack([lowest, plane.slopes])
    return OwnGradient(coefficients, 1, 0.0, uncertainty, np.zeros_like(lowest))


def _beyond(mesh: Mesh, most: OwnGradient, found: OwnGradient) -> np.ndarray:
    """(K,): the standard deviation of what one has more than the other; 0 if it may be chance."""
    if most.degree == found.degree:
        return np.zeros(len(mesh.noise))
    y, x = mesh.points[mesh.usable].T
    more, less = (_columns(y, x, each.degree) @ each.coefficients for each in (most, found))
    left = (more - less).std(axis=0)
    uncertain = np.sqrt((most.uncertainty[mesh.usable] ** 2).mean(axis=0))
    beyond: np.ndarray = np.where(left > CERTAIN * uncertain, left, 0)
    return beyond


def _polynomial(mesh: Mesh, sky: Surface, degree: int) -> OwnGradient:
    """The polynomial through the sky, with a jackknife."""
    y, x = mesh.points.T
    columns, weight = _columns(y, x, degree), sky.weight
    row, column = np.minimum((mesh.points * BLOCKS).astype(int), BLOCKS - 1).T
    block, fits = row * BLOCKS + column, []
    for number in np.unique(block[weight > 0]):
        fit = columns @ _solve(columns, mesh.values, np.where(block == number, 0, weight))
        fits.append(fit - weight @ fit / weight.sum())
    uncertainty = np.std(fits, axis=0) * (len(fits) - 1) ** 0.5
    coefficients = _solve(columns, mesh.values, weight)
    values = columns @ coefficients
    near = np.abs(mesh.values - values) < explained_within(values, mesh, weight)
    share = float(mesh.weight @ near.all(axis=1) / mesh.weight.sum())
    return OwnGradient(coefficients, degree, share, uncertainty, np.zeros(len(mesh.noise)))


def _columns(y: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    powers = [each for each in POWERS if sum(each) <= degree]
    y, x = np.broadcast_arrays(y - 0.5, x - 0.5)
    return np.stack([y**i * x**j for i, j in powers], axis=-1)


def _solve(columns: np.ndarray, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    root = np.sqrt(weight)[:, np.newaxis]
    found: np.ndarray = np.linalg.lstsq(columns * root, values * root, rcond=None)[0]
    return found

"""How one image lies in another: on the same grid, or by their coordinate systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import InputError
from .system import Coordinates, Pair

SAME_GRID = 0.05
"""Pixels: two images of one size whose pixels lie closer than that are on the same grid."""


@dataclass(frozen=True, eq=False)
class Mapping:
    """Where the pixels of an image, the target, lie in another one of the same sky.

    Pixels are (y, x), and the centre of the first one is (0, 0), of the images that are fitted:
    upright, mosaics by their superpixels.

    Attributes
    ----------
    function : callable
        Gives the y and x of the other image for arrays of y and x of the target.
    how : {"same grid", "coordinates", "stars"}
        What it is known by.
    residual : float
        The median distance of matched stars in pixels of the other image; 0 where none were.
    """

    function: Callable[[np.ndarray, np.ndarray], Pair]
    how: Literal["same grid", "coordinates", "stars"]
    residual: float = 0.0

    def __call__(self, y: np.ndarray, x: np.ndarray) -> Pair:
        """The pixels, y and x, of the other image; NaN where undefined."""
        return self.function(np.asarray(y, float), np.asarray(x, float))


def _itself(y: np.ndarray, x: np.ndarray) -> Pair:
    return y, x


IDENTITY = Mapping(_itself, "same grid")


@dataclass(frozen=True, eq=False)
class Field:
    """What tells where an image lies in the sky.

    Attributes
    ----------
    shape : (H, W)
        Of the image that is fitted.
    coordinates : Coordinates or None
    """

    shape: tuple[int, int]
    coordinates: Coordinates | None = None


def mapping(target: Field, other: Field) -> Mapping:
    """How an image lies in another one of the same sky.

    Images of the same size are on the same grid if neither has coordinates, or if those agree.

    Raises
    ------
    InputError
        If they do not overlap, or if nothing tells how they lie.
    """
    alike = target.shape == other.shape
    if target.coordinates is None and other.coordinates is None and alike:
        return IDENTITY
    if target.coordinates is None or other.coordinates is None:
        raise InputError("cannot be placed: solve both images for coordinates, or register them")
    ours, theirs = target.coordinates, other.coordinates

    def function(y: np.ndarray, x: np.ndarray) -> Pair:
        return theirs.to_pixel(*ours.to_sky(y, x))

    grid = np.meshgrid(*(np.linspace(0, size - 1, 9) for size in target.shape), indexing="ij")
    found = np.array(function(*grid))
    if alike and (np.abs(found - grid) < SAME_GRID).all():
        return IDENTITY
    return Mapping(function, "coordinates")

"""How one image lies in another: on the same grid, by their coordinate systems, or by stars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from ..errors import InputError
from ..image.image import Image
from .match import MOSTLY, Agreement, agreement, matched
from .stars import find_stars
from .system import Coordinates, Pair, unit_vectors

Function = Callable[[np.ndarray, np.ndarray], Pair]

SAME_GRID = 0.05
"""Pixels: two images of one size whose pixels lie closer than that are on the same grid."""

MANY = 50
"""Where both images have so many stars, those of one sky match."""

TRUSTED = 1.5
"""Pixels of the other image: coordinates that lie farther off the stars are not trusted."""


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
    stars : int
        How many matched.
    note : str
        What a user should know: that coordinates are wrong, or that images are not registered; what
        follows the name of the other image.
    """

    function: Function
    how: Literal["same grid", "coordinates", "stars"]
    residual: float = 0.0
    stars: int = 0
    note: str = ""

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
    image : Image or None, linear
        Where it is given, its stars are found when they are needed, and confirm the rest.
    stars : ndarray, (N, 3), or None
        Those that `find_stars` found, where they were found before.
    threads : int
        With which they are found.
    """

    shape: tuple[int, int]
    coordinates: Coordinates | None = None
    image: Image | None = None
    stars: np.ndarray | None = None
    threads: int = 1

    @cached_property
    def places(self) -> np.ndarray:
        """y and x of the stars, (N, 2), the brightest first; none without an image."""
        if self.stars is not None:
            return self.stars[:, :2]
        if self.image is None:
            return np.empty((0, 2))
        return find_stars(self.image, self.threads)[:, :2]


def mapping(target: Field, other: Field) -> Mapping:
    """How an image lies in another one of the same sky.

    Images of one size are on the same grid, unless both have coordinates and those differ. Others
    lie as their coordinates tell, if both have some, or else by their stars. Where both fields have
    an image, stars confirm the rest: so approximate coordinates of a mount, and images that were
    never registered, are found out.

    Raises
    ------
    InputError
        If they do not overlap, or if nothing tells how they lie.
    """
    told = _told(target, other)
    ours, theirs = target.places, other.places
    agreed = agreement(told, ours, theirs, other.shape) if told else None
    sure = agreed if agreed and agreed.residual <= TRUSTED else None
    if told and sure and sure.share > MOSTLY:
        return _with_stars(told, agreed)
    try:
        match = matched(ours, theirs, target.shape, other.shape)
    except InputError:
        if told is None:
            raise
        if not _overlap(told, target.shape, other.shape):
            raise InputError(
                f"shows no part of this field, for its coordinates lie {_away(target, other):.3g} "
                "degrees away: give an image of the same sky"
            ) from None
        if agreed or min(len(ours), len(theirs)) < MANY:
            return _with_stars(told, agreed)
        if told.how == "same grid":
            raise
        return replace(told, note="has other stars than its coordinates tell: is it of this field?")
    found = match.agreement
    note = ""
    if told:
        apart = float(np.median(_apart(told, match, target.shape, other.shape)))
        if apart <= TRUSTED or (sure and sure.stars > found.stars / 2):
            return _with_stars(told, agreed or found)
        what = "registered" if told.how == "same grid" else "where its coordinates tell"
        note = f"is not {what}, but {apart:.3g} pixels off: it was placed by its stars"
    return Mapping(match, "stars", found.residual, found.stars, note)


def _told(target: Field, other: Field) -> Mapping | None:
    """What sizes and coordinates tell."""
    ours, theirs = target.coordinates, other.coordinates
    alike = target.shape == other.shape
    if ours is None or theirs is None:
        return IDENTITY if alike else None

    def function(y: np.ndarray, x: np.ndarray) -> Pair:
        return theirs.to_pixel(*ours.to_sky(y, x))

    found = Mapping(function, "coordinates")
    if alike and _apart(found, _itself, target.shape, other.shape).max() < SAME_GRID:
        return IDENTITY
    return found


def _with_stars(told: Mapping, agreed: Agreement | None) -> Mapping:
    """The same with the stars that agree with it."""
    if agreed is None or told.how == "same grid":
        return told
    return replace(told, stars=agreed.stars, residual=agreed.residual)


def _apart(
    one: Function, two: Function, shape: tuple[int, int], other: tuple[int, int]
) -> np.ndarray:
    """Distances between two mappings, at places that one of them has in the other image."""
    grid = np.meshgrid(*(np.linspace(0, size - 1, 9) for size in shape), indexing="ij")
    first, second = np.array(one(*grid)), np.array(two(*grid))
    inside = _inside(first, other) | _inside(second, other)
    distance = np.hypot(*(first - second))[inside]
    return np.nan_to_num(distance, nan=np.inf) if distance.size else np.array([np.inf])


def _overlap(told: Mapping, shape: tuple[int, int], other: tuple[int, int]) -> bool:
    grid = np.meshgrid(*(np.linspace(0, size - 1, 65) for size in shape), indexing="ij")
    return bool(_inside(np.array(told(*grid)), other).any())


def _away(target: Field, other: Field) -> float:
    """The angle between the middles of two fields with coordinates, in degrees."""
    middles = []
    for each in (target, other):
        assert each.coordinates
        height, width = each.shape
        sky = each.coordinates.to_sky(np.array((height - 1) / 2), np.array((width - 1) / 2))
        middles.append(unit_vectors(*sky))
    return float(np.degrees(np.arccos(np.clip(middles[0] @ middles[1], -1, 1))))


def _inside(found: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    last = np.reshape(shape, (2, 1, 1)) - 0.5
    return np.all((found > -0.5) & (found < last), axis=0)

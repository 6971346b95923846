"""The coordinate system of an image: from its pixels to the sky and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..errors import InputError

Pair = tuple[np.ndarray, np.ndarray]

ROUND_TRIP = 0.1
"""Pixels: a system that misses by more, there and back, is broken."""


class System(Protocol):
    """Between the pixels of an image as it is stored and the sky.

    Pixels are (x, y), and the centre of the first one is (0, 0); the sky is right ascension and
    declination in degrees, ICRS. What is undefined is NaN.
    """

    def to_sky(self, x: np.ndarray, y: np.ndarray) -> Pair:
        """Right ascension and declination of pixels."""

    def to_pixel(self, ra: np.ndarray, dec: np.ndarray) -> Pair:
        """The pixels, x and y, of places in the sky."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The coordinate system of an image as fastbg fits it: upright, a mosaic by its superpixels.

    Attributes
    ----------
    system : System
        That of the pixels as they are stored.
    shape : (H, W)
        Of the image.
    steps, origin : (float, float)
        The row and column as they are stored are ``origin + steps * (y, x)``.
    """

    system: System
    shape: tuple[int, int]
    steps: tuple[float, float] = (1.0, 1.0)
    origin: tuple[float, float] = (0.0, 0.0)

    def to_sky(self, y: np.ndarray, x: np.ndarray) -> Pair:
        """Right ascension and declination, in degrees, ICRS, of pixels; NaN where undefined."""
        (down, right), (top, left) = self.steps, self.origin
        return self.system.to_sky(left + right * np.asarray(x), top + down * np.asarray(y))

    def to_pixel(self, ra: np.ndarray, dec: np.ndarray) -> Pair:
        """The pixels, y and x, of places in the sky, in degrees; NaN where undefined."""
        (down, right), (top, left) = self.steps, self.origin
        x, y = self.system.to_pixel(np.asarray(ra, float), np.asarray(dec, float))
        return (y - top) / down, (x - left) / right

    @property
    def pixel_scale(self) -> float:
        """The side of a pixel in the middle of the image, in arc seconds."""
        y, x = ((size - 1) / 2 + np.array([0.0, 1, 0]) for size in self.shape)
        places = unit_vectors(*self.to_sky(y, x[[0, 0, 1]]))
        down, right = places[1:] - places[0]
        return float(np.degrees(np.sqrt(np.linalg.norm(np.cross(down, right)))) * 3600)

    def turned(self, *, rows: bool = False, columns: bool = False) -> Coordinates:
        """That of the image with its rows or its columns in the other order."""
        ends = [step * (size - 1) for step, size in zip(self.steps, self.shape, strict=True)]
        flips = rows, columns
        origin = (at + end * flip for at, end, flip in zip(self.origin, ends, flips, strict=True))
        steps = (-s if flip else s for s, flip in zip(self.steps, flips, strict=True))
        return replace(self, steps=_pair(steps), origin=_pair(origin))

    def binned(self, factor: int) -> Coordinates:
        """That of the image of which each factor x factor pixels have become one."""
        inner = (factor - 1) / 2
        origin = (at + step * inner for at, step in zip(self.origin, self.steps, strict=True))
        steps = (step * factor for step in self.steps)
        height, width = (size // factor for size in self.shape)
        return replace(self, shape=(height, width), steps=_pair(steps), origin=_pair(origin))

    def check(self) -> None:
        """Raise InputError unless pixels in the middle of the image come back to where they were.

        That is the least that can be asked; far from the middle, a system may be undefined.
        """
        y, x = ((size - 1) * np.array([0.5, 0.45, 0.55]) for size in self.shape)
        back = np.array(self.to_pixel(*self.to_sky(y, x)))
        scale = self.pixel_scale
        if not (np.abs(back - [y, x]) < ROUND_TRIP).all() or not 0 < scale < np.inf:
            raise InputError(
                "has a broken coordinate system, which does not lead from pixels to the sky and "
                "back: solve it again, or remove the keywords of its solution"
            )


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Places in the sky, in degrees, as vectors of length 1: (..., 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def _pair(values: Iterable[float]) -> tuple[float, float]:
    first, second = values
    return float(first), float(second)

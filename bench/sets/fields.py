"""A piece of sky with its objects and stars, and grids of pixels that are laid over it.

What is on the sky is the same in every image of it; each image has pixels, stars' widths, a flux
scale, a background and noise of its own. A field is drawn once, on pixels of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from fastbg.simulate import (
    CITY_GLOW,
    READ_NOISE,
    SKY_LEVEL,
    Stars,
    draw_stars,
    random_stars,
    usual_fwhm,
)
from scenes import Shape, deep_sky, wide_field

PIXEL_SCALE = 2.5 / 3600
"""The side of a pixel of a field, in degrees."""

FWHM, PIXEL = 8**0.5 * np.log(2) ** 0.5, 12**-0.5
"""The full width at half maximum of a Gaussian, and the deviation of a pixel, in their units."""

PLACE = (83.8, 22.0)
"""Right ascension and declination of the middle of every field, in degrees."""


@dataclass(frozen=True)
class Kind:
    """What fills a frame, and the sky before it.

    Attributes
    ----------
    light : callable
        Draws the light of the objects, (K, H, W), linear, for a shape and a generator.
    level, glow : ndarray, (K,), linear
        The level of the sky, and how much its gradient rises.
    stars : float
        The part of the light of stars that filters let pass.
    read_noise : float, linear
    """

    light: Callable[[Shape, np.random.Generator], np.ndarray]
    level: np.ndarray
    glow: np.ndarray
    stars: float = 1.0
    read_noise: float = READ_NOISE


KINDS = {
    "mono nebulosity": Kind(deep_sky.mono_dust, SKY_LEVEL[1:2], CITY_GLOW[1:2]),
    "galaxy": Kind(deep_sky.galaxy_light, SKY_LEVEL, CITY_GLOW),
    "milky way": Kind(wide_field.galactic_light, 0.6 * SKY_LEVEL, CITY_GLOW),
    "narrowband": Kind(
        deep_sky.palette_light,
        deep_sky.PALETTE_LEVEL,
        deep_sky.PALETTE_GLOW,
        deep_sky.PALETTE_STARS,
        deep_sky.PALETTE_NOISE,
    ),
    "same colour": Kind(deep_sky.glowing_nebula, SKY_LEVEL, CITY_GLOW),
    "comet": Kind(deep_sky.comet_light, SKY_LEVEL, CITY_GLOW),
}


@dataclass(frozen=True)
class Grid:
    """The pixels of an image on a field.

    Attributes
    ----------
    shape : (H, W)
    centre : (float, float)
        Where the middle of the image lies, (y, x) in pixels of the field from its middle.
    turn : float, radians
    scale : float
        The side of a pixel, in pixels of the field.
    """

    shape: Shape
    centre: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    scale: float = 1.0

    @property
    def matrix(self) -> np.ndarray:
        """(2, 2): steps (y, x) on the field for steps (y, x) on the image."""
        sine, cosine = np.sin(self.turn), np.cos(self.turn)
        return self.scale * np.array([[cosine, sine], [-sine, cosine]])

    def on_field(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(2, ...): where pixels of the image lie, from the middle of the field."""
        height, width = self.shape
        steps = np.stack(np.broadcast_arrays(y - (height - 1) / 2, x - (width - 1) / 2))
        return np.tensordot(self.matrix, steps, 1) + np.reshape(self.centre, (2,) + (1,) * y.ndim)

    def from_field(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """(2, ...): the pixels of the image at points of the field, from its middle."""
        steps = np.stack([y - self.centre[0], x - self.centre[1]])
        middle = (np.array(self.shape) - 1) / 2
        moved = np.tensordot(np.linalg.inv(self.matrix), steps, 1)
        return moved + np.reshape(middle, (2,) + (1,) * y.ndim)

    def pixels(self) -> np.ndarray:
        """(2, H, W): where all pixels of the image lie, from the middle of the field."""
        height, width = self.shape
        return self.on_field(np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis])

    def covers(self, other: Grid) -> np.ndarray:
        """(H, W) bool: the pixels of another image that lie on this one."""
        y, x = self.from_field(*other.pixels())
        height, width = self.shape
        return (np.abs(y - (height - 1) / 2) <= height / 2) & (
            np.abs(x - (width - 1) / 2) <= width / 2
        )

    def coordinates(self) -> dict[str, str | float]:
        """The FITS keywords of a gnomonic projection, for rows in the order of the array."""
        y, x = self.from_field(np.zeros(()), np.zeros(()))
        # Right ascension rises to the left.
        cd = PIXEL_SCALE * self.matrix[::-1, ::-1] * np.array([[-1.0], [1.0]])
        return {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRVAL1": PLACE[0],
            "CRVAL2": PLACE[1],
            "CRPIX1": float(x) + 1,
            "CRPIX2": float(y) + 1,
            "CD1_1": float(cd[0, 0]),
            "CD1_2": float(cd[0, 1]),
            "CD2_1": float(cd[1, 0]),
            "CD2_2": float(cd[1, 1]),
            "RADESYS": "ICRS",
        }


@dataclass(frozen=True)
class Field:
    """The light of objects, (K, H, W) linear, and stars in pixels of the same; nothing of a sky."""

    kind: Kind
    light: np.ndarray
    stars: Stars

    @classmethod
    def of(cls, name: str, shape: Shape, rng: np.random.Generator) -> Field:
        """Draw a kind of `KINDS`."""
        kind = KINDS[name]
        return cls(kind, kind.light(shape, rng), random_stars(shape, len(kind.level), rng))

    @property
    def shape(self) -> Shape:
        height, width = self.light.shape[1:]
        return height, width

    def without_stars(self) -> Field:
        """The same objects."""
        return replace(self, stars=Stars(*(each[:0] for each in astuple(self.stars))))

    def seen(self, grid: Grid, fwhm: float = 1.0) -> np.ndarray:
        """The light on an image, (K, h, w) float32, by area, as on the field.

        Its stars are ``fwhm`` times as wide as is usual, in pixels of the image. Where the image
        reaches beyond the field, objects end.
        """
        middle = (np.array(self.shape) - 1) / 2
        where = grid.pixels() + middle[:, np.newaxis, np.newaxis]
        usual = usual_fwhm(grid.shape)
        # The air and the optics spread the light, and a pixel takes what falls on its area.
        deviation = grid.scale * np.hypot(fwhm * usual / FWHM, PIXEL)
        spread = [gaussian_filter(plane, deviation, mode="nearest") for plane in self.light]
        light = np.stack([map_coordinates(plane, where, order=1) for plane in spread])
        y, x = grid.from_field(self.stars.y - 0.5 - middle[0], self.stars.x - 0.5 - middle[1])
        # A star has less peak if its light is spread over more pixels, or over larger ones.
        peak = self.kind.stars / (fwhm * grid.scale) ** 2 * self.stars.peak
        stars = replace(self.stars, y=y + 0.5, x=x + 0.5, peak=peak)
        draw_stars(light, stars, fwhm * usual)
        return light


def grown(times: float, shape: Shape) -> Shape:
    """A shape whose sides are as many times as long."""
    return round(times * shape[0]), round(times * shape[1])


def squared(times: float, shape: Shape) -> Shape:
    """A square whose sides are as many times as long as the longest one of a shape."""
    return grown(times, (max(shape), max(shape)))

"""Hard skies of short lenses: the Milky Way, and land below or around the sky."""

from __future__ import annotations

import numpy as np

from fastbg.simulate import CITY_GLOW, FLOOR, MOON_GLOW, SKY_LEVEL

from .drawing import (
    Scene,
    Shape,
    axes,
    distance,
    exposed,
    layers,
    near_middle,
    observed,
    stars,
    tilt,
    turned,
    veil,
)
from .familiar import AIRGLOW, LANDSCAPE

UNRESOLVED = np.array([0.050, 0.043, 0.035])
"""The light of the stars of the Milky Way that are too faint to be seen singly: yellowish."""

SODIUM = np.array([0.050, 0.028, 0.010])
"""The glow of a town lit by sodium lamps."""

EARTH_RADIUS, AIRGLOW_HEIGHT = 6371.0, 90.0
"""In km."""


def milky_way(shape: Shape, rng: np.random.Generator) -> Scene:
    """The Milky Way across the frame, with dark clouds before it, above airglow and a glow.

    The faint stars of the thick disc shine everywhere, except where a dark cloud hides them: such a
    cloud is darker than the rest of the frame.
    """
    background = layers(
        0.6 * SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)), (0.3 * AIRGLOW, tilt(shape, rng))
    )
    light = galactic_light(shape, rng)
    return observed(background, light + stars(shape, rng), rng)


def galactic_light(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The unresolved stars of the thin and the thick disc behind dark clouds, (3, H, W) float32."""
    along, across = turned(shape, rng.uniform(0, np.pi), near_middle(shape, rng, 0.12))
    wave = 0.03 * np.sin(5 * along + np.float32(rng.uniform(0, 6.3)))
    latitude = across - wave
    bulge = 1 + 0.8 * np.exp(-(((along - np.float32(rng.uniform(-0.3, 0.3))) / 0.25) ** 2))
    thin = bulge * np.exp(-np.abs(latitude) / (0.07 * bulge)) * np.exp(0.25 * veil(shape, rng, 1.4))
    thick = 0.15 * np.exp(-np.abs(latitude) / 1.5)
    rift = np.exp(-((latitude / 0.09) ** 2))
    dust = veil(shape, rng, 1.5) - 0.6 + 1.2 * rift
    transmission = np.exp(-1.5 * np.maximum(dust, 0))
    # Dust takes blue light first.
    reddened = np.stack([transmission**power for power in (0.8, 1.0, 1.25)])
    light = UNRESOLVED[:, np.newaxis, np.newaxis] * (thin + thick) * reddened
    return light.astype(np.float32)


def fisheye(shape: Shape, rng: np.random.Generator) -> Scene:
    """The whole sky to the horizon, which is a circle in the frame or cuts its corners.

    The airglow follows van Rhijn's law for a layer at 90 km, dimmed by the air before it, and two
    towns glow at the horizon. Trees stand there, and outside of the lens's circle there is nothing.
    """
    height, width = (n / max(shape) for n in shape)
    circular = rng.random() < 0.5
    horizon = 0.5 * min(height, width) if circular else 0.46 * np.hypot(height, width)
    y, x = axes(shape)
    zenith_angle = distance(shape, (0, 0)) / np.float32(horizon) * np.float32(np.pi / 2)
    azimuth = np.arctan2(y, x)
    z = np.minimum(zenith_angle, np.float32(np.pi / 2))
    slant = EARTH_RADIUS / (EARTH_RADIUS + AIRGLOW_HEIGHT) * np.sin(z)
    rhijn = 1 / np.sqrt(1 - slant**2)
    air_mass = 1 / (np.cos(z) + 0.025 * np.exp(-11 * np.cos(z)))
    airglow = rhijn * np.exp(-0.06 * (air_mass - 1))
    towns = [
        (
            rng.uniform(0.5, 1.0) * colour,
            np.exp((z - np.pi / 2) / rng.uniform(0.15, 0.3) + 3 * (np.cos(azimuth - bearing) - 1)),
        )
        for colour, bearing in ((SODIUM, rng.uniform(0, 6.3)), (CITY_GLOW, rng.uniform(0, 6.3)))
    ]
    background = layers(0.15 * SKY_LEVEL, (0.6 * AIRGLOW, airglow), *towns)
    galaxy = 0.4 * (rng.random() < 0.5) * galactic_light(shape, rng)
    trees = np.interp(azimuth, np.linspace(-np.pi, np.pi, 721), _treeline(rng))
    land = zenith_angle > np.pi / 2 - trees
    seen = background + galaxy + stars(shape, rng)
    seen[:, land] = LANDSCAPE[:, np.newaxis]
    seen[:, zenith_angle > 1.02 * np.pi / 2] = FLOOR
    return exposed(background, seen, rng, valid=~land)


def dark_land(shape: Shape, rng: np.random.Generator) -> Scene:
    """An even, dark plain fills 30 % of the frame under a glow; it has less noise than the sky."""
    height, width = shape
    rows = ((np.arange(height) + 0.5) / height).astype(np.float32)[:, np.newaxis]
    hills = veil((max(2, height), width), rng, 1.5)[0]
    crest = np.float32(rng.uniform(0.66, 0.74)) + np.float32(0.008) * hills
    land = rows > crest
    glow = np.exp((rows - 0.7) / np.float32(rng.uniform(0.15, 0.4))) * np.exp(
        -((axes(shape)[1] - np.float32(rng.uniform(-0.4, 0.4))) ** 2) / 0.5
    )
    background = layers(0.5 * SKY_LEVEL, (0.8 * SODIUM, glow), (0.5 * MOON_GLOW, tilt(shape, rng)))
    plain = layers(0 * LANDSCAPE, (0.8 * LANDSCAPE, 1 + 0.03 * veil(shape, rng, 1.5)))
    seen = np.where(land, plain, background + stars(shape, rng))
    return exposed(background, seen, rng, valid=~land)


def _treeline(rng: np.random.Generator) -> np.ndarray:
    """Heights of trees above the horizon in radians at 721 azimuths, a full turn."""
    heights = rng.uniform(0.03, 0.09) + np.zeros(721)
    turn = np.linspace(0, 2 * np.pi, 721)
    for wave in range(1, 40):
        heights += 0.03 / wave**0.8 * rng.standard_normal() * np.cos(wave * turn + 6.3 * wave)
    return np.maximum(heights, 0.01)

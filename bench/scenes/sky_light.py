"""Hard skies of strange light: domes, twilight, clouds; and skies with hardly any gradient."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from fastbg.simulate import CITY_GLOW, EMISSION, MOON_GLOW, SKY_LEVEL

from .drawing import (
    Scene,
    Shape,
    cloud,
    distance,
    exposed,
    layers,
    observed,
    outside,
    stars,
    tilt,
    turned,
    veil,
)
from .wide_field import SODIUM

LED = np.array([0.022, 0.026, 0.034])
"""The glow of a town lit by white diodes."""

FINEST = 0.05
"""Structure of clouds that is smaller than this is no background: no smooth surface follows it."""


def two_domes(shape: Shape, rng: np.random.Generator) -> Scene:
    """Two towns of different colours beyond two edges, and a nebula between them."""
    first = rng.uniform(0, 2 * np.pi)
    second = first + rng.uniform(0.5, 1.5) * np.pi
    domes = [
        (rng.uniform(0.8, 1.4) * colour, _dome(shape, bearing, rng.uniform(0.15, 0.3)))
        for colour, bearing in ((SODIUM, first), (LED, second))
    ]
    background = layers(SKY_LEVEL, *domes)
    nebula = layers(0 * EMISSION, (EMISSION, cloud(shape, rng, rng.uniform(0.1, 0.18), veil)))
    return observed(background, nebula + stars(shape, rng), rng)


def narrow_dome(shape: Shape, rng: np.random.Generator) -> Scene:
    """A village just beyond one edge: a dome that is steep and narrow, on an even sky."""
    dome = _dome(shape, rng.uniform(0, 2 * np.pi), rng.uniform(0.07, 0.11))
    background = layers(SKY_LEVEL, (1.5 * SODIUM, dome), (MOON_GLOW, tilt(shape, rng)))
    return observed(background, stars(shape, rng), rng)


def twilight(shape: Shape, rng: np.random.Generator) -> Scene:
    """The Sun ten degrees below the horizon: the sky brightens many times over toward it.

    Red light comes from a narrow arch, blue light from high up, so that each colour has a gradient
    of its own shape.
    """
    along, across = turned(shape, rng.uniform(0, 2 * np.pi))
    depth = along.max() - along + np.float32(0.25) * across**2
    steepness = rng.uniform(0.8, 1.25) * np.array([0.13, 0.19, 0.32])
    brightness = rng.uniform(0.7, 1.3) * np.array([0.30, 0.20, 0.14])
    light = (b * np.exp(-depth / np.float32(s)) for b, s in zip(brightness, steepness, strict=True))
    level = SKY_LEVEL[:, np.newaxis, np.newaxis]
    background = (np.stack([*light]) + level).astype(np.float32)
    return observed(background, stars(shape, rng), rng)


def high_cirrus(shape: Shape, rng: np.random.Generator) -> Scene:
    """High clouds lit by a town: streaks on all scales, of which the large ones are background."""
    along, _ = turned(shape, rng.uniform(0, np.pi))
    streaks = np.exp(0.7 * veil(shape, rng, 1.7)) * (1 + 0.2 * np.sin(9 * along))
    return _clouded(shape, rng, CITY_GLOW / 2, streaks)


def thin_clouds(shape: Shape, rng: np.random.Generator) -> Scene:
    """What is left of clouds that moved while the frames were taken: soft, large patches."""
    return _clouded(shape, rng, 0.25 * (CITY_GLOW + MOON_GLOW), np.exp(0.6 * veil(shape, rng, 2.6)))


def bare_tilt(shape: Shape, rng: np.random.Generator) -> Scene:
    """Nothing but a tilt and noise: no stars, no objects."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    return exposed(background, background.copy(), rng)


def flat_sky(shape: Shape, rng: np.random.Generator) -> Scene:
    """A sky without a gradient: the tilt across the frame is half of the noise of a pixel."""
    background = layers(SKY_LEVEL, (np.full(3, 5e-4), tilt(shape, rng)))
    return observed(background, stars(shape, rng), rng)


def _clouded(
    shape: Shape, rng: np.random.Generator, colour: np.ndarray, light: np.ndarray
) -> Scene:
    """A scene whose background is a tilt and what is large in a light, (H, W)."""
    sigma = FINEST * max(shape)
    large = gaussian_filter(light, sigma, mode="nearest", truncate=3)
    background = layers(SKY_LEVEL, (0.3 * CITY_GLOW, tilt(shape, rng)), (colour, large))
    fine = layers(0 * colour, (colour, light - large))
    return observed(background, fine + stars(shape, rng), rng)


def _dome(shape: Shape, bearing: float, reach: float) -> np.ndarray:
    """The glow, (H, W) float32, of a town 0.08 beyond the edge in a bearing; at most 1."""
    return np.exp((0.08 - distance(shape, outside(shape, bearing, 0.08))) / np.float32(reach))

"""The skies that the search was made on: what most images look like."""

from __future__ import annotations

import numpy as np

from fastbg.simulate import (
    CITY_GLOW,
    EMISSION,
    MOON_GLOW,
    REFLECTION,
    SKY_LEVEL,
    fractal_noise,
    ragged_border,
)

from .drawing import (
    Scene,
    Shape,
    axes,
    beyond_edge,
    cloud,
    clouds,
    distance,
    exposed,
    layers,
    observed,
    stars,
    tilt,
)

AIRGLOW = np.array([0.020, 0.030, 0.018])
MOONLIGHT = np.array([0.15, 0.18, 0.24])
GALAXY = np.array([0.055, 0.050, 0.048])
LANDSCAPE = np.array([0.0060, 0.0052, 0.0045])

DEFECTS = 5e-4
"""The share of the pixels that are hot; as many are cold."""

STEPS = 65535
"""The largest value of a sample of 16 bits."""


def star_field(shape: Shape, rng: np.random.Generator) -> Scene:
    """Stars on a gentle gradient and nothing else; every method should get this right."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    return observed(background, stars(shape, rng), rng)


def light_dome(shape: Shape, rng: np.random.Generator) -> Scene:
    """A town below one edge, whose light falls off exponentially, and a few small nebulae."""
    town = 2 * CITY_GLOW, np.exp(distance(shape, beyond_edge(shape, rng, 0.08)) / -0.22)
    background = layers(SKY_LEVEL, town, (MOON_GLOW, tilt(shape, rng)))
    light = stars(shape, rng)
    for _ in range(rng.integers(3, 6)):
        colour = EMISSION if rng.random() < 0.6 else REFLECTION
        light += layers(0 * colour, (colour, cloud(shape, rng, rng.uniform(0.02, 0.05))))
    return observed(background, light, rng)


def large_nebula(shape: Shape, rng: np.random.Generator) -> Scene:
    """A nebula as wide as half the frame and brighter than the gradient is deep."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    clouds = [(c, cloud(shape, rng, 0.27)) for c in (1.5 * EMISSION, 0.4 * REFLECTION)]
    return observed(background, stars(shape, rng) + layers(0 * EMISSION, *clouds), rng)


def faint_nebulosity(shape: Shape, rng: np.random.Generator) -> Scene:
    """Thin dust over the whole frame: bare sky is seen through few holes only."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    dust = np.exp(0.6 * clouds(shape, rng, 1.5))
    haze = np.array([0.0040, 0.0034, 0.0030]), dust - dust.min()
    return observed(background, stars(shape, rng) + layers(0 * EMISSION, haze), rng)


def nightscape(shape: Shape, rng: np.random.Generator) -> Scene:
    """Airglow that rises to a horizon, a dark landscape below it, and borders left by stacking."""
    height, width = shape
    rows = (np.arange(height) + 0.5) / height
    crest = rng.uniform(0.70, 0.78) + 0.03 * fractal_noise((1, width), 1.3, rng)[0]
    land = rows[:, np.newaxis] > crest
    airglow = np.repeat(np.exp((rows - crest.mean()) / 0.3)[:, np.newaxis], width, axis=1)
    background = layers(0.5 * SKY_LEVEL, (AIRGLOW, airglow), (0.5 * CITY_GLOW, tilt(shape, rng)))
    ground = layers(0 * LANDSCAPE, (LANDSCAPE, np.exp(0.5 * clouds(shape, rng, 1.0))))
    seen = np.where(land, ground, background + stars(shape, rng))
    missing = ragged_border(shape, 0.06, rng)
    return exposed(background, seen, rng, valid=~land & ~missing, missing=missing)


def narrowband(shape: Shape, rng: np.random.Generator) -> Scene:
    """Mono through a narrow filter: hardly any sky, a faint nebula, hot and cold pixels."""
    level, rise = np.array([0.0030]), np.array([0.0010])
    background = layers(level, (rise, tilt(shape, rng)))
    nebula = np.array([0.0020]), cloud(shape, rng, 0.2)
    seen = background + layers(0 * rise, nebula) + 0.05 * stars(shape, rng, channels=1)
    lottery = rng.random(shape)
    hot, cold = lottery < DEFECTS, lottery > 1 - DEFECTS
    seen[:, hot] += rng.uniform(0.01, 1, np.count_nonzero(hot)).astype(np.float32)
    seen[:, cold] *= np.float32(0.1)
    return exposed(background, seen, rng, valid=~hot & ~cold, read_noise=2e-4)


def galaxy(shape: Shape, rng: np.random.Generator) -> Scene:
    """A spiral whose faint disc reaches far into the frame, and borders left by stacking."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    y, x = axes(shape)
    v, u = y - np.float32(rng.uniform(-0.06, 0.06)), x - np.float32(rng.uniform(-0.06, 0.06))
    turn, flattening = rng.uniform(0, np.pi), rng.uniform(0.4, 0.8)
    along = u * np.float32(np.cos(turn)) + v * np.float32(np.sin(turn))
    across = (v * np.float32(np.cos(turn)) - u * np.float32(np.sin(turn))) / np.float32(flattening)
    r = np.hypot(along, across)
    arms = 1 + 0.6 * np.sin(2 * np.arctan2(across, along) - 7 * np.log(r + 0.01))
    disc = np.exp(r / -0.06) * arms + 4 * np.exp(r / -0.008) + 0.08 * np.exp(r / -0.15)
    seen = background + stars(shape, rng) + layers(0 * GALAXY, (GALAXY, disc))
    missing = ragged_border(shape, 0.04, rng)
    return exposed(background, seen, rng, valid=~missing, missing=missing)


def moon(shape: Shape, rng: np.random.Generator) -> Scene:
    """The Moon just outside the frame: the sky brightens several times over, not as a plane."""
    glare = 0.08 / (0.06 + distance(shape, beyond_edge(shape, rng, 0.12)))
    background = layers(SKY_LEVEL, (MOONLIGHT, glare))
    return observed(background, stars(shape, rng), rng)


def satellite_trails(shape: Shape, rng: np.random.Generator) -> Scene:
    """Straight trails across the whole frame, some of them blinking."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    light = stars(shape, rng)
    y, x = axes(shape)
    for _ in range(rng.integers(5, 9)):
        bearing, offset = rng.uniform(0, np.pi), rng.uniform(-0.25, 0.25)
        along = x * np.float32(np.cos(bearing)) + y * np.float32(np.sin(bearing))
        across = y * np.float32(np.cos(bearing)) - x * np.float32(np.sin(bearing))
        width = rng.uniform(1.0, 3.0) / max(shape)
        trail = np.exp(((across - np.float32(offset)) / np.float32(width)) ** 2 / -2)
        if rng.random() < 0.4:
            trail *= np.cos(along * np.float32(rng.uniform(40, 120))) > 0.7
        light += np.float32(rng.uniform(0.01, 0.06)) * trail
    return observed(background, light, rng)


def quantised(shape: Shape, rng: np.random.Generator) -> Scene:
    """A short exposure of 16 bits: the whole gradient is a few dozen steps, the noise is one."""
    background = layers(0.02 * SKY_LEVEL, (0.02 * CITY_GLOW, tilt(shape, rng)))
    seen = background + 0.3 * stars(shape, rng)
    scene = exposed(background, seen, rng, electrons=4e6, read_noise=8e-6)
    steps = np.maximum(np.round(scene.image * STEPS), 1)
    return Scene((steps / STEPS).astype(np.float32), scene.background, scene.valid)

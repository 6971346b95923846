"""Hard skies of objects that leave no bare sky, or have its colour, or are darker than it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from fastbg.simulate import CITY_GLOW, MOON_GLOW, REFLECTION, SKY_LEVEL

from .drawing import (
    Scene,
    Shape,
    cloud,
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

CIRRUS = np.array([0.0058, 0.0054, 0.0052])
"""Dust that reflects the light of the whole Milky Way."""

COMA, COMET_DUST = np.array([0.030, 0.060, 0.045]), np.array([0.034, 0.030, 0.022])
"""Molecules of carbon shine green, dust reflects sunlight."""

PALETTE_LEVEL = np.array([0.0030, 0.0034, 0.0040])
PALETTE_GLOW = np.array([0.0008, 0.0010, 0.0014])
PALETTE_STARS, PALETTE_NOISE = 0.05, 2e-4
"""Narrow filters let little of the sky and a twentieth of the stars' light pass."""

CLUSTER = np.array([1.1, 1.0, 0.9])
"""Old stars are yellowish."""


def galactic_cirrus(shape: Shape, rng: np.random.Generator) -> Scene:
    """Integrated flux nebula: faint, fractal dust over the whole frame, almost grey."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    dust = layers(0 * CIRRUS, (CIRRUS, _fractal_dust(shape, rng)))
    return observed(background, dust + stars(shape, rng), rng)


def mono_cirrus(shape: Shape, rng: np.random.Generator) -> Scene:
    """Integrated flux nebula through a luminance filter: no colour tells it from the sky."""
    background = layers(SKY_LEVEL[1:2], (CITY_GLOW[1:2], tilt(shape, rng)))
    return observed(background, mono_dust(shape, rng) + stars(shape, rng, channels=1), rng)


def mono_dust(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The light of the nebula alone, (1, H, W) float32."""
    return layers(np.zeros(1), (CIRRUS[1:2], _fractal_dust(shape, rng)))


def hubble_palette(shape: Shape, rng: np.random.Generator) -> Scene:
    """Narrow filters as colours: hydrogen nine times its gradient, sulphur and oxygen fainter."""
    gradients = [(PALETTE_GLOW * part, tilt(shape, rng)) for part in np.eye(3)]
    background = layers(PALETTE_LEVEL, *gradients)
    seen = background + palette_light(shape, rng) + np.float32(PALETTE_STARS) * stars(shape, rng)
    return exposed(background, seen, rng, read_noise=PALETTE_NOISE)


def palette_light(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The light of sulphur, hydrogen and oxygen alone, (3, H, W) float32."""
    hydrogen = cloud(shape, rng, rng.uniform(0.26, 0.36), veil)
    sulphur = hydrogen * np.exp(0.5 * veil(shape, rng, 1.6))
    oxygen = cloud(shape, rng, rng.uniform(0.12, 0.2), veil)
    peaks = np.array([1.5, 9.0, 2.0]) * PALETTE_GLOW
    lights = zip(np.eye(3), (sulphur, hydrogen, oxygen), strict=True)
    return layers(np.zeros(3), *((peaks * part, light) for part, light in lights))


def andromeda(shape: Shape, rng: np.random.Generator) -> Scene:
    """A near galaxy that fills most of the frame and has the colour of the sky."""
    light = galaxy_light(shape, rng)
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    return observed(background, light + stars(shape, rng), rng)


def galaxy_light(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The light of the galaxy alone, (3, H, W) float32."""
    along, across = turned(shape, rng.uniform(-0.6, 0.6), near_middle(shape, rng, 0.05))
    r = np.hypot(along, across / np.float32(rng.uniform(0.35, 0.55)))
    angle = np.arctan2(across / np.float32(0.4), along)
    rings = 1 + 0.25 * np.sin(2 * angle - 9 * np.log(r + np.float32(0.05)))
    lanes = np.exp(-0.5 * np.exp(-(((r - 0.3) / 0.08) ** 2)) * np.maximum(veil(shape, rng, 1.5), 0))
    disc = np.exp(r / np.float32(-0.21)) * rings * lanes + 3 * np.exp(r / np.float32(-0.02))
    return layers(0 * SKY_LEVEL, (1.3 * SKY_LEVEL, disc))


def nebula_like_sky(shape: Shape, rng: np.random.Generator) -> Scene:
    """A large nebula in the very colour of the gradient: colour cannot tell them apart."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    return observed(background, glowing_nebula(shape, rng) + stars(shape, rng), rng)


def glowing_nebula(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The light of the nebula alone, (3, H, W) float32."""
    return layers(0 * CITY_GLOW, (CITY_GLOW, cloud(shape, rng, rng.uniform(0.2, 0.3), veil)))


def comet(shape: Shape, rng: np.random.Generator) -> Scene:
    """A green coma that falls off as 1 / r, and a tail of dust that broadens across the frame."""
    light = comet_light(shape, rng)
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    return observed(background, light + stars(shape, rng), rng)


def comet_light(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The light of the comet alone, (3, H, W) float32."""
    bearing = rng.uniform(0, 2 * np.pi)
    head = (-0.25 * np.sin(bearing) * shape[0] / max(shape), -0.25 * np.cos(bearing))
    along, across = turned(shape, bearing, head)
    r = np.hypot(along, across)
    coma = 0.01 / (r + np.float32(0.002)) * np.exp(-r / np.float32(0.25))
    behind = np.maximum(along, 0)
    width = np.float32(0.02) + np.float32(rng.uniform(0.15, 0.3)) * behind
    bend = np.float32(rng.uniform(-0.25, 0.25)) * behind**2
    tail = np.exp(-(((across - bend) / width) ** 2)) * np.exp(-behind / np.float32(0.5))
    tail *= np.clip(along / np.float32(0.02) + 1, 0, 1)
    return layers(0 * COMA, (COMA, coma), (COMET_DUST, tail))


def globular_cluster(shape: Shape, rng: np.random.Generator) -> Scene:
    """Some hundred thousand stars after King's profile; the faint ones run into a broad halo."""
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    core, centre = rng.uniform(0.015, 0.03), near_middle(shape, rng, 0.1)
    # The projected profile 1 / (1 + (r / core)^2) up to a limit, by inversion.
    limit, members = rng.uniform(0.4, 0.6), shape[0] * shape[1] // 12
    r = core * np.sqrt((1 + (limit / core) ** 2) ** rng.uniform(size=members) - 1)
    turn = rng.uniform(0, 2 * np.pi, members)
    flux = 0.01 * (1 - rng.uniform(size=members)) ** (-1 / 1.5)
    y, x = centre[0] + r * np.sin(turn), centre[1] + r * np.cos(turn)
    edges = [np.linspace(-n / 2, n / 2, n + 1) / max(shape) for n in shape]
    placed = np.histogram2d(y, x, bins=edges, weights=np.minimum(flux, 20))[0]
    light = layers(np.zeros(3), (CLUSTER, gaussian_filter(placed, 1.2)))
    return observed(background, light + stars(shape, rng), rng)


def dark_dust(shape: Shape, rng: np.random.Generator) -> Scene:
    """A dark nebula in mono: it hides a fifth of the light over a third of the frame."""
    level = SKY_LEVEL[1:2]
    background = layers(level, (CITY_GLOW[1:2], tilt(shape, rng)))
    dust = veil(shape, rng, 2.0)
    edge = np.quantile(dust, 2 / 3)
    hidden = np.clip((dust - edge) / 0.8, 0, 1) * 0.2 * np.exp(0.1 * veil(shape, rng, 1.5))
    seen = background - layers(np.zeros(1), (level, hidden)) + stars(shape, rng, channels=1)
    return exposed(background, seen, rng)


def pleiades(shape: Shape, rng: np.random.Generator) -> Scene:
    """Several bright stars in bluish haloes of reflecting dust, which reach across the frame."""
    wisps = np.exp(0.7 * veil(shape, rng, 1.5))
    haloes = np.zeros(shape, np.float32)
    bright = np.zeros(shape, np.float32)
    for _ in range(rng.integers(6, 10)):
        r = distance(shape, near_middle(shape, rng, 0.28))
        strength = rng.uniform(0.3, 1.0)
        haloes += np.float32(strength) * np.exp(r / np.float32(-rng.uniform(0.03, 0.09)))
        pixels = r * max(shape)
        bright += 20 * strength * (1 + (pixels / 2) ** 2) ** -2.0 + 0.01 * (1 + pixels / 9) ** -2.0
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)), (MOON_GLOW, tilt(shape, rng)))
    dust = haloes * wisps + 0.15 * wisps
    light = layers(0 * REFLECTION, (REFLECTION, dust), (np.array([0.8, 0.9, 1.0]), bright))
    return observed(background, light + stars(shape, rng), rng)


def _fractal_dust(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Dust, (H, W) float32, whose amplitude falls as frequency to the 1.5; mean 1, at least 0."""
    dust = np.exp(0.8 * veil(shape, rng, 1.5))
    dust -= np.quantile(dust, 0.02)
    return np.maximum(dust / dust.mean(), 0).astype(np.float32)

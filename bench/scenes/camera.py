"""Hard skies made by cameras: glows at borders, flats, counts, overscan, edges, saturation."""

from __future__ import annotations

import numpy as np

from fastbg.simulate import CITY_GLOW, FLOOR, MOON_GLOW, READ_NOISE, SKY_LEVEL

from .drawing import (
    Scene,
    Shape,
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

STEPS_16, STEPS_8 = 65535, 255
"""The largest values of samples of 16 and 8 bits."""

PIXEL_NOISE = 1.1e-3
"""The noise of a pixel of other skies: stars are scaled so that they stand out of it as there."""


def amplifier_glow(shape: Shape, rng: np.random.Generator) -> Scene:
    """The read-out amplifier shines on a corner: steep, and alike in all channels; or mono."""
    channels = int(rng.choice((1, 3)))
    corner = [rng.choice((-0.5, 0.5)) * n / max(shape) for n in shape]
    glow = np.exp(-distance(shape, (corner[0], corner[1])) / np.float32(rng.uniform(0.03, 0.06)))
    counts = np.full(channels, rng.uniform(0.06, 0.15))
    background = layers(
        SKY_LEVEL[:channels], (CITY_GLOW[:channels] / 2, tilt(shape, rng)), (counts, glow)
    )
    return observed(background, stars(shape, rng, channels), rng)


def edge_glow(shape: Shape, rng: np.random.Generator) -> Scene:
    """A glow along one edge, brightest at one place: a dew heater, or light around a filter."""
    along, across = turned(shape, rng.integers(4) * np.pi / 2)
    spot = np.exp(-(((across - np.float32(rng.uniform(-0.2, 0.2))) / np.float32(0.3)) ** 2))
    glow = np.exp((along - along.max()) / np.float32(rng.uniform(0.03, 0.06))) * (0.3 + 0.7 * spot)
    warm = rng.uniform(0.03, 0.07) * np.array([1.0, 0.6, 0.4])
    background = layers(SKY_LEVEL, (CITY_GLOW / 2, tilt(shape, rng)), (warm, glow))
    return observed(background, stars(shape, rng), rng)


def bad_flat(shape: Shape, rng: np.random.Generator) -> Scene:
    """A flat that took away too little: dark corners, and the shadows of dust on the filter.

    The shadows are rings as wide as the telescope makes them, and no smooth background.
    """
    radius = distance(shape, near_middle(shape, rng, 0.06))
    falloff = 1 - rng.uniform(0.12, 0.25) * (radius / radius.max()) ** 2
    sky = layers(SKY_LEVEL, (0.4 * CITY_GLOW, tilt(shape, rng)))
    background = (sky * falloff).astype(np.float32)
    shadows = np.ones(shape, np.float32)
    for _ in range(rng.integers(4, 9)):
        r = distance(shape, near_middle(shape, rng, 0.5)) / np.float32(rng.uniform(0.012, 0.03))
        shadows -= np.float32(rng.uniform(0.01, 0.03)) * ((r < 1) & (r > 0.35))
    return exposed(background, (background + stars(shape, rng)) * shadows, rng)


def few_counts(shape: Shape, rng: np.random.Generator) -> Scene:
    """16 bits of a short exposure: the noise is one to three counts, the gradient a few more."""
    return _counted(shape, rng, STEPS_16, rng.uniform(200, 500))


def eight_bits(shape: Shape, rng: np.random.Generator) -> Scene:
    """8 bits, as video cameras send them: the noise is one to three counts, too."""
    return _counted(shape, rng, STEPS_8, rng.uniform(25, 60))


def overscan(shape: Shape, rng: np.random.Generator) -> Scene:
    """A strip of overscan beside the sky, and often a second one: the bias, no stars, no photons.

    Where there is no sky, `valid` is False.
    """
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    strip = np.zeros(shape, bool)
    for axis in rng.permutation(2)[: rng.integers(1, 3)]:
        width = max(2, round(rng.uniform(0.02, 0.06) * shape[axis]))
        rows = np.moveaxis(strip, axis, 0)
        rows[slice(width) if rng.random() < 0.5 else slice(-width, None)] = True
    bias = rng.uniform(0.005, 0.02)
    scene = exposed(background, background + stars(shape, rng), rng, valid=~strip)
    scene.image[strip] = bias + READ_NOISE * rng.standard_normal((strip.sum(), 3))
    return scene


def soft_border(shape: Shape, rng: np.random.Generator) -> Scene:
    """A dark border with soft edges: registration turned the frame and interpolated its edges."""
    along, across = turned(shape, rng.uniform(0.01, 0.04) * rng.choice((-1, 1)))
    half_y, half_x = (n / (2 * max(shape)) - rng.uniform(0.01, 0.025) for n in shape)
    inside = np.minimum(half_x - np.abs(along), half_y - np.abs(across))
    # In pixels: an interpolation reaches a few of them, whatever the size of the frame.
    coverage = np.clip(inside * max(shape) / rng.uniform(3, 10), 0, 1).astype(np.float32)
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)))
    seen = (background + stars(shape, rng)) * coverage + np.float32(FLOOR)
    return exposed(background, seen, rng, valid=coverage == 1)


def saturated_core(shape: Shape, rng: np.random.Generator) -> Scene:
    """An overexposed core with a halo: 9 % of the frame are 1. A model is judged there, too."""
    centre = near_middle(shape, rng, 0.25)
    r = distance(shape, centre) * np.exp(0.15 * veil(shape, rng, 2.0))
    edge = np.quantile(r, 0.09)
    halo = np.minimum((edge / np.maximum(r, edge / 10)) ** 5, 4)
    background = layers(SKY_LEVEL, (CITY_GLOW, tilt(shape, rng)), (MOON_GLOW, tilt(shape, rng)))
    light = layers(np.zeros(3), (np.ones(3), halo))
    return observed(background, light + stars(shape, rng), rng)


def _counted(shape: Shape, rng: np.random.Generator, steps: int, level: float) -> Scene:
    """A scene in integers; the level of the sky is in steps of the converter."""
    noise = rng.uniform(1, 3) / steps
    colours = SKY_LEVEL / SKY_LEVEL.max(), CITY_GLOW / CITY_GLOW.max()
    rise = rng.uniform(3, 5) * noise
    background = layers(level / steps * colours[0], (rise * colours[1], tilt(shape, rng)))
    # Half of the variance is the photons', half the camera's.
    electrons = 2 * level / steps / noise**2
    scene = exposed(
        background,
        background + np.float32(noise / PIXEL_NOISE) * stars(shape, rng),
        rng,
        electrons=electrons,
        read_noise=noise / np.sqrt(2),
    )
    counts = np.maximum(np.round(scene.image * steps), 1)
    return Scene((counts / steps).astype(np.float32), scene.background, scene.valid)

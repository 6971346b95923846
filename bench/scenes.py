"""Simulated skies with a known background, one function for each kind of scene, and the errors.

The error is std(model - truth) / std(truth) over valid sky, the mean over the channels: 0 is
perfect, and a flat model has 1. A constant offset does not count, for no method can tell it from
the level of the sky.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastbg.simulate import (
    CITY_GLOW,
    ELECTRONS,
    EMISSION,
    FLOOR,
    MOON_GLOW,
    READ_NOISE,
    REFLECTION,
    SKY_LEVEL,
    SimulatedSky,
    add_stars,
    enlarged_rows,
    fractal_noise,
    ragged_border,
)

Shape = tuple[int, int]

CLOUD_PIXELS = 512
"""The longest side at which clouds are drawn; they have no finer structure."""

AIRGLOW = np.array([0.020, 0.030, 0.018])
MOONLIGHT = np.array([0.15, 0.18, 0.24])
GALAXY = np.array([0.055, 0.050, 0.048])
LANDSCAPE = np.array([0.0060, 0.0052, 0.0045])

DEFECTS = 5e-4
"""The share of the pixels that are hot; as many are cold."""

STEPS = 65535
"""The largest value of a sample of 16 bits."""


@dataclass(frozen=True)
class Scene(SimulatedSky):
    """A simulated image, linear, in [0, 1], and the background in it.

    Attributes
    ----------
    image, background : ndarray, (H, W, K), float32, linear
        See `fastbg.simulate.SimulatedSky`; samples that are exactly 0 are missing, and only those.
    valid : ndarray, (H, W), bool
        Where the sky is visible, alone or behind objects: not missing, no landscape, no dead pixel.
    """

    valid: np.ndarray


def star_field(shape: Shape, rng: np.random.Generator) -> Scene:
    """Stars on a gentle gradient and nothing else; every method should get this right."""
    background = _layers(SKY_LEVEL, (CITY_GLOW, _tilt(shape, rng)))
    return _observed(background, _stars(shape, rng), rng)


def light_dome(shape: Shape, rng: np.random.Generator) -> Scene:
    """A town below one edge, whose light falls off exponentially, and a few small nebulae."""
    town = 2 * CITY_GLOW, np.exp(_distance(shape, _beyond_edge(shape, rng, 0.08)) / -0.22)
    background = _layers(SKY_LEVEL, town, (MOON_GLOW, _tilt(shape, rng)))
    light = _stars(shape, rng)
    for _ in range(rng.integers(3, 6)):
        colour = EMISSION if rng.random() < 0.6 else REFLECTION
        light += _layers(0 * colour, (colour, _cloud(shape, rng, rng.uniform(0.02, 0.05))))
    return _observed(background, light, rng)


def large_nebula(shape: Shape, rng: np.random.Generator) -> Scene:
    """A nebula as wide as half the frame and brighter than the gradient is deep."""
    background = _layers(SKY_LEVEL, (CITY_GLOW, _tilt(shape, rng)))
    clouds = [(c, _cloud(shape, rng, 0.27)) for c in (1.5 * EMISSION, 0.4 * REFLECTION)]
    return _observed(background, _stars(shape, rng) + _layers(0 * EMISSION, *clouds), rng)


def faint_nebulosity(shape: Shape, rng: np.random.Generator) -> Scene:
    """Thin dust over the whole frame: bare sky is seen through few holes only."""
    background = _layers(SKY_LEVEL, (CITY_GLOW, _tilt(shape, rng)))
    dust = np.exp(0.6 * _clouds(shape, rng, 1.5))
    haze = np.array([0.0040, 0.0034, 0.0030]), dust - dust.min()
    return _observed(background, _stars(shape, rng) + _layers(0 * EMISSION, haze), rng)


def nightscape(shape: Shape, rng: np.random.Generator) -> Scene:
    """Airglow that rises to a horizon, a dark landscape below it, and borders left by stacking."""
    height, width = shape
    rows = (np.arange(height) + 0.5) / height
    crest = rng.uniform(0.70, 0.78) + 0.03 * fractal_noise((1, width), 1.3, rng)[0]
    land = rows[:, np.newaxis] > crest
    airglow = np.repeat(np.exp((rows - crest.mean()) / 0.3)[:, np.newaxis], width, axis=1)
    background = _layers(0.5 * SKY_LEVEL, (AIRGLOW, airglow), (0.5 * CITY_GLOW, _tilt(shape, rng)))
    ground = _layers(0 * LANDSCAPE, (LANDSCAPE, np.exp(0.5 * _clouds(shape, rng, 1.0))))
    seen = np.where(land, ground, background + _stars(shape, rng))
    missing = ragged_border(shape, 0.06, rng)
    return _exposed(background, seen, ~land & ~missing, missing, rng)


def narrowband(shape: Shape, rng: np.random.Generator) -> Scene:
    """Mono through a narrow filter: hardly any sky, a faint nebula, hot and cold pixels."""
    level, rise = np.array([0.0030]), np.array([0.0010])
    background = _layers(level, (rise, _tilt(shape, rng)))
    nebula = np.array([0.0020]), _cloud(shape, rng, 0.2)
    seen = background + _layers(0 * rise, nebula) + 0.05 * _stars(shape, rng, channels=1)
    lottery = rng.random(shape)
    hot, cold = lottery < DEFECTS, lottery > 1 - DEFECTS
    seen[:, hot] += rng.uniform(0.01, 1, np.count_nonzero(hot)).astype(np.float32)
    seen[:, cold] *= np.float32(0.1)
    return _exposed(background, seen, ~hot & ~cold, None, rng, read_noise=2e-4)


def galaxy(shape: Shape, rng: np.random.Generator) -> Scene:
    """A spiral whose faint disc reaches far into the frame, and borders left by stacking."""
    background = _layers(SKY_LEVEL, (CITY_GLOW, _tilt(shape, rng)))
    y, x = _axes(shape)
    v, u = y - np.float32(rng.uniform(-0.06, 0.06)), x - np.float32(rng.uniform(-0.06, 0.06))
    turn, flattening = rng.uniform(0, np.pi), rng.uniform(0.4, 0.8)
    along = u * np.float32(np.cos(turn)) + v * np.float32(np.sin(turn))
    across = (v * np.float32(np.cos(turn)) - u * np.float32(np.sin(turn))) / np.float32(flattening)
    r = np.hypot(along, across)
    arms = 1 + 0.6 * np.sin(2 * np.arctan2(across, along) - 7 * np.log(r + 0.01))
    disc = np.exp(r / -0.06) * arms + 4 * np.exp(r / -0.008) + 0.08 * np.exp(r / -0.15)
    seen = background + _stars(shape, rng) + _layers(0 * GALAXY, (GALAXY, disc))
    missing = ragged_border(shape, 0.04, rng)
    return _exposed(background, seen, ~missing, missing, rng)


def moon(shape: Shape, rng: np.random.Generator) -> Scene:
    """The Moon just outside the frame: the sky brightens several times over, not as a plane."""
    glare = 0.08 / (0.06 + _distance(shape, _beyond_edge(shape, rng, 0.12)))
    background = _layers(SKY_LEVEL, (MOONLIGHT, glare))
    return _observed(background, _stars(shape, rng), rng)


def satellite_trails(shape: Shape, rng: np.random.Generator) -> Scene:
    """Straight trails across the whole frame, some of them blinking."""
    background = _layers(SKY_LEVEL, (CITY_GLOW, _tilt(shape, rng)))
    light = _stars(shape, rng)
    y, x = _axes(shape)
    for _ in range(rng.integers(5, 9)):
        bearing, offset = rng.uniform(0, np.pi), rng.uniform(-0.25, 0.25)
        along = x * np.float32(np.cos(bearing)) + y * np.float32(np.sin(bearing))
        across = y * np.float32(np.cos(bearing)) - x * np.float32(np.sin(bearing))
        width = rng.uniform(1.0, 3.0) / max(shape)
        trail = np.exp(((across - np.float32(offset)) / np.float32(width)) ** 2 / -2)
        if rng.random() < 0.4:
            trail *= np.cos(along * np.float32(rng.uniform(40, 120))) > 0.7
        light += np.float32(rng.uniform(0.01, 0.06)) * trail
    return _observed(background, light, rng)


def quantised(shape: Shape, rng: np.random.Generator) -> Scene:
    """A short exposure of 16 bits: the whole gradient is a few dozen steps, the noise is one."""
    background = _layers(0.02 * SKY_LEVEL, (0.02 * CITY_GLOW, _tilt(shape, rng)))
    seen = background + 0.3 * _stars(shape, rng)
    scene = _exposed(background, seen, None, None, rng, electrons=4e6, read_noise=8e-6)
    steps = np.maximum(np.round(scene.image * STEPS), 1)
    return Scene((steps / STEPS).astype(np.float32), scene.background, scene.valid)


SCENES: dict[str, Callable[[Shape, np.random.Generator], Scene]] = {
    function.__name__.replace("_", " "): function
    for function in (
        star_field,
        light_dome,
        large_nebula,
        faint_nebulosity,
        nightscape,
        narrowband,
        galaxy,
        moon,
        satellite_trails,
        quantised,
    )
}


def simulate(name: str, shape: Shape, seed: int) -> Scene:
    """Simulate a scene of `SCENES`; each name and seed has a generator of its own."""
    return SCENES[name](shape, np.random.default_rng([seed, [*SCENES].index(name)]))


def error(model: np.ndarray, scene: Scene) -> float:
    """The error of a model, (H, W, K) linear; see the top of this file."""
    truth = scene.background[scene.valid].astype(np.float64)
    difference = model[scene.valid] - truth
    return float((difference.std(axis=0) / truth.std(axis=0)).mean())


def uncertainty(told: np.ndarray, scene: Scene) -> float:
    """The uncertainty that a model reports, (rows, columns, K) linear, in the unit of `error`."""
    truth = scene.background[scene.valid].astype(np.float64)
    return float((np.sqrt((told**2).mean(axis=(0, 1))) / truth.std(axis=0)).mean())


def _axes(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """y, (H, 1), and x, (W,), float32, from the middle, in units of the longest side."""
    y, x = ((np.arange(n) + 0.5 - n / 2) / max(shape) for n in shape)
    return y.astype(np.float32)[:, np.newaxis], x.astype(np.float32)


def _tilt(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """A glow from 0 to 1, (H, W) float32, that rises in a random direction; it is no polynomial."""
    y, x = _axes(shape)
    bearing = rng.uniform(0, 2 * np.pi)
    sine, cosine = np.float32(np.sin(bearing)), np.float32(np.cos(bearing))
    along, across = x * cosine + y * sine, y * cosine - x * sine
    glow = np.exp(np.float32(2.2) * along - np.float32(rng.uniform(0.3, 1.5)) * across**2)
    return (glow - glow.min()) / max(np.ptp(glow), np.float32(1e-6))


def _beyond_edge(shape: Shape, rng: np.random.Generator, distance: float) -> tuple[float, float]:
    """A point (y, x) outside the frame in a random bearing, in the units of `_axes`."""
    bearing = rng.uniform(0, 2 * np.pi)
    sine, cosine = np.sin(bearing), np.cos(bearing)
    half_y, half_x = (n / (2 * max(shape)) for n in shape)
    to_edge = min(half_y / max(abs(sine), 1e-9), half_x / max(abs(cosine), 1e-9))
    return sine * (to_edge + distance), cosine * (to_edge + distance)


def _distance(shape: Shape, point: tuple[float, float]) -> np.ndarray:
    """The distance from a point, (H, W) float32, in the units of `_axes`."""
    y, x = _axes(shape)
    return np.hypot(y - np.float32(point[0]), x - np.float32(point[1]))


def _layers(level: np.ndarray, *layers: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The sum, (K, H, W) float32, of a level, (K,), and patterns, (H, W), times colours, (K,)."""
    total = sum(
        (np.multiply.outer(colour, pattern).astype(np.float32) for colour, pattern in layers),
        start=level.astype(np.float32)[:, np.newaxis, np.newaxis],
    )
    return np.asarray(total)


def _stars(shape: Shape, rng: np.random.Generator, channels: int = 3) -> np.ndarray:
    """Stars alone, (K, H, W) float32."""
    planes = np.zeros((channels, *shape), np.float32)
    add_stars(planes, rng)
    return planes


def _clouds(shape: Shape, rng: np.random.Generator, slope: float) -> np.ndarray:
    """Fractal noise, (H, W) float32, of mean 0 and deviation 1, smooth below the smallest cloud."""
    small = fractal_noise(_reduced(shape), slope, rng)
    return enlarged_rows(small[np.newaxis], shape, slice(0, shape[0]))[0].astype(np.float32)


def _cloud(shape: Shape, rng: np.random.Generator, radius: float) -> np.ndarray:
    """One cloud, (H, W) float32, of about the given radius, near the middle of the frame."""
    spread = max(0.0, 0.4 - radius)
    centre = [rng.uniform(-spread, spread) * n / max(shape) for n in shape]
    outline = np.exp(0.3 * _clouds(shape, rng, 2.0))
    inside = np.exp(-((_distance(shape, (centre[0], centre[1])) / radius * outline) ** 3))
    return inside * np.exp(0.5 * _clouds(shape, rng, 1.6))


def _reduced(shape: Shape) -> Shape:
    reduction = max(1.0, max(shape) / CLOUD_PIXELS)
    height, width = (max(1, round(n / reduction)) for n in shape)
    return height, width


def _observed(background: np.ndarray, light: np.ndarray, rng: np.random.Generator) -> Scene:
    """A scene in which nothing hides the sky; (K, H, W) each."""
    return _exposed(background, background + light, None, None, rng)


def _exposed(
    background: np.ndarray,
    seen: np.ndarray,
    valid: np.ndarray | None,
    missing: np.ndarray | None,
    rng: np.random.Generator,
    electrons: float = ELECTRONS,
    read_noise: float = READ_NOISE,
) -> Scene:
    """Add photon and read noise to light, (K, H, W), saturate, and blank missing samples."""
    noise = np.sqrt(seen / np.float32(electrons) + np.float32(read_noise**2))
    image = seen + noise * rng.standard_normal(seen.shape, np.float32)
    np.clip(image, FLOOR, 1, out=image)
    if missing is not None:
        image[:, missing] = 0
    if valid is None:
        valid = np.ones(seen.shape[1:], bool)
    return Scene(np.moveaxis(image, 0, 2), np.moveaxis(background, 0, 2), valid)

"""What the simulated skies are drawn with: shapes of light, clouds, stars, and the exposure.

Lengths are in units of the longest side of the frame, so that a kind of sky looks alike at every
size; the images of stars and the noise are those of pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastbg.simulate import (
    ELECTRONS,
    FLOOR,
    READ_NOISE,
    SimulatedSky,
    add_stars,
    enlarged_rows,
    fractal_noise,
)

Shape = tuple[int, int]
Texture = Callable[[Shape, np.random.Generator, float], np.ndarray]

CLOUD_PIXELS = 512
"""The longest side at which clouds are drawn; they have no finer structure."""


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


def axes(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """y, (H, 1), and x, (W,), float32, from the middle, in units of the longest side."""
    y, x = ((np.arange(n) + 0.5 - n / 2) / max(shape) for n in shape)
    return y.astype(np.float32)[:, np.newaxis], x.astype(np.float32)


def tilt(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """A glow from 0 to 1, (H, W) float32, that rises in a random direction; it is no polynomial."""
    return glow(shape, rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.5))


def glow(shape: Shape, bearing: float, bend: float) -> np.ndarray:
    """A glow from 0 to 1, (H, W) float32, that rises in a bearing, and bends as much."""
    along, across = turned(shape, bearing)
    light = np.exp(np.float32(2.2) * along - np.float32(bend) * across**2)
    return (light - light.min()) / max(np.ptp(light), np.float32(1e-6))


def beyond_edge(shape: Shape, rng: np.random.Generator, away: float) -> tuple[float, float]:
    """A point (y, x) outside the frame in a random bearing, in the units of `axes`."""
    return outside(shape, rng.uniform(0, 2 * np.pi), away)


def outside(shape: Shape, bearing: float, away: float) -> tuple[float, float]:
    """The point (y, x) in a bearing that is so far beyond the edge, in the units of `axes`."""
    sine, cosine = np.sin(bearing), np.cos(bearing)
    half_y, half_x = (n / (2 * max(shape)) for n in shape)
    to_edge = min(half_y / max(abs(sine), 1e-9), half_x / max(abs(cosine), 1e-9))
    return sine * (to_edge + away), cosine * (to_edge + away)


def distance(shape: Shape, point: tuple[float, float]) -> np.ndarray:
    """The distance from a point, (H, W) float32, in the units of `axes`."""
    y, x = axes(shape)
    return np.hypot(y - np.float32(point[0]), x - np.float32(point[1]))


def layers(level: np.ndarray, *patterns: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The sum, (K, H, W) float32, of a level, (K,), and patterns, (H, W), times colours, (K,)."""
    total = sum(
        (np.multiply.outer(colour, pattern).astype(np.float32) for colour, pattern in patterns),
        start=level.astype(np.float32)[:, np.newaxis, np.newaxis],
    )
    return np.asarray(total)


def stars(shape: Shape, rng: np.random.Generator, channels: int = 3) -> np.ndarray:
    """Stars alone, (K, H, W) float32."""
    planes = np.zeros((channels, *shape), np.float32)
    add_stars(planes, rng)
    return planes


def clouds(shape: Shape, rng: np.random.Generator, slope: float) -> np.ndarray:
    """Fractal noise, (H, W) float32, of mean 0 and deviation 1, smooth below the smallest cloud."""
    small = fractal_noise(_reduced(shape), slope, rng)
    return enlarged_rows(small[np.newaxis], shape, slice(0, shape[0]))[0].astype(np.float32)


def cloud(
    shape: Shape, rng: np.random.Generator, radius: float, texture: Texture = clouds
) -> np.ndarray:
    """One cloud, (H, W) float32, of about the given radius, near the middle of the frame."""
    spread = max(0.0, 0.4 - radius)
    centre = [rng.uniform(-spread, spread) * n / max(shape) for n in shape]
    outline = np.exp(0.3 * texture(shape, rng, 2.0))
    inside = np.exp(-((distance(shape, (centre[0], centre[1])) / radius * outline) ** 3))
    return inside * np.exp(0.5 * texture(shape, rng, 1.6))


def veil(shape: Shape, rng: np.random.Generator, slope: float) -> np.ndarray:
    """Fractal noise as `clouds` has it, but larger than the frame, and alike at every size."""
    canvas = [2 * max(1, round(CLOUD_PIXELS * n / max(shape))) for n in shape]
    part = fractal_noise((canvas[0], canvas[1]), slope, rng)[: canvas[0] // 2, : canvas[1] // 2]
    part = (part - part.mean()) / max(part.std(), 1e-12)
    return enlarged_rows(part[np.newaxis], shape, slice(0, shape[0]))[0].astype(np.float32)


def turned(
    shape: Shape, bearing: float, centre: tuple[float, float] = (0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along a bearing and across it, (H, W) float32, from a centre (y, x)."""
    y, x = axes(shape)
    v, u = y - np.float32(centre[0]), x - np.float32(centre[1])
    sine, cosine = np.float32(np.sin(bearing)), np.float32(np.cos(bearing))
    return u * cosine + v * sine, v * cosine - u * sine


def near_middle(shape: Shape, rng: np.random.Generator, spread: float) -> tuple[float, float]:
    """A point (y, x) at most `spread` of the height and width from the middle."""
    y, x = (rng.uniform(-spread, spread) * n / max(shape) for n in shape)
    return y, x


def _reduced(shape: Shape) -> Shape:
    reduction = max(1.0, max(shape) / CLOUD_PIXELS)
    height, width = (max(1, round(n / reduction)) for n in shape)
    return height, width


def observed(background: np.ndarray, light: np.ndarray, rng: np.random.Generator) -> Scene:
    """A scene in which nothing hides the sky; (K, H, W) each."""
    return exposed(background, background + light, rng)


def exposed(
    background: np.ndarray,
    seen: np.ndarray,
    rng: np.random.Generator,
    *,
    valid: np.ndarray | None = None,
    missing: np.ndarray | None = None,
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

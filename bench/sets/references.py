"""A frame that an object fills, and another image of the same sky as its reference.

The reference has stars of another width (1.3 to 1.8 times that of the target, in pixels; on the
large pixels of a wide field about the same), a flux scale of 0.4 to 2 for each channel, a level and
noise of its own, and a part of the target's gradient, which nobody has removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scenes import Shape
from scenes.drawing import axes, glow, layers

from .fields import Field, Grid, grown, squared
from .frames import Frame, exposure, generator

LEFT = 0.15
"""The part of the target's gradient that is left in a reference."""

MARGIN = 1.15
"""The sides of a field, in those of the target."""

WIDE, COARSE, SMALLER = 2.2, 3.0, 0.6
"""Of a wide field: the sides of the field in the longest one of the target; the side of a pixel,
and the sides of the image in pixels, in those of the target."""

SCALES = (0.4, 2.0)
"""Between which the flux scale of a reference is."""

VARIABLE = 0.02
"""The part of the stars that are brighter or fainter in another night."""

BLACK, STRETCHED = 5e-4, 100.0
"""A stretch makes what is below this part of all samples black, and the factor of the inverse
hyperbolic sine."""

WAYS = {
    "clean": "the same grid, and no gradient in the reference",
    "left": "the same grid, and 15 % of the target's gradient in the reference",
    "shifted": "no gradient, and two pixels off",
    "night": "no gradient, but another night: a satellite, variable stars",
    "stretched": "the same grid, no gradient, and stretched by an inverse hyperbolic sine",
    "wide": "no gradient, a wide field: turned, larger pixels, coordinates in both",
}


@dataclass(frozen=True)
class Pair:
    """A frame and its reference; ``wide`` ones have coordinate systems that tell how they lie."""

    target: Frame
    reference: Frame


def pair(name: str, shape: Shape, seed: int, way: str = "clean") -> Pair:
    """Simulate a pair of a kind of `fields.KINDS`, in one of the `WAYS`.

    The target is the same in all ways but ``wide``, whose field is larger.
    """
    wide = way == "wide"
    rng = generator("reference", name, seed)
    field = Field.of(name, squared(WIDE, shape) if wide else grown(MARGIN, shape), rng)
    kind, grid = field.kind, Grid(shape)
    rises = glow(shape, rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.5))
    gradient = layers(0 * kind.level, (kind.glow, rises))
    target = exposure(field, grid, layers(kind.level) + gradient, rng)

    scale = np.exp(rng.uniform(*np.log(SCALES), size=len(kind.level)))
    level = layers(rng.uniform(0.3, 1) * kind.level)
    fwhm, turn = rng.uniform(1.3, 1.8), rng.uniform(0.1, 0.5) * rng.choice((-1, 1))
    over = LEFT * gradient if way == "left" else 0 * gradient
    added: np.ndarray | float = 0.0
    if wide:
        grid = Grid(grown(SMALLER, shape), turn=turn, scale=COARSE)
        fwhm /= 1.5
        over = np.zeros((len(kind.level), *grid.shape), np.float32)
    if way == "shifted":
        grid = replace(grid, centre=(2.0, -2.0))
    if way == "night":
        field = _another_night(field, rng)
        added = kind.level.mean() * satellite(shape, rng)
    reference = exposure(
        *(field, grid, level + over * scale[:, np.newaxis, np.newaxis], rng),
        scale=scale,
        fwhm=fwhm,
        added=added,
    )
    if way == "stretched":
        reference = replace(reference, image=stretched(reference.image))
    return Pair(target, reference)


def stretched(image: np.ndarray) -> np.ndarray:
    """A linear image, of any shape, as people stretch it for the eye: float32, in [0, 1]."""
    black = np.quantile(image, BLACK)
    shown = np.clip((image - black) / (image.max() - black), 0, 1)
    return (np.arcsinh(STRETCHED * shown) / np.arcsinh(STRETCHED)).astype(np.float32)


def _another_night(field: Field, rng: np.random.Generator) -> Field:
    """The field with some variable stars in another state, and a nova."""
    varied = rng.random(field.stars.peak.size) < VARIABLE
    peak = field.stars.peak * np.where(varied, rng.uniform(0.2, 3, varied.size), 1)
    peak[0] = 10.0
    return replace(field, stars=replace(field.stars, peak=peak))


def satellite(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """The trail of a satellite, (H, W) float32, at most 0.7."""
    y, x = axes(shape)
    bearing, offset = rng.uniform(0, np.pi), rng.uniform(-0.2, 0.2)
    across = y * np.float32(np.cos(bearing)) - x * np.float32(np.sin(bearing)) - np.float32(offset)
    return np.float32(0.7) * np.exp((across * max(shape) / np.float32(2)) ** 2 / -2)

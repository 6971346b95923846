"""Panels of a mosaic, each with a level, a gradient, noise and a coordinate system of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from scenes import Shape
from scenes.drawing import layers, tilt

from .fields import Field, Grid
from .frames import Frame, exposure, generator

OVERLAP = 0.1
"""The part of a panel's side that the next one covers, too."""

TURN = np.deg2rad(0.5)
"""The deviation of the turn of panels."""

LEVELS, RISES = (0.8, 1.2), (0.4, 1.2)
"""Between which levels and gradients are, in those of the kind of sky."""


@dataclass(frozen=True)
class Mosaic:
    """Panels, row by row, and the pairs of them that lie side by side."""

    panels: list[Frame]
    seams: list[tuple[int, int]]


def mosaic(
    name: str, shape: Shape, seed: int, across: int = 2, transparency: float = 1.0
) -> Mosaic:
    """Simulate ``across`` x ``across`` panels, (H, W) each, of a kind of `fields.KINDS`.

    The light of the field is multiplied by up to the transparency, or divided by it.
    """
    rng = generator("mosaic", name, seed, across)
    whole = [round(n * (1 + (across - 1) * (1 - OVERLAP)) * 1.02) for n in shape]
    field = Field.of(name, (whole[0], whole[1]), rng)
    kind, panels = field.kind, []
    for row, column in product(range(across), repeat=2):
        own = np.random.default_rng(rng.integers(2**63))
        steps = (row - (across - 1) / 2, column - (across - 1) / 2)
        y, x = (step * (1 - OVERLAP) * n for step, n in zip(steps, shape, strict=True))
        grid = Grid(shape, (y + own.uniform(-2, 2), x + own.uniform(-2, 2)), TURN * _normal(own))
        glow = own.uniform(*RISES) * np.roll(kind.glow, own.integers(len(kind.glow)))
        background = layers(own.uniform(*LEVELS) * kind.level, (glow, tilt(shape, own)))
        scale = float(transparency ** own.uniform(-1, 1)) if transparency != 1 else 1.0
        panels.append(exposure(field, grid, background, own, scale=scale))
    seams = [(n, n + 1) for n in range(across**2) if (n + 1) % across]
    seams += [(n, n + across) for n in range(across**2 - across)]
    return Mosaic(panels, seams)


def merged(name: str, shape: Shape, seed: int, across: int = 2) -> tuple[Frame, np.ndarray]:
    """The panels of `mosaic` without overlap in one image, and the number of each pixel's, from 1.

    Returns the image and (H, W), uint8.
    """
    rng = generator("merged", name, seed, across)
    whole = (across * shape[0], across * shape[1])
    field = Field.of(name, whole, rng)
    kind = field.kind
    background = np.zeros((len(kind.level), *whole), np.float32)
    labels = np.zeros(whole, np.uint8)
    for row, column in product(range(across), repeat=2):
        inside = np.s_[
            row * shape[0] : (row + 1) * shape[0], column * shape[1] : (column + 1) * shape[1]
        ]
        labels[inside] = row * across + column + 1
        level, glow = rng.uniform(*LEVELS) * kind.level, rng.uniform(*RISES) * kind.glow
        background[:, *inside] = layers(level, (glow, tilt(shape, rng)))
    return exposure(field, Grid(whole), background, rng), labels


def light_of_merged(name: str, shape: Shape, seed: int, across: int = 2) -> np.ndarray:
    """(K, H, W), linear: the light that `merged` shows, without stars and noise."""
    whole = (across * shape[0], across * shape[1])
    field = Field.of(name, whole, generator("merged", name, seed, across))
    return field.without_stars().seen(Grid(whole))


def _normal(rng: np.random.Generator) -> float:
    return float(np.clip(rng.standard_normal(), -2, 2))

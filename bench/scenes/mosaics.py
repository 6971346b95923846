"""Mosaics: panels with gradients and levels of their own; the same objects lie across the seams."""

from __future__ import annotations

import numpy as np

from fastbg.simulate import CITY_GLOW, EMISSION, MOON_GLOW, SKY_LEVEL

from .drawing import Scene, Shape, cloud, layers, observed, stars, tilt, veil


def mosaic_of_four(shape: Shape, rng: np.random.Generator) -> Scene:
    """Two by two panels that meet near the middle; a nebula lies across the seams."""
    cuts = rng.uniform(0.46, 0.54, 2)
    rows, columns = (np.arange(n) >= cut * n for n, cut in zip(shape, cuts, strict=True))
    return _mosaic(shape, rng, 2 * rows[:, np.newaxis] + columns)


def mosaic_of_three(shape: Shape, rng: np.random.Generator) -> Scene:
    """Three panels of uneven widths in a row, one of them narrow."""
    position = (np.arange(max(shape)) + 0.5) / max(shape)
    widths = rng.permutation([rng.uniform(0.20, 0.26), 0.3, rng.uniform(0.4, 0.46)])
    cuts = (widths / widths.sum()).cumsum()[:2]
    panel = np.searchsorted(cuts, position)
    wide = shape[1] >= shape[0]
    return _mosaic(shape, rng, np.broadcast_to(panel if wide else panel[:, np.newaxis], shape))


def _mosaic(shape: Shape, rng: np.random.Generator, panel: np.ndarray) -> Scene:
    """A scene of the panels whose numbers are given, (H, W)."""
    background = np.zeros((3, *shape), np.float32)
    for number in range(int(panel.max()) + 1):
        night = layers(
            rng.uniform(0.85, 1.15) * SKY_LEVEL,
            (rng.uniform(0.4, 1.1) * CITY_GLOW, tilt(shape, rng)),
            (rng.uniform(0, 1.5) * MOON_GLOW, tilt(shape, rng)),
        )
        background = np.where(panel == number, night, background)
    nebula = layers(0 * EMISSION, (0.6 * EMISSION, cloud(shape, rng, rng.uniform(0.12, 0.2), veil)))
    return observed(background, nebula + stars(shape, rng), rng)

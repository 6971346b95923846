"""Simulated skies with a known background, one function for each kind of scene, and the errors.

`SCENES` are the familiar kinds, which the search for the sky was made on, and `HARD` are kinds that
break what methods take for granted. All are linear; drawing.py says what a scene consists of.

The error is std(model - truth) / std(truth) over valid sky, the mean over the channels: 0 is
perfect, and a flat model has 1. A constant offset does not count, for no method can tell it from
the level of the sky.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import numpy as np

from . import camera, deep_sky, familiar, mosaics, sky_light, wide_field
from .drawing import Scene, Shape

__all__ = ["HARD", "KINDS", "SCENES", "Scene", "Shape", "error", "simulate", "taken", "uncertainty"]

Kinds = dict[str, Callable[[Shape, np.random.Generator], Scene]]


def _named(*functions: Callable[[Shape, np.random.Generator], Scene]) -> Kinds:
    return {function.__name__.replace("_", " "): function for function in functions}


SCENES = _named(
    familiar.star_field,
    familiar.light_dome,
    familiar.large_nebula,
    familiar.faint_nebulosity,
    familiar.nightscape,
    familiar.narrowband,
    familiar.galaxy,
    familiar.moon,
    familiar.satellite_trails,
    familiar.quantised,
)

HARD = _named(
    wide_field.milky_way,
    wide_field.fisheye,
    wide_field.dark_land,
    sky_light.two_domes,
    sky_light.narrow_dome,
    sky_light.twilight,
    sky_light.high_cirrus,
    sky_light.thin_clouds,
    sky_light.bare_tilt,
    sky_light.flat_sky,
    mosaics.mosaic_of_four,
    mosaics.mosaic_of_three,
    camera.amplifier_glow,
    camera.edge_glow,
    camera.bad_flat,
    camera.few_counts,
    camera.eight_bits,
    camera.overscan,
    camera.soft_border,
    camera.saturated_core,
    deep_sky.galactic_cirrus,
    deep_sky.mono_cirrus,
    deep_sky.hubble_palette,
    deep_sky.andromeda,
    deep_sky.nebula_like_sky,
    deep_sky.comet,
    deep_sky.globular_cluster,
    deep_sky.dark_dust,
    deep_sky.pleiades,
)

KINDS = SCENES | HARD

BLOCKS_ALONG = 30
"""The number of blocks along the longest side in which objects are weighed against their model."""

OBJECTS = 0.3
"""There are extended objects if their light varies by more than this part of the truth."""


def simulate(name: str, shape: Shape, seed: int) -> Scene:
    """Simulate a scene of `KINDS`; each name and seed has a generator of its own."""
    # A kind that is added must not change the others: the hard ones are not numbered.
    key = [*SCENES].index(name) if name in SCENES else crc32(name.encode())
    return KINDS[name](shape, np.random.default_rng([seed, key]))


def error(model: np.ndarray, scene: Scene) -> float:
    """The error of a model, (H, W, K) linear; see the top of this file."""
    truth = scene.background[scene.valid].astype(np.float64)
    difference = model[scene.valid] - truth
    return float((difference.std(axis=0) / truth.std(axis=0)).mean())


def uncertainty(told: np.ndarray, scene: Scene) -> float:
    """The uncertainty that a model reports, (rows, columns, K) linear, in the unit of `error`."""
    truth = scene.background[scene.valid].astype(np.float64)
    return float((np.sqrt((told**2).mean(axis=(0, 1))) / truth.std(axis=0)).mean())


def taken(model: np.ndarray, scene: Scene) -> float:
    """The part of the light of extended objects that a model, (H, W, K) linear, takes away.

    It is the slope of model - truth over the objects' light, both as medians of blocks, so that
    stars do not count: 0 is right, and 1 if the model follows the objects. What dark dust hides is
    negative light. NaN where the objects' light varies by less than `OBJECTS` of the truth.
    """
    side = max(1, max(scene.valid.shape) // BLOCKS_ALONG)
    seen = _blocks(scene.valid[..., np.newaxis], side).all(axis=1)[:, 0]
    objects, wrong, truth = (
        np.median(_blocks(each, side), axis=1)[seen].astype(np.float64)
        for each in (scene.image - scene.background, model - scene.background, scene.background)
    )
    objects, wrong, truth = (each - each.mean(axis=0) for each in (objects, wrong, truth))
    if (objects**2).sum() < OBJECTS**2 * (truth**2).sum():
        return float("nan")
    return float((objects * wrong).sum() / (objects**2).sum())


def _blocks(planes: np.ndarray, side: int) -> np.ndarray:
    """(H, W, K) as (blocks, pixels of a block, K); what is left at the ends is dropped."""
    rows, columns = (n // side for n in planes.shape[:2])
    cut = planes[: rows * side, : columns * side].reshape(rows, side, columns, side, -1)
    return cut.swapaxes(1, 2).reshape(rows * columns, side * side, -1)

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

__all__ = ["HARD", "KINDS", "SCENES", "Scene", "Shape", "error", "simulate", "uncertainty"]

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

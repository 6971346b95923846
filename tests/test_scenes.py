"""The simulated skies of the benchmarks: truthful, reproducible, and fairly judged."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from cases import diagonal

from scenes import HARD, KINDS, error, simulate

SHAPE = (90, 130)
MONO = ("narrowband", "mono cirrus", "dark dust")
MONO_OR_RGB = "amplifier glow"
every_scene = pytest.mark.parametrize("name", KINDS)


@cache
def scene_of(name):
    """The scene that most tests look at."""
    return simulate(name, SHAPE, 1)


@every_scene
def test_a_seed_gives_one_sky_and_another_seed_another(name):
    one, again, other = scene_of(name), *(simulate(name, SHAPE, seed) for seed in (1, 2))
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.background, again.background)
    assert not np.array_equal(one.image, other.image)
    assert not np.array_equal(one.background, other.background)


@pytest.mark.parametrize(("name", "shape"), diagonal(KINDS, [SHAPE, (61, 60), (60, 200)]))
def test_shapes_types_and_range(name, shape):
    scene = scene_of(name) if shape == SHAPE else simulate(name, shape, 1)
    channels = 1 if name in MONO else 3
    if name == MONO_OR_RGB:
        channels = scene.image.shape[2]
        assert channels in (1, 3)
    for array in (scene.image, scene.background):
        assert array.shape == (*shape, channels)
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert scene.valid.shape == shape
    assert scene.image.min() >= 0
    assert scene.image.max() <= 1
    assert (scene.background.std(axis=(0, 1)) > 0).all(), "there is a gradient to find"


@every_scene
def test_what_is_missing_is_exactly_zero_and_no_sky(name):
    scene = scene_of(name)
    missing = (scene.image == 0).all(axis=2)
    assert np.array_equal(missing, (scene.image == 0).any(axis=2))
    assert not (missing & scene.valid).any()
    assert missing.any() == (name in ("nightscape", "galaxy"))


@every_scene
def test_only_the_offset_of_a_model_is_forgiven(name):
    scene = scene_of(name)
    offset = np.arange(1, 1 + scene.background.shape[2])
    assert error(scene.background + offset, scene) < 1e-4
    assert error(np.zeros_like(scene.background) + offset, scene) == pytest.approx(1)
    assert error(3 * scene.background, scene) == pytest.approx(2, rel=1e-4)


def test_what_lies_outside_the_valid_sky_is_not_judged():
    scene = simulate("nightscape", SHAPE, 1)
    model = np.where(scene.valid[..., np.newaxis], scene.background, np.nan)
    assert error(model, scene) == 0


def test_the_landscape_is_darker_than_the_sky():
    scene = simulate("nightscape", SHAPE, 1)
    land = ~scene.valid & (scene.image != 0).all(axis=2)
    assert scene.image[land].max() < np.median(scene.image[scene.valid])


def test_hot_and_cold_pixels_are_not_valid():
    scene = simulate("narrowband", (300, 400), 1)
    share = np.count_nonzero(~scene.valid) / scene.valid.size
    assert share == pytest.approx(1e-3, rel=0.5)


def test_quantised_samples_have_sixteen_bits():
    steps = simulate("quantised", SHAPE, 1).image.astype(np.float64) * 65535
    assert np.abs(steps - steps.round()).max() < 1e-2
    assert np.unique(steps.round()).size > 10


@pytest.mark.parametrize("name", HARD)
def test_a_hard_sky_is_the_same_at_every_size(name):
    small, large = (simulate(name, (100 * n, 150 * n), 3) for n in (1, 4))
    blocks = large.background.reshape(100, 4, 150, 4, -1).mean(axis=(1, 3))
    same = large.valid.reshape(100, 4, 150, 4).all(axis=(1, 3)) & small.valid
    difference = (small.background - blocks)[same]
    # Seams lie between pixels, so that a pixel beside one may belong to either panel.
    assert np.quantile(np.abs(difference), 0.9) < 0.05 * small.background[same].std()
    assert abs(small.valid.mean() - large.valid.mean()) < (0.25 if name == "soft border" else 0.02)


@pytest.mark.parametrize(("name", "steps"), [("few counts", 65535), ("eight bits", 255)])
def test_counts_are_integers_with_a_noise_of_one_to_three(name, steps):
    scene = simulate(name, (300, 400), 3)
    counts = scene.image.astype(np.float64) * steps
    assert np.abs(counts - counts.round()).max() < 1e-2
    below = (counts - scene.background * steps)[counts < scene.background * steps]
    assert 0.8 < -np.median(below) / 0.6745 < 3.5


def test_dark_land_is_quieter_than_the_sky():
    scene = simulate("dark land", (300, 400), 3)
    sky, land = (np.diff(scene.image[rows], axis=1) for rows in (slice(0, 150), slice(250, 300)))
    assert np.quantile(np.abs(land), 0.5) < 0.8 * np.quantile(np.abs(sky), 0.5)
    assert 0.2 < 1 - scene.valid.mean() < 0.4


def test_a_tenth_of_the_frame_is_saturated():
    saturated = (simulate("saturated core", (300, 400), 3).image == 1).all(axis=2)
    assert saturated.mean() == pytest.approx(0.09, abs=0.02)


def test_dark_dust_hides_a_fifth_of_a_third():
    scene = simulate("dark dust", (300, 400), 3)
    ratio = np.median((scene.image / scene.background).reshape(75, 4, 100, 4), axis=(1, 3))
    assert (ratio < 0.9).mean() == pytest.approx(0.25, abs=0.1)
    assert ratio.min() == pytest.approx(0.8, abs=0.08)

"""The simulated skies of the benchmarks: truthful, reproducible, and fairly judged."""

from __future__ import annotations

import numpy as np
import pytest

from scenes import SCENES, error, simulate

SHAPE = (90, 130)
every_scene = pytest.mark.parametrize("name", SCENES)


@every_scene
def test_a_seed_gives_one_sky_and_another_seed_another(name):
    one, again, other = (simulate(name, SHAPE, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.background, again.background)
    assert not np.array_equal(one.image, other.image)
    assert not np.array_equal(one.background, other.background)


@every_scene
@pytest.mark.parametrize("shape", [SHAPE, (61, 60), (60, 200)])
def test_shapes_types_and_range(name, shape):
    scene = simulate(name, shape, 1)
    channels = 1 if name == "narrowband" else 3
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
    scene = simulate(name, SHAPE, 1)
    missing = (scene.image == 0).all(axis=2)
    assert np.array_equal(missing, (scene.image == 0).any(axis=2))
    assert not (missing & scene.valid).any()
    assert missing.any() == (name in ("nightscape", "galaxy"))


@every_scene
def test_only_the_offset_of_a_model_is_forgiven(name):
    scene = simulate(name, SHAPE, 1)
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

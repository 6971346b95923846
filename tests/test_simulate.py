"""The simulated sky: reproducible, in range, and truthful about its background."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.errors import SettingsError
from fastbg.simulate import simulate_sky


def sky(shape=(240, 360), seed=3, channels=3, border=0.0):
    return simulate_sky(shape, np.random.default_rng(seed), channels, border=border)


def test_a_seed_gives_one_sky_and_another_seed_another():
    assert np.array_equal(sky().image, sky().image)
    assert np.array_equal(sky().background, sky().background)
    assert not np.array_equal(sky().image, sky(seed=4).image)
    assert not np.array_equal(sky().background, sky(seed=4).background)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (7, 5), (131, 257)])
def test_shapes_types_and_range(shape, channels):
    simulated = sky(shape, channels=channels)
    for array in (simulated.image, simulated.background):
        assert array.shape == (*shape, channels)
        assert array.dtype == np.float32
    assert simulated.image.min() > 1e-6, "nothing may look like a missing sample"
    assert simulated.image.max() <= 1
    assert 0.04 < simulated.background.min() <= simulated.background.max() < 0.11


def test_some_stars_saturate_and_the_sky_stays_faint():
    image = sky((600, 800)).image
    assert (image == 1).any()
    assert np.quantile(image, 0.9) < 0.12


@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_is_plain_and_coloured(seed):
    background = sky(seed=seed).background
    depth = np.ptp(background, axis=(0, 1)) / np.median(background, axis=(0, 1))
    assert 0.3 < depth[0] < 0.5
    assert depth[0] > depth[1] > depth[2] > 0.1, "city light is warm"


def test_the_background_is_smooth():
    background = sky().background.astype(np.float64)
    for axis in (0, 1):
        second = np.diff(background, 2, axis=axis)
        assert np.abs(second).max() < 1e-6


def test_between_the_stars_the_image_is_the_background_and_noise():
    simulated = sky((600, 900), seed=1)
    difference = (simulated.image - simulated.background).astype(np.float64)
    # Stars and nebula only add light, so the faint side of the difference is noise alone.
    noise = np.sqrt(0.07 / 60_000 + 4e-4**2)
    left = difference[:, :150]  # the nebula lies in the middle
    assert abs(np.median(left)) < 0.5 * noise
    faint = np.quantile(left, 0.5) - np.quantile(left, 0.1)
    assert faint == pytest.approx(1.2816 * noise, rel=0.25)
    assert difference.min() > -6.5 * noise


def test_objects_cover_a_part_of_the_frame_only():
    simulated = sky((600, 900), seed=1)
    excess = (simulated.image - simulated.background).mean(axis=2)
    assert 0.05 < (excess > 0.004).mean() < 0.3


def test_a_ragged_border_is_missing_in_every_channel_and_only_there():
    simulated = sky(border=0.05)
    missing = simulated.image == 0
    assert (missing.all(axis=2) == missing.any(axis=2)).all()
    assert 0.01 < missing.mean() < 0.2
    assert not missing[20:-20, 20:-20].any()
    assert len(set(missing[..., 0].argmin(axis=1)[30:-30])) > 3, "the left edge is not straight"
    assert simulated.background.min() > 0.04, "the background is known there too"


def test_without_a_border_nothing_is_missing():
    assert (sky().image > 0).all()


@pytest.mark.parametrize(
    ("shape", "channels", "border"), [((0, 5), 3, 0), ((5, 5), 2, 0), ((5, 5), 3, 0.5)]
)
def test_impossible_skies_are_refused(shape, channels, border):
    with pytest.raises(SettingsError, match="give a positive size"):
        sky(shape, channels=channels, border=border)

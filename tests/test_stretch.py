from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerances import FLOAT32_SAMPLES

from fastbg.errors import InputError
from fastbg.image.image import Image, is_valid
from fastbg.image.kernels import NUMPY
from fastbg.image.mtf import imtf, mtf
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch

balances = st.floats(1e-4, 1 - 1e-4)
targets = st.floats(0.05, 0.95)


def sky(rng, shape=(40, 50), channels=3):
    """Linear samples of sky brightness, skewed as stars make them."""
    return (0.05 + 0.01 * rng.gamma(2.0, size=(*shape, channels))).astype(np.float32)


def measured(samples, quantile=0.95):
    """Its planes and its stretch."""
    image = Image.from_samples(samples)
    statistics = quantiles(image, [0, 0.5, quantile, 1], 1).values()
    return image.planes(), Stretch.of(statistics, quantile)


@given(balances, targets)
def test_transfer_function_meets_its_three_points(m, target):
    assert mtf(0.0, m, target) == 0
    assert mtf(m, m, target) == pytest.approx(target, rel=1e-9)
    assert mtf(1.0, m, target) == pytest.approx(1, rel=1e-9)


@given(balances, targets, st.floats(0, 1))
def test_inverse_transfer_function(m, target, x):
    # Near the flat end of the curve, rounding of y by 1e-16 is magnified by 1 / m.
    assert imtf(mtf(x, m, target), m, target) == pytest.approx(x, abs=1e-10)


@given(balances, targets, st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_transfer_function_is_monotone(m, target, x):
    x = np.unique(x)
    assert (np.diff(mtf(x, m, target)) >= -1e-15).all()


@pytest.mark.parametrize("quantile", [0.6, 0.95, 1.0])
def test_statistics_equal_numpy(rng, quantile):
    samples = sky(rng)
    _, stretch = measured(samples, quantile)
    exact = samples.astype(np.float64).reshape(-1, 3)
    pedestal = exact.min(axis=0)
    scale = np.quantile(exact - pedestal, quantile, axis=0)
    assert np.array_equal(stretch.pedestal, pedestal)
    assert stretch.scale == pytest.approx(scale, rel=1e-12)
    assert stretch.midtones == pytest.approx(np.median(exact - pedestal, axis=0) / scale, rel=1e-12)
    assert stretch.target == 0.25


def test_applied_to_its_own_image(rng):
    samples = sky(rng)
    planes, stretch = measured(samples)
    stretched = stretch.apply(planes)
    assert stretched.dtype == np.float64
    assert stretched.min() == 0
    assert stretched.max() == 1
    assert np.median(stretched, axis=(1, 2)) == pytest.approx(0.25, abs=1e-5)
    at_quantile = np.quantile(samples.astype(np.float64), 0.95, axis=(0, 1))
    assert (stretched[planes >= at_quantile[:, None, None]] > 1 - 1e-12).all()


def test_white_is_never_above_one():
    for m in np.linspace(0.001, 0.999, 400):
        stretch = Stretch(np.zeros(1), np.ones(1), np.array([m]))
        assert 1 - 1e-14 <= stretch.apply(np.ones((1, 1)))[0, 0] <= 1


def test_invert_undoes_apply(rng):
    planes, stretch = measured(sky(rng))
    within = np.linspace(stretch.pedestal, stretch.pedestal + stretch.scale, 101, axis=1)
    linear, clamped = stretch.invert(stretch.apply(within))
    assert clamped == 0
    assert linear == pytest.approx(within, abs=1e-12)

    linear, clamped = stretch.invert(stretch.apply(planes).astype(np.float32))
    top = (stretch.pedestal + stretch.scale)[:, None, None]
    assert clamped == 0
    assert linear.dtype == np.float32
    assert linear == pytest.approx(np.minimum(planes, top), abs=FLOAT32_SAMPLES)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_outside_are_clamped_and_counted(rng, dtype, kernels):
    _, stretch = measured(sky(rng))
    values = np.array([-1e9, -1e-3, 0, 0.5, 1, 1.001, 1.34, 2, 1e9], dtype)
    linear, clamped = stretch.invert(np.broadcast_to(values, (3, 9)), kernels)
    assert clamped == 3 * 6
    low, high = stretch.pedestal, stretch.pedestal + stretch.scale
    for k in range(3):
        assert linear[k, :3] == pytest.approx(low[k], abs=FLOAT32_SAMPLES)
        assert linear[k, 4:] == pytest.approx(high[k], abs=FLOAT32_SAMPLES)
        assert low[k] < linear[k, 3] < high[k]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverting_in_place_is_inverting(rng, dtype, kernels):
    _, stretch = measured(sky(rng))
    # Planes of a band in a larger buffer.
    buffer = rng.normal(0.5, 0.5, (3, 12, 15)).astype(dtype)
    before, band = buffer.copy(), buffer[:, :7]
    linear, clamped = stretch.invert(band, kernels)
    assert np.array_equal(buffer, before)
    assert clamped == np.count_nonzero((band < 0) | (band > 1))
    assert stretch.invert_in_place(band, kernels) == clamped
    assert np.array_equal(band, linear)
    assert np.array_equal(buffer[:, 7:], before[:, 7:])


def test_float32_is_inverted_as_the_formula_does(rng, kernels):
    _, stretch = measured(sky(rng))
    stretched = rng.normal(0.5, 0.5, (3, 40, 50)).astype(np.float32)
    found, clamped = stretch.invert(stretched, kernels)
    exact, expected_clamped = stretch.invert(stretched.astype(np.float64), NUMPY)
    assert found.dtype == np.float32
    assert clamped == expected_clamped
    assert found == pytest.approx(exact, rel=FLOAT32_SAMPLES)


def test_order_statistics_pass_the_inverse_stretch(rng):
    # What the pipeline does for the medians of the background, instead of inverting every pixel.
    _, stretch = measured(sky(rng))
    stretched = rng.uniform(-0.2, 1.2, (3, 41, 50)).astype(np.float32)
    wanted = [0, 0.3, 0.5, 0.95, 1]
    image = Image.from_samples(np.moveaxis(stretched, 0, 2))
    found = quantiles(image, wanted, 1).values(lambda around: stretch.invert(around)[0])
    linear, _ = stretch.invert(stretched.astype(np.float64))
    expected = np.quantile(linear, wanted, axis=(1, 2)).T
    assert found == pytest.approx(expected, rel=1e-12)


def test_missing_samples_count_in_nothing(rng):
    samples = sky(rng)
    _, stretch = measured(samples)
    bordered = np.zeros((60, 60, 3), np.float32)
    bordered[5:45, 3:53] = samples
    bordered[0], bordered[1, ::2], bordered[2] = np.nan, np.inf, -0.0
    planes, other = measured(bordered)
    for name in ("pedestal", "scale", "midtones"):
        assert np.array_equal(getattr(other, name), getattr(stretch, name))
    missing = np.where(is_valid(planes), planes, np.nan)
    assert np.array_equal(np.isnan(other.apply(missing)), ~is_valid(planes))


def test_an_affine_map_of_the_image_changes_nothing_but_the_units(rng):
    samples = sky(rng)
    planes, stretch = measured(samples)
    # Powers of two, so that the map itself does not round.
    doubled, of_doubled = measured(samples * np.float32(8))
    assert np.array_equal(of_doubled.apply(doubled), stretch.apply(planes))
    assert np.array_equal(of_doubled.pedestal, 8 * stretch.pedestal)
    assert np.array_equal(of_doubled.midtones, stretch.midtones)

    shifted, of_shifted = measured(samples.astype(np.float64) * 0.5 + 0.25)
    assert of_shifted.pedestal == pytest.approx(0.5 * stretch.pedestal + 0.25, abs=FLOAT32_SAMPLES)
    assert of_shifted.scale == pytest.approx(0.5 * stretch.scale, abs=FLOAT32_SAMPLES)
    assert of_shifted.apply(shifted) == pytest.approx(stretch.apply(planes), abs=1e-4)


def test_channels_are_stretched_on_their_own(rng):
    samples = sky(rng)
    _, together = measured(samples)
    for k in range(3):
        _, alone = measured(samples[..., k])
        for name in ("pedestal", "scale", "midtones"):
            assert getattr(alone, name)[0] == getattr(together, name)[k]


def nearly_constant():
    samples = np.full((10, 10), 0.1)
    samples[0, 0] = 0.2
    return samples


def clipped_black():
    samples = np.full((10, 10), 0.1)
    samples[:4] = np.linspace(0.2, 0.3, 40).reshape(4, 10)
    return samples


def bad_channel(samples):
    return np.stack([np.linspace(0.1, 0.2, 100).reshape(10, 10), samples, samples], axis=2)


@pytest.mark.parametrize(
    ("samples", "cause"),
    [
        (np.zeros((10, 10)), "channel 1 of 1 is empty"),
        (np.full((10, 10), np.nan), "channel 1 of 1 is empty"),
        (np.full((1, 1), 0.5), "constant"),
        (np.full((10, 10), 0.5), "constant"),
        (nearly_constant(), "must increase"),
        (clipped_black(), "must increase"),
        (bad_channel(np.zeros((10, 10))), "channel 2 of 3 is empty"),
        (bad_channel(np.full((10, 10), 0.1)), "channel 2 of 3 is constant"),
    ],
)
def test_unusable_images_are_refused_in_one_line(samples, cause):
    with pytest.raises(InputError, match=cause) as e:
        measured(samples)
    assert "\n" not in str(e.value)


def test_a_quantile_at_the_median_is_refused(rng):
    with pytest.raises(InputError, match="raise the quantile"):
        measured(sky(rng), 0.5)

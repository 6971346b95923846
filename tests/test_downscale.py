from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import FLOAT32, image_of, set_band_pixels

from fastbg import downscale as module
from fastbg.backends import c
from fastbg.downscale import block_centres, downscale, downscale_weight
from fastbg.image import MISSING_LEVEL, Image, is_valid
from fastbg.stretch import Stretch

STRETCH = Stretch(
    np.array([0.05, 0.06, 0.04]), np.array([0.2, 0.25, 0.3]), np.array([0.1, 0.2, 0.3])
)
MONO = Stretch(np.array([0.05]), np.array([0.2]), np.array([0.1]))

FUNCTIONS = {"median": np.median, "mean": np.mean}


def by_loops(samples, valid, factor, function):
    """Every block by itself: (h, w, K), NaN where it is empty. samples (H, W, K)."""
    height, width, channels = samples.shape
    out = np.empty((-(-height // factor), -(-width // factor), channels))
    for i, j, k in np.ndindex(out.shape):
        block = slice(i * factor, (i + 1) * factor), slice(j * factor, (j + 1) * factor), k
        values = samples[block][valid[block]]
        out[i, j, k] = FUNCTIONS[function](values) if values.size else np.nan
    return out


def stretched_first(image, stretch, factor, function):
    stretched = np.moveaxis(stretch.apply(image.planes().astype(np.float64)), 0, 2)
    return by_loops(stretched, np.moveaxis(is_valid(image.planes()), 0, 2), factor, function)


def sky(rng, shape, channels=3, missing=0.0):
    samples = rng.uniform(0.03, 0.4, (*shape, channels)).astype(np.float32)
    samples[rng.random(samples.shape) < missing] = 0
    return Image.from_samples(samples)


@settings(max_examples=60)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    factor=st.integers(1, 45),
    missing=st.sampled_from([0.0, 0.2, 0.9]),
    function=st.sampled_from(sorted(FUNCTIONS)),
    seed=st.integers(0, 999),
)
def test_equals_stretching_everything_first(height, width, factor, missing, function, seed):
    image = sky(np.random.default_rng(seed), (height, width), 1, missing)
    found = downscale(image, MONO, factor, function)
    expected = stretched_first(image, MONO, factor, function)
    np.testing.assert_allclose(found, expected, rtol=2 * FLOAT32, atol=1e-15)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("shape", "factor"),
    [((33, 47), 4), ((17, 8), 8), ((1, 50), 8), ((50, 1), 8), ((5, 6), 100), ((9, 11), 1)],
    ids=str,
)
def test_colour_images(rng, function, shape, factor):
    image = sky(rng, shape, missing=0.3)
    found = downscale(image, STRETCH, factor, function)
    expected = stretched_first(image, STRETCH, factor, function)
    assert found.dtype == np.float32
    assert np.moveaxis(found, 2, 0).flags.c_contiguous
    np.testing.assert_allclose(found, expected, rtol=2 * FLOAT32, atol=1e-15)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bands_do_not_show(rng, monkeypatch, function):
    image = sky(rng, (70, 20), missing=0.2)
    whole = downscale(image, STRETCH, 3, function)
    for pixels in (1, 150, 10_000):
        set_band_pixels(monkeypatch, pixels)
        for threads in (1, 3):
            found = downscale(image, STRETCH, 3, function, threads)
            np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_c_and_numpy_agree(rng, monkeypatch, function):
    image = sky(rng, (70, 45), missing=0.2)
    found = downscale(image, STRETCH, 4, function)
    monkeypatch.setattr(c, "unavailable", lambda: "not asked for")
    by_numpy = downscale(image, STRETCH, 4, function)
    # Medians are the same samples; means are sums in another order, then rounded to float32.
    tolerance = 0 if function == "median" else FLOAT32
    np.testing.assert_allclose(found, by_numpy, rtol=2 * tolerance)


def test_c_means_equal_numpy_before_they_are_rounded(rng):
    if c.unavailable():
        pytest.skip(c.unavailable())
    plane = sky(rng, (33, 47), 1, missing=0.3).planes()[0]
    stretched = MONO.apply(np.where(is_valid(plane), plane, np.nan)[np.newaxis])
    expected = module._mean(module._blocks(stretched, 8))[0]
    found = c.block_means(plane, 0.05, 0.2, 0.1, 0.25, 8)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_factor_1_is_the_stretched_image(rng):
    image = sky(rng, (8, 9))
    found = downscale(image, STRETCH, 1, "median")
    np.testing.assert_array_equal(
        found, np.moveaxis(STRETCH.apply(image.planes()), 0, 2).astype(np.float32)
    )


def test_an_empty_block_is_missing(rng):
    planes = sky(rng, (8, 8)).planes().copy()
    planes[1, :4, 4:] = 0
    planes[2] = np.nan
    image = image_of(planes)
    found = downscale(image, STRETCH, 4, "median")
    expected = np.zeros((2, 2, 3), bool)
    expected[0, 1, 1] = expected[..., 2] = True
    assert np.array_equal(np.isnan(found), expected)


def test_the_image_is_left_as_it_is(rng):
    image = sky(rng, (20, 20), missing=0.1)
    before = image.planes().copy()
    downscale(image, STRETCH, 4, "median")
    assert np.array_equal(image.planes(), before)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(16, 24), (17, 23), (1, 1), (3, 50)], ids=str)
def test_weights_are_reduced_by_the_same_function(rng, function, shape):
    weight = rng.random((*shape, 3), np.float32)
    weight[rng.random(weight.shape) < 0.4] = 0  # a value like any other
    found = downscale_weight(Image.from_samples(weight), 4, function)
    expected = by_loops(weight.astype(np.float64), np.ones(weight.shape, bool), 4, function)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(size=st.integers(1, 500), factor=st.integers(1, 600))
def test_block_centres_are_the_means_of_pixel_centres(size, factor):
    pixels = (np.arange(size) + 0.5) / size
    expected = [pixels[start : start + factor].mean() for start in range(0, size, factor)]
    assert block_centres(size, factor) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 8, 13, 64])
@pytest.mark.parametrize("shape", [(16, 24), (17, 131), (1, 40), (40, 1), (70, 5)], ids=str)
def test_c_finds_the_middle_values_that_numpy_finds(rng, factor, shape):
    if c.unavailable():
        pytest.skip(c.unavailable())
    plane = rng.normal(size=shape).astype(np.float32)
    valid = rng.random(shape) < 0.7
    valid[: shape[0] // 3] = False
    plane[~valid] = np.nan
    blocks = module._blocks(np.where(valid, plane, np.nan)[np.newaxis], factor)
    expected = [values[0] for values in module.numpy_middle_values(blocks)]
    found = c.block_medians(plane, factor, MISSING_LEVEL)
    assert np.array_equal(found, expected, equal_nan=True)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from images import filling, image_of

from fastbg import compiled
from fastbg.image import bands as bands_module
from fastbg.image.downscale import ZEROS_COUNT, block_centres, downscale, downscale_weight
from fastbg.image.image import CLIPPED, MISSING_LEVEL, is_valid
from fastbg.image.kernels import FASTEST, LARGEST_SORTED, NUMPY
from fastbg.image.stretch import Stretch

STRETCH = Stretch(
    np.array([0.05, 0.06, 0.04]), np.array([0.2, 0.25, 0.3]), np.array([0.1, 0.2, 0.3])
)
MONO = Stretch(np.array([0.05]), np.array([0.2]), np.array([0.1]))

FUNCTIONS = {"median": np.median, "mean": np.mean}

# The relative error of one rounding from float64 to float32.
ROUNDED = 1.001 * 2**-24

needs_c = pytest.mark.skipif(FASTEST is NUMPY, reason=str(compiled.unavailable()))


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
    planes = image.planes()
    stretched = np.moveaxis(stretch.apply(planes.astype(np.float64)), 0, 2)
    return by_loops(stretched, np.moveaxis(is_valid(planes), 0, 2), factor, function)


def sky(rng, shape, channels=3, missing=0.0):
    planes = rng.uniform(0.03, 0.4, (channels, *shape)).astype(np.float32)
    planes[rng.random(planes.shape) < missing] = 0
    planes[rng.random(planes.shape) < missing / 4] = np.nan
    planes[rng.random(planes.shape) < missing / 4] = np.inf
    return image_of(planes)


def is_planar_float32(array):
    return array.dtype == np.float32 and np.moveaxis(array, 2, 0).flags.c_contiguous


@settings(max_examples=60)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    factor=st.integers(1, 45),
    missing=st.sampled_from([0.0, 0.2, 0.9]),
    function=st.sampled_from(sorted(FUNCTIONS)),
    kernels=st.sampled_from([FASTEST, NUMPY]),
    seed=st.integers(0, 999),
)
def test_equals_stretching_everything_first(
    height, width, factor, missing, function, kernels, seed
):
    image = sky(np.random.default_rng(seed), (height, width), 1, missing)
    found = downscale(image, MONO, factor, function, kernels=kernels)
    expected = stretched_first(image, MONO, factor, function)
    np.testing.assert_allclose(found, expected, rtol=ROUNDED, atol=1e-15)


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
    assert found.shape == expected.shape
    assert is_planar_float32(found)
    np.testing.assert_allclose(found, expected, rtol=ROUNDED, atol=1e-15)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_bands_and_threads_do_not_show(rng, monkeypatch, function, threads):
    image = sky(rng, (70, 20), missing=0.2)
    weight = image_of(rng.random((1, 70, 20)).astype(np.float32))
    whole = downscale(image, STRETCH, 3, function)
    whole_weight = downscale_weight(weight, 3, function)
    for pixels in (1, 2 * 20, 7 * 20, 10**6):
        monkeypatch.setattr(bands_module, "BAND_PIXELS", pixels)
        for source, mask in ((image, weight), (filling(image), filling(weight))):
            found = downscale(source, STRETCH, 3, function, threads)
            np.testing.assert_array_equal(found, whole)
            found = downscale_weight(mask, 3, function, threads)
            np.testing.assert_array_equal(found, whole_weight)


def test_factor_1_is_the_stretched_image(rng):
    image = sky(rng, (8, 9))
    found = downscale(image, STRETCH, 1, "median")
    expected = np.moveaxis(STRETCH.apply(image.planes()), 0, 2).astype(np.float32)
    np.testing.assert_array_equal(found, expected)


def test_an_empty_block_is_missing(rng):
    planes = sky(rng, (8, 8)).planes().copy()
    planes[1, :4, 4:] = 0
    planes[2] = np.nan
    expected = np.zeros((2, 2, 3), bool)
    expected[0, 1, 1] = expected[..., 2] = True
    for function in FUNCTIONS:
        found = downscale(image_of(planes), STRETCH, 4, function)
        assert np.array_equal(np.isnan(found), expected)


def test_the_image_is_left_as_it_is(rng):
    image = sky(rng, (20, 20), missing=0.1)
    before = image.planes().tobytes()
    for function in FUNCTIONS:
        downscale(image, STRETCH, 4, function)
        downscale_weight(image, 4, function)
    assert image.planes().tobytes() == before


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(16, 24), (17, 23), (1, 1), (3, 50)], ids=str)
def test_weights_are_reduced_by_the_same_function(rng, function, shape, kernels):
    planes = rng.random((3, *shape), np.float32)
    # Zeros are weights like any other, and most masks are zeros and ones.
    planes[1] = planes[1] < 0.6
    planes[2, ::2] = 0
    found = downscale_weight(image_of(planes), 4, function, kernels=kernels)
    weight = np.moveaxis(planes, 0, 2).astype(np.float64)
    expected = by_loops(weight, np.ones(weight.shape, bool), 4, function)
    assert is_planar_float32(found)
    np.testing.assert_allclose(found, expected, rtol=ROUNDED)


@given(size=st.integers(1, 500), factor=st.integers(1, 600))
def test_block_centres_are_the_means_of_pixel_centres(size, factor):
    pixels = (np.arange(size) + 0.5) / size
    expected = [pixels[start : start + factor].mean() for start in range(0, size, factor)]
    assert block_centres(size, factor) == pytest.approx(expected, rel=1e-12)


SHAPES = [(16, 24), (17, 131), (1, 40), (40, 1), (70, 5)]
FACTORS = [1, 2, 3, 5, 8, 13, LARGEST_SORTED]


def samples_of_every_kind(rng, shape):
    plane = rng.normal(size=shape).astype(np.float32)
    plane[rng.random(shape) < 0.3] = 0
    plane[: shape[0] // 3] = np.nan
    odd = np.array([-0.0, 1e-9, -1e-8, 1e-45, np.inf, -np.inf, 3e38, -3e38, 2e-8], np.float32)
    return np.where(rng.random(shape) < 0.2, rng.choice(odd, shape), plane)


@needs_c
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("least", [MISSING_LEVEL, ZEROS_COUNT])
def test_c_finds_the_middle_values_that_numpy_finds(rng, factor, shape, least):
    plane = samples_of_every_kind(rng, shape)
    expected = NUMPY.middle_values(plane, factor, least)
    found = FASTEST.middle_values(plane, factor, least)
    # Zeros of both signs are equal, and may come in any order.
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("factor", [1, 3, 8])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("least", [MISSING_LEVEL, ZEROS_COUNT])
def test_middle_values_are_those_of_a_sorted_block(rng, factor, shape, least, kernels):
    plane = samples_of_every_kind(rng, shape)
    counts = is_valid(plane) if least == MISSING_LEVEL else np.isfinite(plane)
    low, high = kernels.middle_values(plane, factor, least)
    assert low.shape == high.shape == tuple(-(-size // factor) for size in shape)
    for i, j in np.ndindex(low.shape):
        block = (slice(i * factor, (i + 1) * factor), slice(j * factor, (j + 1) * factor))
        ordered = np.sort(plane[block][counts[block]])
        n = ordered.size
        expected = (ordered[(n - 1) // 2], ordered[n // 2]) if n else (np.nan, np.nan)
        np.testing.assert_array_equal((low[i, j], high[i, j]), expected)


@needs_c
@pytest.mark.parametrize("factor", [LARGEST_SORTED, LARGEST_SORTED + 1, 100])
def test_blocks_too_large_to_sort_in_c_have_the_same_medians(rng, factor):
    image = sky(rng, (150, 210), missing=0.2)
    found, expected = (
        downscale(image, STRETCH, factor, "median", kernels=each) for each in (FASTEST, NUMPY)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_means_of_stretched_samples_are_those_of_each_block(rng, factor, shape, kernels):
    plane = samples_of_every_kind(rng, shape)
    valid = is_valid(plane)
    stretched = MONO.apply(np.where(valid, plane, np.nan)[np.newaxis].astype(np.float64))
    expected = by_loops(np.moveaxis(stretched, 0, 2), valid[..., np.newaxis], factor, "mean")
    own = (MONO.pedestal[0], MONO.scale[0], MONO.midtones[0], MONO.target)
    found = kernels.stretched_means(plane, *own, factor)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected[..., 0], rtol=1e-12)


@needs_c
def test_c_sorts_any_number_of_blocks(rng):
    # Vectors of blocks that are full, and that are not.
    for columns in range(1, 71):
        plane = rng.random((3, columns)).astype(np.float32)
        low, high = FASTEST.middle_values(plane, 3, ZEROS_COUNT)
        exact = plane.astype(np.float64)
        expected = [np.median(exact[:, j : j + 3]) for j in range(0, columns, 3)]
        assert ((low.astype(np.float64) + high) / 2)[0].tolist() == expected


SKIES = {
    "noise": lambda noise: 0.1 + 0.003 * noise,
    "stars": lambda noise: np.where(noise > 1.5, noise**8, 0.1 + 0.003 * noise),
    "steps": lambda noise: np.round(2 * noise) + 5,
    "two values": lambda noise: np.where(noise > 0, 1, 2),
    "one value": lambda noise: np.full_like(noise, 0.25),
    "all sizes": lambda noise: np.sign(noise) * 10 ** (12 * np.abs(noise)),
}


@needs_c
@pytest.mark.parametrize("sky", SKIES)
@pytest.mark.parametrize("factor", [12, 13, 28])
@pytest.mark.parametrize("grouped", [False, True])
def test_c_counts_to_the_middle_of_large_blocks(rng, sky, factor, grouped):
    with np.errstate(over="ignore"):
        plane = SKIES[sky](rng.standard_normal((100, 205))).astype(np.float32)
    plane[:40] += np.float32(0.05)
    plane[:, 60:90][rng.random((100, 30)) < 0.5] = 0
    plane[30:70, 120:170] = np.nan
    expected = NUMPY.middle_values(plane, factor, MISSING_LEVEL, grouped)
    found = FASTEST.middle_values(plane, factor, MISSING_LEVEL, grouped)
    if grouped:
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


def in_blocks(rng, noise, rounded):
    """Noise on a slope that crosses three steps of rounding, and the sky of each block of 8 x 8."""
    slope = np.linspace(100, 103, 512)
    plane = slope + noise * rng.standard_normal((256, 512))
    expected = np.broadcast_to(slope.reshape(-1, 8).mean(axis=1), (32, 64))
    return (np.round(plane) if rounded else plane).astype(np.float32), expected


@pytest.mark.parametrize("noise", [0.5, 1, 3])
def test_rounding_hides_nothing_from_grouped_medians(rng, noise, kernels):
    # The noise hides the steps, but not from medians of single blocks, which are steps themselves.
    off = {}
    for rounded in (False, True):
        plane, expected = in_blocks(rng, noise, rounded)
        for grouped in (False, True):
            low, high = kernels.middle_values(plane, 8, MISSING_LEVEL, grouped)
            off[rounded, grouped] = np.std((low + high) / 2 - expected)
    assert off[False, True] == off[False, False]
    rounding = np.sqrt(1 / 12)
    assert off[True, True] < 1.1 * np.hypot(off[False, True], rounding / 8)
    assert off[True, False] > off[True, True]


@needs_c
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("step", [0.2, 1, 5])
def test_c_finds_the_grouped_medians_that_numpy_finds(rng, factor, shape, step):
    plane = (step * np.round(rng.normal(size=shape) / step)).astype(np.float32)
    plane[rng.random(shape) < 0.2] = CLIPPED
    plane[: shape[0] // 3] = np.nan
    expected = NUMPY.middle_values(plane, factor, MISSING_LEVEL, True)
    found = FASTEST.middle_values(plane, factor, MISSING_LEVEL, True)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * step)
    assert np.array_equal(np.equal(found, CLIPPED), np.equal(expected, CLIPPED))


def test_a_block_of_one_value_has_that_median(kernels):
    low, high = kernels.middle_values(np.full((8, 8), 7, np.float32), 8, MISSING_LEVEL, True)
    assert low == high == 7

"""The passes that change the scale of samples: in C and in numpy they give the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.image.blocks import blocks, mean_of_blocks, over_blocks, valid_means
from fastbg.image.kernels import FASTEST, NUMPY
from fastbg.image.missing import CLIPPED, ZERO, is_valid

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">u2", ">f4"]
BOUNDS = [(0, 1), (0.0, 65535.0), (-1, 1), (3.5, 1e4), (1e-30, 1e30)]
ODD = [0, np.nan, np.inf, -np.inf, 1e-45, CLIPPED, ZERO, -CLIPPED, 1, -1, 3e38, 65504]


def numbers(code, count=999):
    """Numbers over the whole range of a type, odd ones among them."""
    rng, dtype = np.random.default_rng(7), np.dtype(code)
    if dtype.kind == "f":
        found = rng.normal(0, 3, count).astype(dtype)
        with np.errstate(over="ignore"):
            found[: len(ODD)] = np.array(ODD).astype(dtype)
        return found
    limits = np.iinfo(dtype)
    found = rng.integers(limits.min, limits.max, count, dtype.newbyteorder("="), endpoint=True)
    found[:3] = 0, limits.min, limits.max
    return found.astype(dtype)


def both(call, *shape_and_type):
    """What C and numpy fill in."""
    filled = []
    for kernels in (FASTEST, NUMPY):
        out = np.empty(*shape_and_type)
        call(kernels, out)
        filled.append(out)
    return filled


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_scale(code, low, high):
    values = numbers(code)
    ours, reference = both(lambda k, out: k.scale(values, low, high, out), values.shape, "f4")
    assert ours.tobytes() == reference.tobytes()
    with np.errstate(over="ignore"):
        expected = ((values.astype(float) - low) / (high - low)).astype(np.float32)
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize(("low", "high"), BOUNDS)
@pytest.mark.parametrize("out_type", ["<f4", ">f4"])
def test_unscale(low, high, out_type):
    values = numbers("f4", 9999)
    ours, reference = both(lambda k, out: k.unscale(values, low, high, out), values.shape, out_type)
    assert ours.tobytes() == reference.tobytes()


@pytest.mark.parametrize("code", TYPES)
@pytest.mark.parametrize("out_type", ["<f4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("span", [1, 65535.0])
def test_restore(code, out_type, span):
    stored = numbers(code, 9999)
    samples = numbers("f4", 9999)
    corrected = (samples - np.float32(0.1)) * np.float32(1.1)
    corrected[len(ODD) : 200] = samples[len(ODD) : 200]
    ours, reference = both(
        lambda k, out: k.restore(stored, samples, corrected, span, out), stored.shape, out_type
    )
    np.testing.assert_array_equal(ours, reference)
    unchanged = ~np.isfinite(samples) | (samples == 0) | (corrected == samples)
    np.testing.assert_array_equal(ours[unchanged], stored[unchanged].astype(out_type))


@pytest.mark.parametrize("midtones", [0.5, 0.05, 1e-30])
def test_unstretch(midtones):
    values = numbers("f4")
    stretch = 0.01, 3.0, midtones, 0.25
    ours, reference = (np.where(np.isnan(values), np.float32(2), values) for _ in range(2))
    clamped = FASTEST.unstretch(ours, *stretch)
    assert clamped == NUMPY.unstretch(reference, *stretch)
    assert ours.tobytes() == reference.tobytes()


def test_subtract():
    samples, background = numbers("f4"), numbers("f4")[::-1].copy()
    ours, reference = both(
        lambda k, out: k.subtract(samples, background, 0.1, out), samples.shape, "f4"
    )
    np.testing.assert_array_equal(ours, reference)


def test_planes_that_are_no_piece_of_memory_are_taken():
    values, out = np.arange(12, dtype="u2")[::2], np.empty(12, "f4")[::2]
    FASTEST.scale(values, 0, 2, out)
    FASTEST.unscale(out, 0, 2, out)
    np.testing.assert_array_equal(out, values)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3), (6, 17), (40, 256)])
@pytest.mark.parametrize("colours", [(0, 1, 1, 2), (1, 2, 0, 1)])
@pytest.mark.parametrize("one_green", [False, True])
def test_superpixels(shape, colours, one_green):
    height, width = shape
    mosaic = np.random.default_rng(5).choice([*ODD, 0.3, 0.7], shape).astype("f4")
    planes = (3, height // 2, width // 2)
    with np.errstate(over="ignore", invalid="ignore"):
        ours, reference = both(
            lambda k, out: k.superpixels(mosaic, colours, one_green, out), planes, "f4"
        )
    np.testing.assert_array_equal(ours, reference)


@pytest.mark.parametrize("missing", [0, 0.3, 0.999])
@pytest.mark.parametrize("shape", [(3, 28, 90), (1, 56, 84), (2, 50, 77), (1, 20, 10)])
def test_blocks_are_reduced_by_rows_as_one_by_one(shape, missing):
    rng = np.random.default_rng(3)
    planes = rng.normal(0.1, 0.01, shape).astype("f4")
    holes = rng.random(shape) < missing
    planes[holes] = rng.choice(np.array([0, np.nan, np.inf], "f4"), holes.sum())
    one_by_one = [blocks(np.where(is_valid(plane), plane, np.nan), 28) for plane in planes]
    means = valid_means(planes, 28).astype("f4")
    np.testing.assert_array_equal(means, np.stack([*map(mean_of_blocks, one_by_one)]).astype("f4"))
    largest = over_blocks(np.fmax, np.where(is_valid(planes), planes, np.nan), 28)
    with np.errstate(all="ignore"):
        expected = [np.fmax.reduce(each, axis=-1) for each in one_by_one]
    np.testing.assert_array_equal(largest, np.stack(expected))

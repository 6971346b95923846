from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbg.errors import InputError
from fastbg.image import Image, is_valid

SHAPES = [(1, 1), (5, 7), (5, 7, 1), (1, 9, 3), (8, 3, 3)]


def as_channels_last(samples):
    return samples[..., np.newaxis] if samples.ndim == 2 else samples


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_planes_are_channels_first_and_come_back(rng, shape):
    samples = rng.random(shape, np.float32)
    image = Image.from_samples(samples)
    planes = image.planes()
    assert planes.dtype == np.float32
    assert all(plane.flags.c_contiguous for plane in planes)
    assert image.shape == shape[:2]
    assert image.channels == (shape[2] if len(shape) == 3 else 1)
    assert np.array_equal(planes, np.moveaxis(as_channels_last(samples), 2, 0))


@given(
    dtype=st.sampled_from(["u1", "u2", "u4", "f2", "f4", "f8"]),
    order=st.sampled_from("<>"),
    shape=st.sampled_from([(4, 6), (4, 6, 1), (4, 6, 3)]),
    view=st.sampled_from(["whole", "reversed", "strided", "fortran", "transposed"]),
    seed=st.integers(0, 99),
)
def test_types_byte_orders_and_strides(dtype, order, shape, view, seed):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype).newbyteorder(order)
    if dtype.kind == "u":
        samples = rng.integers(0, np.iinfo(dtype).max, shape, np.uint64, True).astype(dtype)
        expected = samples.astype(np.float64) / np.iinfo(dtype).max
    else:
        samples = rng.normal(size=shape).astype(dtype)
        expected = samples.astype(np.float64)
    views = {
        "whole": lambda a: a,
        "reversed": lambda a: a[::-1, ::-1],
        "strided": lambda a: a[::2, 1::3],
        "fortran": np.asfortranarray,
        "transposed": lambda a: a.swapaxes(0, 1),
    }
    given_samples, expected = views[view](samples), views[view](expected)
    before = given_samples.copy()
    image = Image.from_samples(given_samples)
    planes = np.moveaxis(as_channels_last(expected).astype(np.float32), 2, 0)
    assert np.array_equal(image.planes(), planes)
    height = image.shape[0]
    out = np.full((image.channels, height + 2, image.shape[1]), 7, np.float32)
    for rows in (slice(0, 1), slice(height // 2, height), slice(0, height)):
        assert np.array_equal(image.read(rows, out), planes[:, rows])
        assert np.array_equal(image.rows(rows), planes[:, rows])
    assert np.array_equal(given_samples, before)


def test_planar_floats_are_not_copied(rng):
    planes = rng.random((3, 8, 9), np.float32)
    out = np.zeros((3, 4, 9), np.float32)
    band = Image.from_samples(np.moveaxis(planes, 0, 2)).read(slice(2, 6), out)
    assert np.shares_memory(band, planes)
    assert not out.any()
    # Other layouts come in the memory that was given.
    band = Image.from_samples(np.ascontiguousarray(np.moveaxis(planes, 0, 2))).read(
        slice(2, 6), out
    )
    assert np.shares_memory(band, out)


def test_integers_span_the_unit_interval():
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        top = np.iinfo(dtype).max
        planes = Image.from_samples(np.array([[0, top // 2 + 1, top]], dtype)).planes()
        assert planes.ravel().tolist() == pytest.approx([0, 0.5, 1], abs=2e-3)
        assert planes.max() == 1


def test_bounds_become_black_and_white():
    samples = np.array([[100.0, 150.0, 300.0, 50.0]])
    planes = Image.from_samples(samples, (100, 300)).planes()
    assert planes.ravel().tolist() == [0, 0.25, 1, -0.25]
    eight_bits = Image.from_samples(np.array([[0, 51]], np.uint8), (0, 51)).planes()
    assert eight_bits.ravel().tolist() == [0, 1]
    assert np.array_equal(Image.from_samples(samples, (0, 1)).planes()[0], samples)


def test_what_is_missing():
    samples = np.array([[0, -0.0, 1e-9, -1e-8, np.nan, np.inf, -np.inf, 2e-8, -0.1, 5]])
    assert (
        is_valid(Image.from_samples(samples).planes()).ravel().tolist() == [False] * 7 + [True] * 3
    )


@pytest.mark.parametrize(
    ("samples", "cause"),
    [
        (np.zeros(5), "shape"),
        (np.zeros(()), "shape"),
        (np.zeros((2, 3, 3, 1)), "shape"),
        (np.zeros((0, 5)), "shape"),
        (np.zeros((5, 0, 3)), "shape"),
        (np.zeros((4, 4, 2)), "2 channels"),
        (np.zeros((4, 4, 4)), "4 channels.*alpha"),
        (np.zeros((3, 8, 9)), "9 channels"),
        (np.zeros((4, 4), np.int16), "int16"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.array([["a", "b"]]), "type"),
        (np.array([[None, 1]]), "object"),
    ],
)
def test_unusable_arrays_are_refused_in_one_line(samples, cause):
    with pytest.raises(InputError, match=cause) as e:
        Image.from_samples(samples)
    assert "\n" not in str(e.value)

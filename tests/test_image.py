from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbg.errors import InputError
from fastbg.image.image import Image, is_valid

SHAPES = [(1, 1), (5, 7), (5, 7, 1), (1, 9, 3), (8, 3, 3)]


def as_channels_last(samples):
    return samples[..., np.newaxis] if samples.ndim == 2 else samples


def to_array(image):
    return np.moveaxis(image.planes(), 0, 2)


@dataclass(frozen=True)
class File:
    """Samples as a file gives them: into `out` where that is of use."""

    planar: np.ndarray
    native: bool = True

    @property
    def shape(self):
        return self.planar.shape

    @property
    def dtype(self):
        return self.planar.dtype.newbyteorder("=")

    def read_rows(self, rows, out=None):
        band = self.planar[:, rows]
        if out is None or not self.native:
            return band.copy()
        out[:, : band.shape[1]] = band
        return out[:, : band.shape[1]]


def read_into(image, rows):
    """Rows read into a larger array, and that array."""
    out = np.full((image.channels, rows.stop - rows.start + 2, image.shape[1]), -7, np.float32)
    return image.read(rows, out), out


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_planes_are_channels_first_and_come_back(rng, shape):
    samples = rng.random(shape, np.float32)
    image = Image.from_samples(samples)
    planes = image.planes()
    assert planes.dtype == np.float32
    assert all(plane.flags.c_contiguous for plane in planes)
    assert image.shape == shape[:2]
    assert image.channels == (shape[2] if len(shape) == 3 else 1)
    assert np.array_equal(to_array(image), as_channels_last(samples))
    assert np.array_equal(planes[0], as_channels_last(samples)[..., 0])


@given(
    dtype=st.sampled_from(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]),
    order=st.sampled_from("<>"),
    shape=st.sampled_from([(4, 6), (4, 6, 1), (4, 6, 3)]),
    view=st.sampled_from(["whole", "reversed", "strided", "fortran", "transposed"]),
    seed=st.integers(0, 99),
)
def test_types_byte_orders_and_strides(dtype, order, shape, view, seed):
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype).newbyteorder(order)
    if dtype.kind == "u":
        top = np.iinfo(dtype).max
        samples = rng.integers(0, top, shape, np.uint64, True).astype(dtype)
        expected = samples.astype(np.float64) / top
    elif dtype.kind == "i":
        limits = np.iinfo(dtype)
        samples = rng.integers(limits.min, limits.max, shape, np.int64, True).astype(dtype)
        expected = samples.astype(np.float64)
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
    expected = as_channels_last(expected).astype(np.float32)
    assert np.array_equal(to_array(image), expected)
    for rows in (slice(0, 1), slice(1, 2), slice(0, 2)):
        band, out = read_into(image, rows)
        assert band.dtype == np.float32
        assert band.dtype.isnative
        assert all(plane.flags.c_contiguous for plane in band)
        assert np.array_equal(np.moveaxis(band, 0, 2), expected[rows])
        # Only the beginning of each plane is filled.
        rest = out[:, rows.stop - rows.start :] if np.shares_memory(band, out) else out
        assert (rest == -7).all()
    assert np.array_equal(given_samples, before)


def test_integers_span_the_unit_interval():
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        top = np.iinfo(dtype).max
        planes = Image.from_samples(np.array([[0, top // 2 + 1, top]], dtype)).planes()
        assert planes.ravel().tolist() == pytest.approx([0, 0.5, 1], abs=2e-3)
        assert planes.max() == 1


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bounds", [None, (0, 1), (0, 255), (16, 235), (100, 50), (-3.5, 1e5)])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
def test_integers_follow_the_formula_in_float64_bit_for_bit(rng, dtype, bounds, order):
    dtype = np.dtype(dtype)
    top = np.iinfo(dtype).max
    if dtype.itemsize <= 2:
        every = np.arange(top + 1)
    else:
        every = rng.integers(0, top, 1000, np.uint64, True)
        every[:2] = 0, top
    samples = every.reshape(-1, 8).astype(dtype.newbyteorder(order))
    low, high = bounds or (0, top)
    expected = ((every.astype(np.float64) - low) / (high - low)).astype(np.float32)
    found = Image.from_samples(samples, bounds).planes()
    assert found.tobytes() == expected.tobytes()


def test_bounds_become_black_and_white():
    samples = np.array([[100.0, 150.0, 300.0, 50.0]])
    planes = Image.from_samples(samples, (100, 300)).planes()
    assert planes.ravel().tolist() == [0, 0.25, 1, -0.25]
    eight_bits = Image.from_samples(np.array([[0, 51]], np.uint8), (0, 51)).planes()
    assert eight_bits.ravel().tolist() == [0, 1]
    assert np.array_equal(Image.from_samples(samples, (0, 1)).planes()[0], samples)


def test_bounds_apply_to_float32_samples_too(rng):
    samples = rng.random((6, 7, 3), np.float32)
    before = samples.copy()
    expected = ((samples.astype(np.float64) - 0.25) / 1.25).astype(np.float32)
    assert np.array_equal(to_array(Image.from_samples(samples, (0.25, 1.5))), expected)
    assert np.array_equal(samples, before)


@pytest.mark.parametrize("bounds", [None, (0, 0.5)])
def test_what_float32_cannot_hold_is_infinite_and_missing(bounds):
    signalling = np.array([0x7FF0000000000001], np.uint64).view(np.float64)[0]
    samples = np.array([[1e300, -1e300, signalling, 0.25]])
    planes = Image.from_samples(samples, bounds).planes()
    assert planes.ravel()[:2].tolist() == [np.inf, -np.inf]
    assert is_valid(planes).ravel().tolist() == [False, False, False, True]


def test_planar_float32_samples_are_lent_not_copied(rng):
    planes = rng.random((3, 9, 11), np.float32)
    for samples in (np.moveaxis(planes, 0, 2), planes[0]):
        band, out = read_into(Image.from_samples(samples), slice(2, 5))
        assert np.shares_memory(band, planes)
        assert (out == -7).all()
        assert np.shares_memory(Image.from_samples(samples).planes(), planes)
        assert np.shares_memory(Image.from_samples(samples).rows(slice(0, 2)), planes)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "u2"])
def test_other_samples_are_read_into_the_given_memory(rng, dtype):
    samples = (100 * rng.random((9, 11, 3))).astype(dtype)
    image = Image.from_samples(samples)
    band, out = read_into(image, slice(2, 5))
    assert np.shares_memory(band, out)
    assert np.array_equal(band, image.planes()[:, 2:5])


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">u2", "u4"])
def test_sources_may_fill_the_given_memory_or_not(rng, dtype, native):
    planar = (100 * rng.random((3, 9, 11))).astype(dtype)
    image = Image.of(File(planar, native and planar.dtype.isnative))
    assert image.shape == (9, 11)
    assert image.channels == 3
    expected = Image.from_samples(np.moveaxis(planar, 0, 2)).planes()
    assert np.array_equal(image.planes(), expected)
    for rows in (slice(0, 9), slice(4, 5), slice(7, 9)):
        band, _ = read_into(image, rows)
        assert band.dtype.isnative
        assert np.array_equal(band, expected[:, rows])


def test_rows_are_those_of_the_planes(rng):
    image = Image.from_samples(rng.random((9, 5, 3)))
    whole = image.planes()
    for rows in (slice(0, 1), slice(3, 9), slice(8, 9)):
        assert np.array_equal(image.rows(rows), whole[:, rows])


def test_what_is_missing():
    samples = np.array([[0, -0.0, np.nan, np.inf, -np.inf, 1e-9, -1e-8, 1e-45, 3e38, -0.1]])
    valid = is_valid(Image.from_samples(samples).planes())
    assert valid.ravel().tolist() == [False] * 5 + [True] * 5
    assert valid.shape == (1, *samples.shape)


@pytest.mark.parametrize(
    ("dtype", "bounds", "black"),
    [
        ("u1", None, 0),
        ("u2", None, 0),
        ("u4", None, 0),
        ("u8", None, 0),
        ("i2", (0, 65535), 0),
        ("i4", (0, 2.0**40), 0),
        ("u2", (100, 50000), 100),
        ("f4", (0, 2.0**60), 0),
        ("f8", (-3.5, 1e5), -3.5),
    ],
)
def test_only_black_is_missing_on_every_scale(dtype, bounds, black):
    samples = np.array([[black, black + 1, black + 2]], dtype)
    valid = is_valid(Image.from_samples(samples, bounds).planes())
    assert valid.ravel().tolist() == [False, True, True]


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

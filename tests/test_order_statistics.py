from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from images import image_of, set_band_pixels

from fastbg import bands
from fastbg.backends import c
from fastbg.image import Image, is_valid
from fastbg.order_statistics import (
    ABOVE_1,
    NEGATIVE,
    VALID,
    Counts,
    Quantiles,
    guess_quantiles,
    key_of,
    numpy_count,
    quantiles,
    search,
    value_of,
)

WANTED = [0, 0.03, 0.5, 0.77, 1]

samples = arrays(
    np.float32,
    st.integers(1, 300),
    elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.25, 1.0, -1.0, 1e-30, -0.0]),
)
needs_c = pytest.mark.skipif(c.unavailable() is not None, reason=str(c.unavailable()))


def plane(values):
    """A mono image of one row."""
    return image_of(np.asarray(values, np.float32).reshape(1, 1, -1))


def everything(values):
    """An image beside which every value counts."""
    return plane(np.ones(np.size(values)))


def by_numpy(values, probabilities=WANTED):
    return np.quantile(np.asarray(values, np.float64), probabilities)


@given(samples, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_equal_numpy(values, probabilities):
    found = quantiles(plane(values), probabilities, 1, samples=everything(values)).values()
    assert found.dtype == np.float64
    assert found[0] == pytest.approx(by_numpy(values, probabilities), rel=1e-12, abs=1e-9)


@given(samples)
def test_order_statistics_are_exact(values):
    ordered, size = np.sort(values), values.size
    low, middle, high = quantiles(
        plane(values), [0, 0.5, 1], 1, samples=everything(values)
    ).values()[0]
    assert (low, high) == (ordered[0], ordered[-1])
    around = ordered[[(size - 1) // 2, size // 2]].astype(np.float64)
    assert middle == around[0] + (0 if size % 2 else 0.5) * (around[1] - around[0])


SAMPLES = {
    "noise": lambda rng: rng.normal(0.1, 0.01, 5000),
    "both signs": lambda rng: rng.normal(0, 1, 5001),
    "constant": lambda rng: np.full(700, 0.3),
    "two values": lambda rng: rng.choice([0.2, 0.7], 901),
    "far apart": lambda rng: 10.0 ** rng.uniform(-30, 30, 3000),
    "denormal": lambda rng: rng.integers(1, 1000, 999) * 1e-45,
    "one": lambda rng: np.array([0.5]),
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("guess", ["none", "right", "near", "far", "nan", "window ends here"])
def test_a_guess_changes_nothing(rng, kind, guess):
    values = SAMPLES[kind](rng).astype(np.float32)
    exact = by_numpy(values)
    guesses = {
        "none": None,
        "right": exact,
        "near": exact * 1.003,
        "far": -3 * exact - 1,
        "nan": np.full_like(exact, np.nan),
        "window ends here": value_of(key_of(exact) - np.uint32(1 << 15)),
    }
    first = guesses[guess]
    found = Quantiles(1, WANTED, None if first is None else first[np.newaxis])
    search(found, plane(values), [slice(0, 1)], 1, samples=everything(values))
    assert found.values()[0] == pytest.approx(exact, rel=1e-12, abs=1e-50)


class Counted:
    """An image that counts how often its rows are read."""

    def __init__(self, planes):
        image, self.rows = image_of(planes), 0

        def read(rows, out):
            self.rows += rows.stop - rows.start
            return image.read(rows, out)

        self.image = Image(image.channels, image.shape, read)


def test_one_pass_is_enough_for_a_good_guess(rng):
    planes = rng.normal(0.1, 0.01, (3, 60, 70)).astype(np.float32)
    exact = np.quantile(planes.astype(np.float64), WANTED, axis=(1, 2)).T
    counted = Counted(planes)
    found = quantiles(counted.image, WANTED, 1, guess=exact * 1.0001)
    assert counted.rows == 60
    assert found.values() == pytest.approx(exact, rel=1e-12)


def test_large_images_are_sampled_for_a_guess(rng, monkeypatch):
    planes = rng.normal(0.1, 0.001, (1, 640, 300)).astype(np.float32)
    assert guess_quantiles(image_of(planes), [0.5], 1) is None
    monkeypatch.setattr(bands, "SAMPLED_PIXELS", 1)
    counted = Counted(planes)
    found = quantiles(counted.image, [0.5], 1)
    assert counted.rows == 640 + 2 * 640 // 8
    assert found.values()[0, 0] == np.median(planes.astype(np.float64))


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pixels", [1, 300, 10**6])
def test_bands_and_threads_do_not_show(rng, monkeypatch, pixels, threads):
    planes = rng.normal(0.1, 0.05, (3, 50, 41)).astype(np.float32)
    planes[rng.random(planes.shape) < 0.2] = np.nan
    whole = quantiles(image_of(planes), WANTED, 1)
    set_band_pixels(monkeypatch, pixels)
    found = quantiles(image_of(planes), WANTED, threads)
    assert np.array_equal(found.values(), whole.values())
    expected = np.nanquantile(planes.astype(np.float64), WANTED, axis=(1, 2)).T
    assert found.values() == pytest.approx(expected, rel=1e-12)


def test_what_is_counted_beside_them(rng):
    planes = rng.normal(0.5, 0.5, (3, 20, 30)).astype(np.float32)
    planes[:, 0, :6] = [0, np.nan, np.inf, -np.inf, 1e-9, -0.0]
    valid = is_valid(planes)
    found = quantiles(image_of(planes), [0.5], 1)
    assert found.total(VALID) == np.count_nonzero(valid)
    assert found.total(NEGATIVE) == np.count_nonzero(planes[valid] < 0)
    assert found.total(ABOVE_1) == np.count_nonzero(planes[valid] > 1)


def test_samples_of_another_image_decide_what_counts(rng):
    values = rng.normal(0.0, 1.0, (1, 9, 11)).astype(np.float32)
    values[0, 0, 0] = 0  # nothing special here
    of_image = np.where(rng.random(values.shape) < 0.5, 1, np.nan).astype(np.float32)
    of_image[0, 0, 0] = 1
    found = quantiles(image_of(values), WANTED, 1, samples=image_of(of_image))
    assert found.values()[0] == pytest.approx(by_numpy(values[of_image == 1]), rel=1e-12)


def test_nothing_that_counts():
    found = quantiles(image_of(np.zeros((3, 4, 5), np.float32)), [0, 0.5], 1)
    assert found.values().shape == (3, 2)
    assert np.isnan(found.values()).all()
    assert found.total(VALID) == 0


def test_a_monotone_map_of_the_neighbours(rng):
    values = rng.random(1000).astype(np.float32)
    found = quantiles(plane(values), WANTED, 1).values(np.exp)
    exact = np.quantile(np.exp(values.astype(np.float64)), WANTED)
    assert found[0] == pytest.approx(exact, rel=1e-12)


def test_the_keys_compare_as_the_values_do():
    values = np.array(
        [-np.inf, -3e38, -1, -1e-45, -0.0, 0.0, 1e-45, 1e-30, 1, 1 + 2**-23, 3e38, np.inf],
        np.float32,
    )
    assert (np.diff(key_of(values).astype(np.int64)) > 0).all()
    assert np.array_equal(value_of(key_of(values)), values.astype(np.float64))


@needs_c
@given(samples, st.randoms(use_true_random=False))
def test_c_counts_what_numpy_counts(values, random):
    of_image = np.array([random.choice([1, -2, 0, 1e-9, np.nan, np.inf]) for _ in values])
    of_image = of_image.astype(np.float32)
    around = key_of(values[:1])[0]
    windows = np.array(
        [[0, 16], [max(0, int(around) - 100), 0], [0xBF800000 - 5, 0]], dtype=np.uint32
    )
    counted = []
    for count in (numpy_count, c.count):
        counts = Counts.of(windows)
        for half in (slice(None, values.size // 2), slice(values.size // 2, None)):
            own = (counts.tally, counts.below, counts.counts)
            count(np.ascontiguousarray(values[half]), of_image[half], windows, *own)
        counted.append(counts)
    golden, found = counted
    assert np.array_equal(found.tally, golden.tally)
    assert np.array_equal(found.below, golden.below)
    # The last bin of the first window also takes what does not count: no float has such a key.
    assert np.array_equal(found.counts[0, :-1], golden.counts[0, :-1])
    assert np.array_equal(found.counts[1:], golden.counts[1:])

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastbg.backends import c
from fastbg.order_statistics import median, numpy_order_statistics, quantiles

samples = arrays(
    np.float32,
    st.integers(1, 300),
    elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 0.25, 1.0]),
)
needs_c = pytest.mark.skipif(c.unavailable() is not None, reason=str(c.unavailable()))


def everything(values):
    return np.ones(values.shape, bool)


@given(samples, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_equal_numpy(values, probabilities):
    expected = np.quantile(values.astype(np.float64), probabilities)
    found = quantiles(values, everything(values), probabilities)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(samples)
def test_order_statistics_are_exact(values):
    ordered, valid = np.sort(values), everything(values)
    # Fractions i / (n - 1) hit order statistics up to the rounding of the fraction.
    assert quantiles(values, valid, [0, 1]).tolist() == [ordered[0], ordered[-1]]
    if values.size % 2:
        assert median(values, valid) == ordered[values.size // 2]
    else:
        low, high = ordered[values.size // 2 - 1 : values.size // 2 + 1].astype(np.float64)
        assert median(values, valid) == low + 0.5 * (high - low)


@needs_c
@given(samples, st.randoms(use_true_random=False), st.integers(1, 3))
def test_c_finds_the_samples_that_numpy_finds(values, random, threads):
    valid = np.array([random.random() < 0.8 for _ in values])
    wanted = np.array([0.0, 0.03, 0.5, 0.77, 1.0])
    expected_count, expected = numpy_order_statistics(values, valid, wanted, 1)
    count, found = c.order_statistics(values, valid, wanted, threads)
    assert count == expected_count
    if count:
        assert np.array_equal(found, expected)


@needs_c
def test_c_counts_many_samples_with_any_number_of_threads(rng):
    plane = rng.normal(0.1, 0.01, (500, 700)).astype(np.float32)
    valid = rng.random(plane.shape) < 0.9
    plane[~valid] = np.nan
    wanted = np.array([0.0, 0.25, 0.5, 0.95, 1.0])
    expected = numpy_order_statistics(plane, valid, wanted, 1)
    for threads in (1, 2, 5):
        count, found = c.order_statistics(plane, valid, wanted, threads)
        assert count == expected[0]
        assert np.array_equal(found, expected[1])


def test_samples_that_do_not_count_are_ignored():
    values = np.array([np.nan, 3, 1, np.inf, 2, 0], np.float32)
    valid = np.array([False, True, True, False, True, False])
    assert quantiles(values, valid, [0, 0.5, 1]).tolist() == [1, 2, 3]
    assert np.isnan(quantiles(values, ~everything(values), [0.5])).all()


def test_an_infinite_neighbour_does_not_spoil_an_exact_hit():
    values = np.array([1, 2, 3], np.float32)
    assert quantiles(values, everything(values), [1.0]).tolist() == [3]

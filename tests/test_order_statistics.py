from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastbg.order_statistics import median, quantiles

samples = arrays(
    np.float32,
    st.integers(1, 300),
    elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 0.25, 1.0]),
)


@given(samples, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_equal_numpy(values, probabilities):
    expected = np.quantile(values.astype(np.float64), probabilities)
    found = quantiles(values.copy(), probabilities)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(samples)
def test_order_statistics_are_exact(values):
    ordered = np.sort(values)
    # Fractions i / (n - 1) hit order statistics up to the rounding of the fraction.
    assert quantiles(values.copy(), [0, 1]).tolist() == [ordered[0], ordered[-1]]
    if values.size % 2:
        assert median(values.copy()) == ordered[values.size // 2]
    else:
        low, high = ordered[values.size // 2 - 1 : values.size // 2 + 1].astype(np.float64)
        assert median(values.copy()) == low + 0.5 * (high - low)


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    probabilities = [0.03, 0.5, 0.77]
    assert np.array_equal(
        quantiles(values.copy(), probabilities), quantiles(shuffled, probabilities)
    )


def test_many_samples(rng):
    values = rng.normal(0.1, 0.01, 100_001).astype(np.float32)
    probabilities = [0.0, 0.25, 0.5, 0.95, 1.0]
    expected = np.quantile(values.astype(np.float64), probabilities)
    assert quantiles(values, probabilities) == pytest.approx(expected, rel=1e-14)


def test_an_infinite_neighbour_does_not_spoil_an_exact_hit():
    values = np.array([1, 2, 3], np.float32)
    assert quantiles(values, [1.0]).tolist() == [3]

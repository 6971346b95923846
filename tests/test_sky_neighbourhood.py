"""Neighbourhoods of cells, against scipy.ndimage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import convolve, gaussian_filter, label

from fastbg.sky.neighbourhood import accompanied, gaussian_mean, largest_region

shapes = st.tuples(st.integers(1, 40), st.integers(1, 40))
seeds = st.integers(0, 999)


@given(shapes, st.floats(0.3, 9), seeds)
def test_gaussian_means_are_those_of_scipy(shape, deviation, seed):
    plane = np.random.default_rng(seed).normal(size=shape)
    expected = gaussian_filter(plane, deviation)
    np.testing.assert_allclose(gaussian_mean(plane, deviation), expected, atol=1e-12)


@given(shapes, st.floats(0.05, 1), seeds)
def test_what_is_accompanied_has_another_around_it(shape, share, seed):
    inside = np.random.default_rng(seed).random((*shape, 2)) < share
    around = convolve(inside.astype(int), np.ones((3, 3, 1)), mode="constant")
    np.testing.assert_array_equal(accompanied(inside), inside & (around > 1))


@given(shapes, st.floats(0.05, 1), seeds)
def test_the_largest_region_is_that_of_scipy(shape, share, seed):
    inside = np.random.default_rng(seed).random(shape) < share
    inside.flat[seed % inside.size] = True
    regions, _ = label(inside)
    largest = np.bincount(regions[inside]).argmax()
    np.testing.assert_array_equal(largest_region(inside), regions == largest)


def spiral(size):
    """A path from the outside to the middle, one cell wide, as are its walls."""
    inside = np.zeros((size, size), bool)
    low, high = 0, size - 1
    while low <= high:
        inside[low, max(low - 2, 0) : high + 1] = True
        inside[low : high + 1, high] = True
        inside[high, low : high + 1] = True
        inside[low + 2 : high + 1, low] = True
        low, high = low + 2, high - 2
    return inside


@pytest.mark.parametrize("size", [5, 60, 90])
def test_a_region_may_wind(size):
    inside = spiral(size)
    inside[0, -1] = False
    regions, _ = label(inside)
    largest = np.bincount(regions[inside]).argmax()
    np.testing.assert_array_equal(largest_region(inside), regions == largest)

"""The functions of the compiled module with arguments that no caller of fastbg gives them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbg import _c

REFUSED = (ValueError, OverflowError, MemoryError)

sizes = st.integers(-2, 9) | st.sampled_from([sys.maxsize, -sys.maxsize - 1, 1 << 32, 1 << 62])
number = st.floats() | st.sampled_from([0.0, 1e-320, 1e300])
kinds = st.integers(-1, 5) | st.just(1 << 30)
methods = st.sampled_from(["direct", "tiled", "auto", ""])


def buffers(dtype, most=40):
    return st.integers(0, most).map(lambda size: np.full(size, 0.5, dtype))


floats, doubles = buffers(np.float32), buffers(np.float64)


def called(function, *arguments):
    """None, or what was returned, where the arguments were refused or taken."""
    try:
        return function(*arguments)
    except REFUSED:
        return None


@given(floats, sizes, sizes, number, floats, floats, doubles)
def test_blocks_of_any_size(samples, columns, side, value, low, high, means):
    least = value if abs(value) < 1e30 else 0.0
    called(_c.block_medians, samples, columns, side, least, low, high)
    called(_c.block_means, samples, columns, side, value, value, value, value, means)


def test_a_block_may_be_wider_than_anything():
    low, high = np.zeros((2, 1), np.float32)
    _c.block_medians(np.arange(6, dtype=np.float32), 6, sys.maxsize, -1.0, low, high)
    assert (low[0], high[0]) == (2, 3)


@given(floats, number, number)
def test_bands_of_any_numbers(values, one, other):
    called(_c.unstretch, values.copy(), one, other, one, other)
    called(_c.subtract, values, values, one, np.empty_like(values))


@settings(max_examples=150)
@given(doubles, kinds, kinds, doubles, doubles, st.booleans(), st.integers(-3, 9), methods, number)
def test_splines_of_any_kind(parameters, channels, order, y, x, fits, threads, method, value):
    plane = max(0, min(channels, 9)) * y.size * x.size if fits else 3
    out = np.empty(plane, np.float32)
    parameters[::3] = value
    called(_c.evaluate, parameters, channels, order, y, x, out, threads, method)
    image = np.full(plane, 0.5, np.float32)
    problem = called(_c.open_problem, image, image, y, x, channels, order, value, method)
    if problem is not None:
        gradient = np.empty_like(parameters)
        called(_c.loss_and_gradient, problem, parameters, gradient, True, threads)


@pytest.mark.parametrize(("columns", "side"), [(0, 1), (1, 0), (-1, 1), (1, -1), (5, 1)])
def test_impossible_blocks_are_told(columns, side):
    nothing = np.empty(0, np.float32)
    with pytest.raises(ValueError, match="must be positive"):
        _c.block_medians(nothing, columns, side, 0.0, nothing, nothing)


@pytest.mark.parametrize("method", ["direct", "tiled", "auto"])
def test_an_image_without_pixels_has_nothing_to_evaluate(method):
    none, out = np.empty(0), np.empty(0, np.float32)
    assert _c.evaluate(np.zeros(6), 1, 2, none, np.zeros(4), out, 1, method) is None
    with pytest.raises(ValueError, match="no pixel has weight"):
        _c.open_problem(out, out, none, np.zeros(4), 1, 2, 5.0, method)

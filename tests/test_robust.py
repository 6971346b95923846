"""Order statistics of a few samples, which are numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.image.robust import medians, upper_quartiles


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (5,), (6,), (1, 3), (2, 3), (7, 2, 3), (600, 3)])
@pytest.mark.parametrize("missing", [0, 0.2])
def test_medians_are_those_of_numpy_bit_for_bit(rng, shape, dtype, missing):
    values = rng.normal(size=shape).astype(dtype)
    values[rng.random(shape) < missing] = np.nan
    before = values.copy()
    for axis in range(len(shape)):
        found = medians(values, axis)
        np.testing.assert_array_equal(found, np.median(values, axis=axis))
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 1000, 1001, 1002, 1003])
def test_upper_quartiles_are_those_of_numpy_bit_for_bit(rng, count):
    values = rng.normal(size=(count, 3))
    np.testing.assert_array_equal(upper_quartiles(values), np.percentile(values, 75, axis=0))

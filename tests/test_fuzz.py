"""A little fuzzing of every reader; in earnest: ``tests/fuzz/README.md``."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from fuzz import harness

INPUTS = {
    "xisf": 150,
    "fits": 50,
    "tiff": 100,
    "png": 150,
    "ds9": 150,
    "geojson": 200,
    "model": 200,
    "preset": 200,
    "history": 150,
}


@pytest.mark.parametrize("name", INPUTS)
def test_damaged_input_is_read_or_refused_in_one_line(tmp_path, name):
    target = harness.load(name)
    for seed in target.seeds():
        harness.check(target, seed, tmp_path)
    errors = {
        harness.check(target, data, tmp_path)
        for data in islice(harness.mutations(target, np.random.default_rng(1)), INPUTS[name])
    }
    assert len(errors) > 3

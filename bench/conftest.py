"""Problems of the size of the default job on a 24 Mpx image: 500 x 750 pixels, RGB."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.loss import Problem
from fastbg.render import pixel_centres
from fastbg.spline import Spline, interpolate

SHAPE = (500, 750)


@pytest.fixture(scope="session")
def problem() -> Problem:
    """Every pixel kept."""
    rng = np.random.default_rng(1)
    data = rng.random((*SHAPE, 3))
    y, x = map(pixel_centres, SHAPE)
    return Problem(data, np.ones_like(data), y, x, order=2, alpha=5.0)


@pytest.fixture(params=[36, 64, 256], ids="N={}".format)
def spline(request: pytest.FixtureRequest) -> Spline:
    """Random centres and values."""
    rng = np.random.default_rng(2)
    return interpolate(rng.random((request.param, 2)), rng.random((request.param, 3)), order=2)

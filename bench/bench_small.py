"""The gradient on small square RGB images with one thread: where the tiled method begins to pay."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.backends import c
from fastbg.model.render import pixel_centres
from fastbg.spline.loss import Problem
from fastbg.spline.spline import interpolate


@pytest.mark.benchmark(group="small")
@pytest.mark.parametrize("size", [16, 32, 48, 64, 96], ids="{0}x{0}".format)
@pytest.mark.parametrize("method", ["direct", "tiled"])
def bench_small(measure, size, method):
    rng = np.random.default_rng(3)
    data, axis = rng.random((size, size, 3)), pixel_centres(size)
    spline = interpolate(rng.random((36, 2)), rng.random((36, 3)), order=2)
    problem = Problem(data, np.ones_like(data), axis, axis, order=2, alpha=5.0)
    objective = c.open_problem(problem, 1, method)
    measure(objective.loss_and_gradient, spline.flatten(), rounds=200, pairs=36 * size**2)

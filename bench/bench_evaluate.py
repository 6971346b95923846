"""The spline at every pixel of the down-scaled image."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.backends import c
from fastbg.backends import numpy as golden


@pytest.mark.benchmark(group="evaluate")
@pytest.mark.parametrize("method", ["direct", "tiled"])
def bench_evaluate(measure, problem, spline, threads, method):
    y, x = problem.y, problem.x
    out = np.empty((3, y.size, x.size), np.float32)
    pairs = y.size * x.size * len(spline.centres)

    def evaluate():
        c.plan(spline, y, x, method, threads).rows(slice(0, y.size), out)

    measure(evaluate, rounds=20, pairs=pairs)


@pytest.mark.benchmark(group="evaluate")
def bench_evaluate_golden(measure, problem, spline):
    y, x = problem.y, problem.x
    out = np.empty((3, y.size, x.size), np.float32)
    pairs = y.size * x.size * len(spline.centres)
    rendering = golden.backend().plan(spline, y, x)
    measure(rendering.rows, slice(0, y.size), out, rounds=3, pairs=pairs)

"""The loss and its gradient at every pixel of the down-scaled image, as a descent needs them."""

from __future__ import annotations

import pytest

from fastbg.backends import c
from fastbg.backends import numpy as golden


@pytest.mark.benchmark(group="gradient")
@pytest.mark.parametrize("method", ["direct", "tiled"])
def bench_gradient(measure, problem, spline, threads, method):
    objective = c.open_problem(problem, threads, method)
    pairs = problem.kept.size * len(spline.centres)
    measure(objective.loss_and_gradient, spline.flatten(), rounds=30, pairs=pairs)


@pytest.mark.benchmark(group="gradient")
def bench_gradient_golden(measure, problem, spline):
    objective = golden.backend().open_problem(problem, 1)
    pairs = problem.kept.size * len(spline.centres)
    measure(objective.loss_and_gradient, spline.flatten(), rounds=2, pairs=pairs)

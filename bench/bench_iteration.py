"""Iterations of the descent as it makes them: loss, gradient, and the step of Adam."""

from __future__ import annotations

import pytest

from fastbg.backends import c
from fastbg.spline.adam import descend


@pytest.mark.benchmark(group="ten iterations")
def bench_ten_iterations(measure, problem, spline, threads):
    objective = c.open_problem(problem, threads)

    def ten_iterations():
        descend(objective.loss_and_gradient, spline.flatten(), iterations=10, learning_rate=1e-3)

    measure(ten_iterations, rounds=10, pairs=10 * problem.kept.size * len(spline.centres))

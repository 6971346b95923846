"""One iteration of the descent: the loss and its gradient on 500 x 750 x 3 pixels."""

from __future__ import annotations

import os

import pytest

from fastbg.backends import c
from fastbg.backends import numpy as golden

THREADS = os.cpu_count() or 1


@pytest.mark.benchmark(group="iteration")
@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("method", ["direct", "tiled"])
def bench_iteration(benchmark, problem, spline, method, threads):
    objective = c.open_problem(problem, threads, method)
    measure(benchmark, objective, problem, spline, rounds=30)


@pytest.mark.benchmark(group="iteration")
def bench_golden(benchmark, problem, spline):
    if len(spline.centres) > 36:
        pytest.skip("the golden reference takes seconds here")
    measure(benchmark, golden.open_problem(problem, 1), problem, spline, rounds=3)


def measure(benchmark, objective, problem, spline, rounds):
    pixels, centres = problem.data.shape[0] * problem.data.shape[1], len(spline.centres)
    benchmark.pedantic(
        objective.loss_and_gradient, args=(spline.flatten(),), rounds=rounds, warmup_rounds=1
    )
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["ns per pixel and centre"] = 1e9 * seconds / (pixels * centres)

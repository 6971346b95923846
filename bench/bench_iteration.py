"""One iteration of the descent: the loss and its gradient on 500 x 750 x 3 pixels."""

from __future__ import annotations

import os

import pytest

from fastbg.backends.base import load

THREADS = os.cpu_count() or 1


@pytest.mark.benchmark(group="iteration")
@pytest.mark.parametrize(
    ("backend", "threads"), [("numpy", 1), ("c", 1), ("c", THREADS)], ids=lambda v: str(v)
)
def bench_iteration(benchmark, problem, spline, backend, threads):
    pixels, centres = problem.data.shape[0] * problem.data.shape[1], len(spline.centres)
    if backend == "numpy" and centres > 36:
        pytest.skip("the golden reference takes seconds here")
    objective = load(backend).open_problem(problem, threads)
    benchmark.pedantic(
        objective.loss_and_gradient,
        args=(spline.flatten(),),
        rounds=3 if backend == "numpy" else 30,
        warmup_rounds=1,
    )
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["ns per pixel and centre"] = 1e9 * seconds / (pixels * centres)

"""Fixtures of the benchmarks: problems of the size of a job on 24 Mpx, and one way to measure.

Without ``--benchmark-enable`` the problems are tiny and run once, as a test.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from fastbg.model.render import pixel_centres
from fastbg.simulate import simulate_sky
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline, interpolate
from measuring import memory_added

Shape = tuple[int, int]
Measure = Callable[..., None]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """No other process runs beside a benchmark that is timed."""
    return 0 if config.option.benchmark_enable else None


@pytest.fixture(scope="session")
def smoke(pytestconfig: pytest.Config) -> bool:
    options = pytestconfig.option
    return options.benchmark_disable and not options.benchmark_enable


@pytest.fixture(scope="session")
def fitted_shape(smoke: bool) -> Shape:
    """The shape of 24 Mpx after downscaling by 8."""
    return (20, 30) if smoke else (500, 750)


@pytest.fixture(scope="session")
def full_shape(smoke: bool) -> Shape:
    """The shape of an image of 12 Mpx."""
    return (40, 60) if smoke else (2000, 6000)


@pytest.fixture(scope="session")
def problem(fitted_shape: Shape) -> Problem:
    """A problem of RGB noise in which every pixel is kept."""
    data = np.random.default_rng(1).random((*fitted_shape, 3))
    y, x = map(pixel_centres, fitted_shape)
    return Problem(data, np.ones_like(data), y, x, order=2, alpha=5.0)


@pytest.fixture(params=[36, 64, 196, 256], ids="N={}".format)
def spline(request: pytest.FixtureRequest) -> Spline:
    """A spline through random values at random centres."""
    rng = np.random.default_rng(2)
    return interpolate(rng.random((request.param, 2)), rng.random((request.param, 3)), order=2)


@pytest.fixture(params=sorted({1, os.cpu_count() or 1}), ids="{} threads".format)
def threads(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="session")
def sky_array(full_shape: Shape) -> np.ndarray:
    """A simulated sky, (H, W, 3) float32."""
    return simulate_sky(full_shape, np.random.default_rng(7)).image


@pytest.fixture
def measure(benchmark) -> Measure:
    """A function that times another one, after a first call that is not timed.

    Its ``pairs`` are the pixels times centres of a call, and ``moved`` are the bytes that the call
    reads or writes at least; costs relative to both are added to the report.
    """

    def measured(function, *arguments, rounds: int, pairs: float = 0, moved: float = 0) -> None:
        benchmark.pedantic(function, args=arguments, rounds=rounds, warmup_rounds=1)
        if benchmark.disabled:
            return
        seconds = benchmark.stats.stats.median
        if pairs:
            benchmark.extra_info["ns per pixel and centre"] = 1e9 * seconds / pairs
        if moved:
            benchmark.extra_info["GB/s"] = 1e-9 * moved / seconds
        benchmark.extra_info["bytes added"] = memory_added(function, *arguments)

    return measured

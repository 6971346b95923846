"""The CUDA backend on a GPU: ``pytest -m gpu``, skipped where there is none.

`python bench gpu` and `bench/first_light.sh` check more, and measure.
"""

from __future__ import annotations

from contextlib import closing

import golden
import numpy as np
import pytest
from tolerances import (
    FIRST_STEPS,
    FLOAT32_GRADIENT,
    FLOAT32_LOSS,
    FLOAT32_VALUES,
    relative_l2,
    relative_max,
)

from fastbg.backends import cuda
from fastbg.backends.c import CBackend
from fastbg.backends.numpy import NumpyObjective
from fastbg.spline.metric import metric_at
from fastbg.spline.quasi_newton import State, Until, settle

pytestmark = pytest.mark.gpu


@pytest.fixture
def on_a_gpu():
    if (reason := cuda.unavailable()) is not None:
        pytest.skip(reason)
    return cuda.CudaBackend()


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(("centres", "background"), [(36, "positive"), (300, "mixed")])
def test_a_gpu_agrees_with_the_golden_reference(rng, on_a_gpu, order, centres, background):
    from fastbg.cuda_kernels import memory, objective, pixels

    problem, spline = golden.make_case(
        rng, (200, 300), centres=centres, order=order, background=background
    )
    at = spline.flatten()
    expected_loss, expected = NumpyObjective(problem).loss_and_gradient(at)
    for arranged in (pixels.one_by_one, pixels.in_tiles):
        budget = memory.DeviceMemory(100_000_000)
        with closing(objective.CudaObjective(problem, budget, arranged=arranged)) as opened:
            loss, gradient = opened.loss_and_gradient(at)
        assert abs(loss - expected_loss) < FLOAT32_LOSS * max(1, abs(expected_loss))
        assert relative_l2(gradient, expected) < FLOAT32_GRADIENT
    expected, found = np.full((2, 3, 200, 300), 1e30, np.float32)
    golden.render(spline, problem.y, problem.x, expected)
    with closing(on_a_gpu.plan(spline, problem.y, problem.x)) as rendering:
        for top in range(0, 200, 50):
            band = np.empty((3, 50, 300), np.float32)
            rendering.rows(slice(top, top + 50), band)
            found[:, top : top + 50] = band
    assert relative_max(found, expected) < FLOAT32_VALUES


def test_a_gpu_descends_as_the_c_backend(rng, on_a_gpu):
    problem, spline = golden.make_case(rng, (200, 300), centres=36)
    found, expected = (
        backend.open_problem(problem, 1).descend(
            [spline.flatten()] * 2, iterations=100, learning_rate=1e-3
        )
        for backend in (on_a_gpu, CBackend())
    )
    for each, other in zip(found, expected, strict=True):
        assert each.loss == pytest.approx(other.loss, abs=1e-4)


def test_a_gpu_settles_as_the_plain_loop(rng, on_a_gpu):
    problem, spline = golden.make_case(rng, (200, 300), centres=36)
    metric, begin = metric_at(problem, spline, moving=True), State(spline.flatten())
    with closing(on_a_gpu.open_problem(problem, 1)) as opened:
        until = Until(20, 1e-3, 4)
        found = opened.settle(begin, metric, until, lambda *now: None)
        expected = settle(opened.loss_and_gradient, begin, metric, until)
    assert found.losses == pytest.approx(expected.losses, abs=FIRST_STEPS)

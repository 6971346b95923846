"""L-BFGS of the CUDA backend in numba's simulator, against the plain loop; see tests/test_cuda.py.

Run this as a process of its own, with NUMBA_ENABLE_CUDASIM=1.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from golden import make_case
from simulation import simulator  # noqa: F401
from tolerances import FLOAT32_LOSS, FLOAT64, FLOAT64_STEPS, relative_l2

from fastbg.backends import cuda as backend
from fastbg.backends import numpy as reference
from fastbg.backends.registry import choose
from fastbg.errors import Cancelled
from fastbg.fit import fit_spline
from fastbg.settings.settings import Settings
from fastbg.spline import quasi_newton
from fastbg.spline.metric import metric_at
from fastbg.spline.quasi_newton import PAIRS, State, Until, two_loops

if not backend.simulated():
    pytest.skip("NUMBA_ENABLE_CUDASIM is not set", allow_module_level=True)

from numba import cuda

from fastbg.cuda_kernels import account, bursts, inverse_hessian, layout, lbfgs, memory, search
from fastbg.cuda_kernels import objective as opening
from fastbg.cuda_kernels import rendering as planning
from fastbg.cuda_kernels.search_state import (
    BEST,
    DIRECTION,
    DONE,
    ENDED,
    SETTLED,
    TRIAL,
    Searching,
)

SMALL = layout.Launch(threads=8, fewest=1)
THREADS = SMALL.threads
LONG = Until(patience=20, gain=1e-3, iterations=60)


def case(rng, channels=1, centres=3, shape=(5, 7), background="positive"):
    """A problem, a spline, and the metric of both with moving control points."""
    problem, spline = make_case(
        rng, shape, channels=channels, centres=centres, background=background
    )
    return problem, spline, metric_at(problem, spline, moving=True)


def searching(begin, metric, until, channels):
    """All arrays, as a `Search` has them."""
    centres = len(metric.root) - 3
    arrays = account.of_search(
        layout.Cut.of(9, THREADS), channels, centres, until.patience, until.iterations
    )
    work = {name: np.full(shape, 1, kind) for name, (shape, kind) in arrays.items()}
    for name, values in search.Search.beginning(begin, metric, until).items():
        assert values.shape == work[name].shape
        assert values.dtype == work[name].dtype
        work[name] = values
    return Searching(*(cuda.to_device(work[name]) for name in Searching._fields))


def run(function, *arguments):
    """Call a function as one block; each thread is given its index first."""

    @cuda.jit
    def kernel():
        function(cuda.threadIdx.x, *arguments)

    kernel[1, THREADS]()


def random_pairs(rng, n, count):
    pairs = deque(maxlen=PAIRS)
    for _ in range(count):
        step = rng.normal(size=n)
        change = step + 0.1 * rng.normal(size=n)
        pairs.append((step, change, float(step @ change)))
    return pairs


# The device functions.


@pytest.mark.parametrize("n", [1, THREADS, 37])
def test_the_product_of_vectors_is_known_to_all_threads(rng, n):
    a, b = rng.normal(size=(2, n))
    dot, buffer = inverse_hessian.dot_product(THREADS), np.full(THREADS, np.nan)
    found = np.full(THREADS, np.nan)

    def multiplied(t):
        found[t] = dot(t, a, b, buffer)

    run(multiplied)
    assert found == pytest.approx(np.full(THREADS, a @ b))
    assert len(set(found)) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_products_with_a_matrix(rng, channels):
    multiply, transposed = inverse_hessian.product(channels, THREADS)
    matrix = rng.normal(size=(5, 4))
    for function, factor in ((multiply, matrix), (transposed, matrix.T)):
        a = rng.normal(size=(factor.shape[1], channels))
        out = np.full(len(factor) * channels, np.nan)
        run(function, matrix, a.ravel(), out)
        assert out.reshape(-1, channels) == pytest.approx(factor @ a)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("count", [0, 3, PAIRS])
def test_the_inverse_hessian_is_that_of_the_plain_loop(rng, channels, moving, count):
    _, spline, metric = case(rng, channels)
    metric = metric if moving else replace(metric, shifts=None)
    at = spline.flatten()
    begin = State(at, random_pairs(rng, at.size, count))
    arrays = searching(begin, metric, LONG, channels)
    gradient = rng.normal(size=at.size)
    arrays.vectors[DIRECTION] = gradient
    loops = inverse_hessian.inverse_hessian(channels, THREADS)
    parts, buffer = np.full(PAIRS, np.nan), np.full(THREADS, np.nan)
    run(loops, count, count % PAIRS, parts, buffer, arrays)
    expected = two_loops(gradient, begin.pairs, metric)
    assert relative_l2(arrays.vectors.copy_to_host()[DIRECTION], expected) < FLOAT64


# The kernels, with losses in float64 that the host computes.


def minimised(function, begin, metric, until, channels):
    """``judge`` and ``turn`` alone; the state where they end."""
    arrays = searching(begin, metric, until, channels)
    judge, turn = lbfgs.kernels(channels, THREADS)
    left = until.iterations - len(begin.losses)
    if begin.losses:
        turn[1, THREADS](left, arrays)
    for _ in range(left):
        trial = arrays.vectors.copy_to_host()[TRIAL]
        single = arrays.parameters.copy_to_host()[0]
        assert np.array_equal(single, trial.astype(np.float32), equal_nan=True)
        loss, gradient = function(trial)
        arrays.out[0] = np.r_[gradient, loss]
        judge[1, THREADS](until.gain, left, arrays)
        turn[1, THREADS](left, arrays)
        if arrays.ended.copy_to_host()[0] != layout.RUNNING:
            break
    state = arrays.state.copy_to_host()
    assert state[ENDED] == arrays.ended.copy_to_host()[0] != layout.RUNNING
    losses = begin.losses + arrays.losses.copy_to_host()[: int(state[DONE])].tolist()
    return losses, arrays.vectors.copy_to_host()[BEST], state[ENDED] == SETTLED


def assert_same(function, begin, metric, until, channels):
    losses, best, settled = minimised(function, begin, metric, until, channels)
    expected = quasi_newton.settle(function, begin, metric, until)
    assert len(losses) == len(expected.losses)
    assert losses == pytest.approx(expected.losses, rel=FLOAT64_STEPS, nan_ok=True)
    assert best == pytest.approx(expected.best, rel=1e-4, abs=1e-6)
    assert settled == expected.settled
    return expected


@pytest.mark.parametrize("channels", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("until", [LONG, Until(3, 1e-3, 60), Until(20, 1e-3, 2)], ids=str)
def test_a_minimisation_is_that_of_the_plain_loop(rng, channels, until):
    problem, spline, metric = case(rng, channels)
    function = reference.NumpyObjective(problem).loss_and_gradient
    begin = State(spline.flatten() + 0.01)
    standing = replace(metric, shifts=None)
    halfway = assert_same(function, begin, standing, until, channels)
    # Then with moving control points, from where it stands.
    more = replace(until, iterations=until.iterations + 20)
    assert len(assert_same(function, halfway, metric, more, channels).losses) > len(halfway.losses)


def quadratic(scales):
    return lambda at: (0.5 * float(scales @ at**2), scales * at)


@pytest.mark.slow
def test_more_pairs_than_there_is_room_for(rng):
    """A valley that takes many steps: the rings turn over."""
    _, spline, metric = case(rng)
    begin = State(rng.normal(size=spline.flatten().size))
    scales = np.geomspace(1, 1e3, begin.at.size)
    found = assert_same(quadratic(scales), begin, metric, Until(12, 1e-3, 60), 1)
    assert len(found.pairs) == PAIRS
    assert len(found.losses) > PAIRS


@pytest.mark.parametrize("wall", [0.3, pytest.param(-1e9, marks=pytest.mark.slow)])
def test_walls_of_no_numbers(rng, wall):
    """Beyond the wall the loss is NaN: near it line searches fail, with pairs and without."""
    _, spline, metric = case(rng)
    begin = State(np.ones(spline.flatten().size))
    true = quadratic(np.geomspace(1, 30, begin.at.size))

    def walled(at):
        loss, gradient = true(at)
        return (np.nan if at.min() < wall or at.max() > 1.5 else loss), gradient

    assert_same(walled, begin, metric, LONG, 1)


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_a_start_that_is_no_number_stops(rng, strange):
    _, spline, metric = case(rng)
    begin = State(spline.flatten())
    expected = assert_same(lambda at: (strange, at), begin, metric, LONG, 1)
    assert len(expected.losses) == 1
    assert np.array_equal(expected.best, begin.at)


def test_where_nothing_falls_it_has_settled(rng):
    _, spline, metric = case(rng)
    begin = State(spline.flatten())
    expected = assert_same(
        lambda at: (float(not np.array_equal(at, begin.at)), at), begin, metric, LONG, 1
    )
    assert expected.settled


def test_parameters_that_are_no_numbers_have_no_loss(rng):
    _, spline, metric = case(rng)
    begin = State(spline.flatten())
    losses, best, _ = minimised(
        lambda at: (0.0, np.full_like(at, np.nan)), begin, metric, Until(20, 1e-3, 3), 1
    )
    assert losses[0] == 0
    assert np.isnan(losses[1:]).all()
    assert np.array_equal(best, begin.at)


# The objective.


def opened(problem, budget=1 << 30):
    return opening.CudaObjective(problem, memory.DeviceMemory(budget), launch=SMALL)


def both(problem, begin, metric, until):
    """Settled on the device, and by the plain loop with the losses of the device."""
    objective, told = opened(problem), [[], []]
    found = objective.settle(begin, metric, until, lambda *now: told[0].append(now))
    expected = quasi_newton.settle(
        objective.loss_and_gradient, begin, metric, until, lambda *now: told[1].append(now)
    )
    assert [done for done, _ in told[0]] == [done for done, _ in told[1]]
    assert [loss for _, loss in told[0]] == found.losses[len(begin.losses) :]
    return found, expected


@pytest.mark.parametrize("background", ["positive", "mixed"])
@pytest.mark.parametrize("burst", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_a_problem_settles_as_by_the_plain_loop(rng, monkeypatch, background, burst):
    monkeypatch.setattr(search, "BURST", burst)
    problem, spline, metric = case(rng, background=background)
    begin = State(spline.flatten() + 0.01, random_pairs(rng, spline.flatten().size, 2))
    for until in (Until(20, 1e-3, 1), Until(20, 1e-3, 5), Until(20, 1e-3, 9)):
        found, expected = both(problem, begin, metric, until)
        assert found.losses == pytest.approx(expected.losses, rel=FLOAT32_LOSS)
        assert found.settled == expected.settled
        assert found.lowest == min(found.losses)
        assert found.gradient == pytest.approx(expected.gradient, rel=1e-3, abs=1e-4)
        for mine, other in zip(found.pairs, expected.pairs, strict=True):
            assert mine[0] == pytest.approx(other[0], rel=1e-3, abs=1e-4)
            assert mine[2] == pytest.approx(mine[0] @ mine[1])
        begin = found
    again = opened(problem).settle(begin, metric, until, lambda *now: None)
    assert again.losses == begin.losses
    assert not again.settled


def test_streamed_pixels_change_nothing_and_none_is_evaluated_in_vain(rng, monkeypatch):
    problem, spline, metric = case(rng)
    begin, until = State(spline.flatten() + 0.01), Until(20, 1e-3, 3)
    whole = opened(problem)
    expected = whole.settle(begin, metric, until, lambda *now: None)
    arrays = account.of_search(whole.cut, 1, 3, until.patience, until.iterations)
    pixels = account.of_pixels(whole.cut, 1, whole.cut.chunks)
    evaluated = []
    works = bursts.Bursts.enqueue

    def enqueue(self, burst, state):
        evaluated.append(len(burst))
        return works(self, burst, state)

    monkeypatch.setattr(bursts.Bursts, "enqueue", enqueue)
    streamed = opened(problem, account.size_of(arrays) + account.size_of(pixels) - 1)
    found = streamed.settle(begin, metric, until, lambda *now: None)
    assert found.losses == expected.losses
    assert np.array_equal(found.best, expected.best)
    assert evaluated == [1] * len(found.losses)


def test_what_is_allocated_is_what_was_announced(rng, monkeypatch):
    problem, spline, metric = case(rng)
    taken, works = [], memory.cuda.device_array

    def device_array(*arguments, **options):
        array = works(*arguments, **options)
        taken.append(array.nbytes)
        return array

    monkeypatch.setattr(memory.cuda, "device_array", device_array)
    objective, until = opened(problem), Until(20, 1e-3, 3)
    state = objective.settle(State(spline.flatten()), metric, until, lambda *now: None)
    arrays = account.of_search(objective.cut, 1, 3, until.patience, until.iterations)
    pixels = account.of_pixels(objective.cut, 1, objective.cut.chunks)
    assert sum(taken) == account.size_of(arrays) + account.size_of(pixels)
    # It goes on in the same memory.
    taken.clear()
    objective.settle(state, metric, replace(until, iterations=3), lambda *now: None)
    assert not taken


def test_watch_may_end_it(rng):
    problem, spline, metric = case(rng)

    def cancel(done, loss):
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        opened(problem).settle(State(spline.flatten()), metric, LONG, cancel)


# Whole fits.


@pytest.fixture
def small(monkeypatch):
    """The backend with small launches."""
    for module, name in ((opening, "CudaObjective"), (planning, "CudaRendering")):
        monkeypatch.setattr(module, name, partial(getattr(module, name), launch=SMALL))


def settings(**options):
    return Settings(
        optimizer="lbfgs", control_points=2, epochs=6, threads=1, protect="off", **options
    )


@pytest.mark.parametrize("stiffness", [0.0, 0.1])
def test_a_fit_is_that_of_the_golden_reference(rng, small, stiffness):
    problem, _ = make_case(rng, (6, 7), channels=1)
    found = fit_spline(problem, settings(stiffness=stiffness), backend.CudaBackend(1 << 30))
    expected = fit_spline(problem, settings(stiffness=stiffness), reference.NumpyBackend())
    assert found.descent.losses == pytest.approx(expected.descent.losses, rel=1e-4)
    assert found.descent.reason == expected.descent.reason


def test_a_gpu_that_vanishes_while_it_settles_loses_nothing(rng, small, monkeypatch):
    monkeypatch.setattr("fastbg.backends.c.unavailable", lambda: "it was not built")
    problem, _ = make_case(rng, (6, 7), channels=1)
    lost, seen = [], []

    def vanishing(self, times):
        raise RuntimeError("CUDA_ERROR_LAUNCH_FAILED")

    monkeypatch.setattr(search.Search, "iterate", vanishing)
    found = fit_spline(
        problem, settings(), choose("auto", 1 << 30, lost), lambda *now: seen.append(now)
    )
    expected = fit_spline(problem, settings(), reference.NumpyBackend())
    assert np.array_equal(found.descent.losses, expected.descent.losses)
    assert [done for done, _ in seen] == list(range(1, len(expected.descent.losses) + 1))
    assert any("CUDA_ERROR_LAUNCH_FAILED" in line for line in lost)

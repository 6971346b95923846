from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_fit import model_of, on_grid, sky_problem
from tolerances import PATHS

from fastbg.backends.numpy import adjoint
from fastbg.backends.numpy import backend as numpy_backend
from fastbg.backends.registry import choose
from fastbg.errors import Cancelled
from fastbg.fit import fit_spline
from fastbg.settings.settings import Settings
from fastbg.spline.control_points import grid_points, initial_values
from fastbg.spline.lbfgs import coarse_to_fine, descend
from fastbg.spline.metric import STILL, metric_at
from fastbg.spline.objective import Objective
from fastbg.spline.spline import Spline, interpolate, spline_values

REFERENCE = numpy_backend()

LARGE = (260, 270)
"""Enough pixels for a coarse level."""


def start_of(problem, points=9):
    centres = grid_points(points, problem.data.shape[:2])
    values = initial_values(centres, problem.data, problem.weight, problem.y, problem.x)
    return interpolate(centres, values, problem.order)


def opener(backend=REFERENCE, threads=1):
    return lambda problem: backend.open_problem(problem, threads)


class Made(Objective):
    """An objective of any function."""

    def __init__(self, loss_and_gradient):
        self.loss_and_gradient = loss_and_gradient

    def loss_and_gradient(self, parameters):
        raise NotImplementedError


# Few pixels of one channel make a rough loss, where rounding decides at which dent a descent ends.
@pytest.mark.parametrize(("channels", "shape"), [(3, (60, 70)), (1, LARGE), (3, LARGE)], ids=str)
def test_reaches_the_loss_of_adam_in_a_fifth_of_its_iterations(rng, shape, channels):
    problem, _ = sky_problem(rng, shape, channels)
    backend = choose("auto")
    settings = Settings(control_points=16, initializer="grid", epochs=600)
    slow = fit_spline(problem, replace(settings, optimizer="adam"), backend)
    fast = fit_spline(problem, settings, backend)
    assert np.array_equal(fast.start.flatten(), slow.start.flatten())
    reached = np.minimum.accumulate(fast.descent.losses) <= slow.descent.loss + PATHS
    assert reached.any()
    assert reached.argmax() < 120
    assert fast.descent.reason == "converged"


def test_levels_are_the_same_pixels_coarse_to_fine(rng):
    small, _ = sky_problem(rng, (60, 70))
    assert coarse_to_fine(small) == [small]
    problem, _ = sky_problem(rng, LARGE, 1)
    coarse, fine = coarse_to_fine(problem)
    assert fine is problem
    rows, columns = (np.searchsorted(f, c) for f, c in ((fine.y, coarse.y), (fine.x, coarse.x)))
    assert np.array_equal(fine.data[np.ix_(rows, columns)], coarse.data)
    assert np.array_equal(fine.weight[np.ix_(rows, columns)], coarse.weight)
    assert coarse.kept.sum() == pytest.approx(fine.kept.sum() / 16, rel=0.02)

    # A mask may leave none of the pixels of a coarse level.
    problem.weight[::4, ::4] = 0
    assert coarse_to_fine(problem) == [problem]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_metric_is_how_much_a_step_changes_the_model(rng, order, channels):
    problem, _ = sky_problem(rng, (11, 13), channels, order=order)
    problem = replace(problem, weight=np.repeat(rng.random((11, 13, 1)), channels, axis=2))
    spline = Spline(
        rng.random((5, 2)), rng.normal(size=(5, channels)), rng.normal(size=(3, channels)), order
    )
    points, at = on_grid(problem.y, problem.x).reshape(-1, 2), spline.flatten()
    weight = problem.weight.reshape(-1, channels)
    for moving in (False, True):
        step = rng.normal(size=at.size)
        step[:10] *= moving
        before, after = (
            spline_values(Spline.unflatten(at + h * step, channels, order), points)
            for h in (-1e-5, 1e-5)
        )
        slope = weight**2 * (after - before) / 2e-5 / weight.size
        gradient = adjoint(spline, points, slope).flatten()
        gradient[:10] += STILL * step[:10]
        found = metric_at(problem, spline, moving=moving)(gradient)
        assert np.array_equal(found[:10] != 0, step[:10] != 0)
        # What keeps the matrix regular is felt where it is nearly singular.
        assert found == pytest.approx(step, abs=1e-3)


def test_what_it_returns_is_the_best_that_it_saw(rng):
    problem, _ = sky_problem(rng)
    found = descend(coarse_to_fine(problem), opener(), start_of(problem), iterations=50)
    assert found.loss == found.losses.min()
    loss, _ = REFERENCE.open_problem(problem, 1).loss_and_gradient(found.parameters)
    assert loss == found.loss


@pytest.mark.parametrize("iterations", [1, 2, 7])
def test_ends_after_the_evaluations_asked_for(rng, iterations):
    problem, _ = sky_problem(rng)
    start = start_of(problem)
    found = descend(coarse_to_fine(problem), opener(), start, iterations=iterations)
    assert len(found.losses) == iterations
    assert found.reason == "iterations"
    # Control points stand still at first.
    centres = Spline.unflatten(found.parameters, problem.channels, problem.order).centres
    assert np.array_equal(centres, start.centres)


def test_a_perfect_start_stays(rng):
    problem, _ = sky_problem(rng)
    problem = replace(problem, data=np.full_like(problem.data, 0.25))
    found = descend(coarse_to_fine(problem), opener(), start_of(problem), iterations=100)
    assert found.reason == "converged"
    assert found.loss == pytest.approx(np.log(0.001))


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_a_loss_that_is_no_number_gives_the_start(rng, strange):
    problem, _ = sky_problem(rng)
    start = start_of(problem)
    at = start.flatten()
    found = descend(
        [problem], lambda _: Made(lambda parameters: (strange, at)), start, iterations=100
    )
    assert found.reason == "diverged"
    assert np.array_equal(found.parameters, at)
    assert len(found.losses) == 1


def test_a_wall_of_no_numbers_is_not_climbed(rng):
    problem, _ = sky_problem(rng)
    true, start = REFERENCE.open_problem(problem, 1).loss_and_gradient, start_of(problem)

    def walled(parameters):
        loss, gradient = true(parameters)
        return (np.nan if parameters[-1] < start.polynomial[2, -1] else loss), gradient

    found = descend([problem], lambda _: Made(walled), start, iterations=60)
    assert np.isfinite(found.loss)
    assert found.loss <= found.losses[0]


def test_watch_counts_the_evaluations_of_the_last_level_and_may_end_it(rng):
    problem, _ = sky_problem(rng, LARGE, 1)
    levels, start = coarse_to_fine(problem), start_of(problem)
    opened = opener(choose("auto"))
    seen = []
    found = descend(levels, opened, start, iterations=9, watch=lambda *told: seen.append(told))
    before = [done for done, _ in seen if done == 0]
    assert seen[len(before) :] == list(enumerate(found.losses, 1))
    assert len(before) == 9
    for end in (0, 3):

        def cancel(done, loss, end=end):
            if done == end:
                raise Cancelled("enough")

        with pytest.raises(Cancelled, match="enough"):
            descend(levels, opened, start, iterations=9, watch=cancel)


def test_threads_do_not_change_a_bit_of_the_way(rng):
    problem, _ = sky_problem(rng, LARGE)
    backend, start, levels = choose("auto"), start_of(problem), coarse_to_fine(problem)
    first = descend(levels, opener(backend, 1), start, iterations=30)
    for threads in (2, 5):
        again = descend(levels, opener(backend, threads), start, iterations=30)
        assert again.losses.tobytes() == first.losses.tobytes()
        assert again.parameters.tobytes() == first.parameters.tobytes()


class Counting(Objective):
    """Of the golden reference; it notes how many of its kind are open."""

    now = most = opened = 0

    def __init__(self, problem):
        self._own = REFERENCE.open_problem(problem, 1)
        cls = type(self)
        cls.now, cls.opened = cls.now + 1, cls.opened + 1
        cls.most = max(cls.most, cls.now)

    def loss_and_gradient(self, parameters):
        return self._own.loss_and_gradient(parameters)

    def close(self):
        type(self).now -= 1


@pytest.fixture
def counting(monkeypatch):
    """A backend that counts, and its counts."""
    for name in ("now", "most", "opened"):
        monkeypatch.setattr(Counting, name, 0)

    class Backend(type(REFERENCE)):
        def open_problem(self, problem, threads):
            return Counting(problem)

    return Backend()


@pytest.mark.parametrize("stiffness", [0, 0.1])
@pytest.mark.parametrize("starts", [1, 3])
def test_one_problem_is_open_at_a_time_and_every_one_is_closed(rng, counting, starts, stiffness):
    problem, _ = sky_problem(rng, LARGE, 1)
    settings = Settings(control_points=4, epochs=4, starts=starts, stiffness=stiffness)
    fit_spline(problem, settings, counting)
    levels = len(coarse_to_fine(problem))
    assert levels > 1
    assert (Counting.most, Counting.now, Counting.opened) == (1, 0, levels * starts)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("end", [0, 2])
def test_a_descent_that_is_cancelled_closes_its_problem(rng, counting, optimizer, end):
    problem, _ = sky_problem(rng, LARGE, 1)

    def cancel(done, loss):
        if done >= end:
            raise Cancelled("enough")

    settings = Settings(control_points=4, epochs=4, optimizer=optimizer)
    with pytest.raises(Cancelled):
        fit_spline(problem, settings, counting, cancel)
    assert (Counting.most, Counting.now) == (1, 0)


@pytest.mark.parametrize("points", [1, 2, 4])
def test_few_points_and_pixels_leave_nothing_undetermined(rng, points):
    problem, sky = sky_problem(rng, (3, 4), noise=0)
    found = fit_spline(problem, Settings(control_points=points, initializer="grid"), REFERENCE)
    assert np.isfinite(found.spline.flatten()).all()
    assert np.abs(model_of(found, problem) - sky).max() < 0.1

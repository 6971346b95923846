from __future__ import annotations

import numpy as np
import pytest

from fastbg.spline.adam import LOWEST_RATE, descend


def quadratic(parameters):
    scale = np.array([1.0, 4.0, 0.25])
    return float((scale * parameters**2).sum() / 2), scale * parameters


START = np.array([1.0, -2.0, 3.0])


def scripted(losses):
    """A function whose losses are given, with a constant slope; it keeps where it was asked."""
    asked = []

    def loss_and_gradient(parameters):
        asked.append(parameters.copy())
        return losses[len(asked) - 1], np.ones(1)

    return loss_and_gradient, asked


def steps_of(asked):
    return -np.diff(np.array(asked)[:, 0])


def test_equals_adam_as_it_is_defined():
    parameters, first, second = START.copy(), np.zeros(3), np.zeros(3)
    losses = []
    for t in range(1, 11):
        loss, gradient = quadratic(parameters)
        losses.append(loss)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = 0.01 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        parameters = parameters - rate * first / (np.sqrt(second) + 1e-7)

    found = descend(quadratic, START, iterations=11, learning_rate=0.01)
    assert found.losses[:10] == pytest.approx(losses, rel=1e-12)
    # The loss of the quadratic falls all the way, so the best parameters are the last.
    assert found.parameters == pytest.approx(parameters, rel=1e-12)
    assert found.loss == pytest.approx(quadratic(parameters)[0], rel=1e-12)
    assert found.reason == "iterations"


def test_steps_have_the_size_of_the_rate_whatever_the_slope():
    for slope in (1e-3, 1.0, 1e6):
        asked = []

        def loss_and_gradient(parameters, slope=slope, asked=asked):
            asked.append(parameters.copy())
            return slope * parameters[0], np.array([slope])

        descend(loss_and_gradient, np.zeros(1), iterations=5, learning_rate=0.01)
        # Adam's eps, 1e-7, is felt by small slopes, the more so before its moments fill.
        assert steps_of(asked) == pytest.approx(0.01, rel=5e-3)


def test_rate_is_halved_after_50_iterations_without_gain_down_to_its_floor():
    # The loss gains too little for the plateau (1e-4) and enough for the descent to go on (5e-5).
    losses = 1 - 6e-5 * np.arange(400)
    loss_and_gradient, asked = scripted(losses)
    descend(loss_and_gradient, np.zeros(1), iterations=400, learning_rate=1e-3)
    # 6e-5 is below 1e-4, but the second such step is not: the plateau never lasts.
    assert steps_of(asked) == pytest.approx(1e-3, rel=1e-3)

    # Losses that gain 6e-5 below the best only every 60 iterations: no gain for the plateau until
    # it adds up to 1e-4, so runs of 50 fit into each 120.
    losses = 1 - 6e-5 * (np.arange(600) // 60)
    loss_and_gradient, asked = scripted(losses)
    descend(loss_and_gradient, np.zeros(1), iterations=600, learning_rate=1e-3)
    expected, rate, best, waited = [], 1e-3, np.inf, 0
    for loss in losses:
        expected.append(rate)
        if loss < best - 1e-4:
            best, waited = loss, 0
        else:
            waited += 1
            if waited == 50:
                waited, rate = 0, max(rate / 2, 1e-4)
    assert steps_of(asked) == pytest.approx(expected[:599], rel=1e-3)
    assert expected[50:52] == [1e-3, 5e-4]
    assert expected[-1] == LOWEST_RATE


def test_rate_below_the_floor_is_not_raised():
    losses = np.r_[1.0, np.ones(99)]
    loss_and_gradient, asked = scripted(losses)
    descend(loss_and_gradient, np.zeros(1), iterations=100, learning_rate=1e-5)
    assert steps_of(asked) == pytest.approx(1e-5, rel=1e-3)


def test_stops_after_100_iterations_without_gain():
    loss_and_gradient, asked = scripted(np.r_[2.0, 1.0, np.full(1000, 1.0)])
    found = descend(loss_and_gradient, np.zeros(1), iterations=1000, learning_rate=1e-3)
    assert len(found.losses) == len(asked) == 2 + 100
    assert found.reason == "converged"
    # A gain of 4e-5 is none, one of 6e-5 is.
    for gain, evaluations in ((4e-5, 1 + 100), (6e-5, 52 + 100)):
        losses = np.r_[np.ones(51), np.full(1000, 1 - gain)]
        found = descend(scripted(losses)[0], np.zeros(1), iterations=1000, learning_rate=1e-3)
        assert len(found.losses) == evaluations


def test_ends_after_the_iterations_asked_for():
    for iterations in (1, 7):
        found = descend(quadratic, START, iterations=iterations, learning_rate=1e-3)
        assert len(found.losses) == iterations
        assert found.reason == "iterations"


def test_returns_the_best_parameters_not_the_last():
    losses = [5.0, 4.0, 1.0, 3.0, 2.0]
    loss_and_gradient, asked = scripted(losses)
    found = descend(loss_and_gradient, np.zeros(1), iterations=5, learning_rate=0.1)
    assert found.loss == 1.0
    assert np.array_equal(found.parameters, asked[2])
    assert found.losses.tolist() == losses


def test_even_a_best_loss_within_the_tolerances_counts():
    loss_and_gradient, asked = scripted([1.0, 1 - 1e-6, 1.0])
    found = descend(loss_and_gradient, np.zeros(1), iterations=3, learning_rate=0.1)
    assert found.loss == 1 - 1e-6
    assert np.array_equal(found.parameters, asked[1])


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_ends_with_the_best(strange):
    loss_and_gradient, asked = scripted([5.0, 3.0, 4.0, strange, 0.0])
    found = descend(loss_and_gradient, np.zeros(1), iterations=5, learning_rate=0.1)
    assert found.reason == "diverged"
    assert found.loss == 3.0
    assert np.array_equal(found.parameters, asked[1])
    assert len(asked) == 4


def test_diverged_from_the_first_step_gives_the_start():
    found = descend(scripted([np.nan])[0], np.ones(1), iterations=5, learning_rate=0.1)
    assert found.reason == "diverged"
    assert found.parameters.tolist() == [1.0]


def test_watch_sees_every_loss_and_may_end_the_descent():
    seen = []
    found = descend(
        quadratic,
        START,
        iterations=5,
        learning_rate=0.01,
        watch=lambda t, loss: seen.append((t, loss)),
    )
    assert seen == list(enumerate(found.losses, start=1))

    class Stop(Exception):
        pass

    def stop_at_3(t, loss):
        if t == 3:
            raise Stop

    loss_and_gradient, asked = scripted(np.arange(10.0))
    with pytest.raises(Stop):
        descend(loss_and_gradient, np.zeros(1), iterations=10, learning_rate=0.1, watch=stop_at_3)
    assert len(asked) == 3


def test_start_is_not_changed():
    start = START.copy()
    start.setflags(write=False)
    found = descend(quadratic, start, iterations=20, learning_rate=0.01)
    assert np.array_equal(start, START)
    assert not np.array_equal(found.parameters, start)

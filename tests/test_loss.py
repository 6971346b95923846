"""The golden loss and gradient, judged by loops, differences, autodiff and theorems."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import golden
import numpy as np
import pytest
from golden import make_case, parts
from tolerances import DERIVATIVE, FLOAT64, relative_l2

from fastbg.backends import numpy as backend
from fastbg.spline.loss import FLOOR, Problem, loss_and_slope
from fastbg.spline.spline import Spline

TENSORFLOW = Path(__file__).parent / "data" / "tensorflow_loss.npz"

ORDERS = [1, 2, 3, 4]
CHANNELS = [1, 3]
BACKGROUNDS = ["positive", "mixed", "negative"]


def loss_and_gradient(problem, spline):
    loss, gradient = backend.NumpyObjective(problem).loss_and_gradient(spline.flatten())
    return loss, Spline.unflatten(gradient, problem.channels, problem.order)


def drop(problem, rng, share=0.3):
    """Take all weight from some pixels, and that of one channel from others."""
    weight = problem.weight.copy()
    weight[rng.random(weight.shape[:2]) < share] = 0
    weight[rng.random(weight.shape) < share] = 0
    return replace(problem, weight=weight)


def assert_gradients_agree(found, expected, tolerance):
    for name, part in parts(expected).items():
        assert relative_l2(parts(found)[name], part) < tolerance, name


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_golden_equals_scalar_loops(rng, order, channels, background):
    # The case holds coincident centres, one on a pixel, and some outside the image.
    problem, spline = make_case(rng, order=order, channels=channels, background=background)
    for judged in (problem, drop(problem, rng)):
        loss, gradient = loss_and_gradient(judged, spline)
        expected_loss, expected = golden.loss_and_gradient(judged, spline)
        assert loss == pytest.approx(expected_loss, rel=FLOAT64)
        assert_gradients_agree(gradient, expected, FLOAT64)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_gradient_equals_extrapolated_differences(rng, order, channels, background):
    problem, spline = make_case(rng, order=order, channels=channels, background=background)
    objective = backend.NumpyObjective(drop(problem, rng))
    at = spline.flatten()
    _, gradient = objective.loss_and_gradient(at)

    def central_difference(i, step):
        moved = np.eye(at.size)[i] * step
        ahead, behind = (objective.loss_and_gradient(at + m)[0] for m in (moved, -moved))
        return (ahead - behind) / (2 * step)

    step = 2e-5
    expected = [
        (4 * central_difference(i, step / 2) - central_difference(i, step)) / 3
        for i in range(at.size)
    ]
    assert_gradients_agree(
        Spline.unflatten(gradient, channels, order),
        Spline.unflatten(np.array(expected), channels, order),
        DERIVATIVE,
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_golden_equals_automatic_differentiation(rng, order, background):
    jax = pytest.importorskip("jax", minversion="0.8")
    jnp = jax.numpy
    problem, spline = make_case(rng, order=order, background=background)
    problem = drop(problem, rng)
    row, column = np.nonzero(problem.kept)
    y, x = problem.y[row], problem.x[column]
    data, weight = problem.data[row, column], problem.weight[row, column]

    def loss_of(centres, weights, polynomial):
        q = (y[:, None] - centres[:, 0]) ** 2 + (x[:, None] - centres[:, 1]) ** 2
        bounded = jnp.maximum(q, golden.EPS)
        kernel = {
            1: jnp.sqrt(bounded),
            2: 0.5 * q * jnp.log(bounded),
            3: bounded**1.5,
            4: 0.5 * q**2 * jnp.log(bounded),
        }[order]
        model = kernel @ weights + y[:, None] * polynomial[0] + x[:, None] * polynomial[1]
        model = model + polynomial[2]
        r = weight * (data - model)
        argument = 0.001 + jnp.abs(r).mean(1) + ((r - r.mean(1, keepdims=True)) ** 2).mean(1)
        overshoot = (jnp.abs(r) - r).mean(1)
        negative = (jnp.abs(model) - model).mean()
        return jnp.log(argument + problem.alpha * (overshoot + negative)).mean()

    with jax.enable_x64(True):
        expected_loss, expected = jax.value_and_grad(loss_of, argnums=(0, 1, 2))(
            jnp.array(spline.centres), jnp.array(spline.weights), jnp.array(spline.polynomial)
        )
        expected = Spline(*map(np.asarray, expected), order)
    loss, gradient = loss_and_gradient(problem, spline)
    assert loss == pytest.approx(float(expected_loss), rel=DERIVATIVE)
    assert_gradients_agree(gradient, expected, DERIVATIVE)


def tensorflow_cases():
    with np.load(TENSORFLOW) as archive:
        return list(archive["cases"])


@pytest.mark.parametrize("case", tensorflow_cases())
def test_golden_equals_recorded_automatic_differentiation(case):
    with np.load(TENSORFLOW) as archive:

        def array(name):
            return archive[f"{case}/{name}"].astype(np.float64)

        problem = Problem(
            *map(array, ("data", "weight", "y", "x")), int(array("order")), float(array("alpha"))
        )
        names = "centres", "weights", "polynomial"
        spline = Spline(*map(array, names), problem.order)
        expected = Spline(*(array(f"gradient_{name}") for name in names), problem.order)
        expected_loss = float(array("loss"))
    loss, gradient = loss_and_gradient(problem, spline)
    assert loss == pytest.approx(expected_loss, rel=DERIVATIVE)
    assert_gradients_agree(gradient, expected, DERIVATIVE)


@pytest.mark.parametrize("channels", CHANNELS)
def test_slope_equals_differences_of_every_sample(rng, channels):
    problem, spline = make_case(rng, (4, 5), channels=channels, background="mixed")
    row, column = np.nonzero(problem.kept)
    data, weight = problem.data[row, column], problem.weight[row, column]
    model = backend.spline_values(spline, np.column_stack([problem.y[row], problem.x[column]]))
    _, slope = loss_and_slope(data, weight, model, problem.alpha)

    expected = np.empty_like(slope)
    step = 1e-6
    for index in np.ndindex(slope.shape):
        moved = np.zeros_like(model)
        moved[index] = step
        ahead, behind = (
            loss_and_slope(data, weight, m, problem.alpha)[0]
            for m in (model + moved, model - moved)
        )
        expected[index] = (ahead - behind) / (2 * step)
    assert relative_l2(slope, expected) < DERIVATIVE


def test_known_values():
    perfect = np.full((5, 3), 0.25)
    loss, slope = loss_and_slope(perfect, np.ones((5, 3)), perfect, 5.0)
    assert loss == pytest.approx(np.log(FLOOR))
    assert not slope.any()

    def loss_of(data, model, alpha):
        ones = np.ones((1, len(data)))
        return loss_and_slope(np.array([data]), ones, np.array([model]), alpha)[0]

    # Below the data: error alone. Above: error 0.1 and overshoot 0.2. Below zero: negative 0.2.
    assert loss_of([0.5], [0.4], 5.0) == pytest.approx(np.log(0.001 + 0.1))
    assert loss_of([0.4], [0.5], 5.0) == pytest.approx(np.log(0.001 + 0.1 + 5 * 0.2))
    assert loss_of([0.4], [0.5], 0.0) == pytest.approx(np.log(0.001 + 0.1))
    assert loss_of([-0.1], [-0.1], 5.0) == pytest.approx(np.log(0.001 + 5 * 0.2))
    # Residuals 0.3, 0, 0: mean 0.1, variance 0.02.
    colored = loss_of([0.5, 0.2, 0.2], [0.2, 0.2, 0.2], 5.0)
    assert colored == pytest.approx(np.log(0.001 + 0.1 + 0.02))


def test_only_a_model_below_zero_is_pushed_up():
    data, ones = np.full((2, 1), 0.5), np.ones((2, 1))
    _, slope = loss_and_slope(data, ones, np.array([[1e-9], [0.0]]), 5.0)
    _, without = loss_and_slope(data, ones, np.array([[1e-9], [0.0]]), 0.0)
    assert np.array_equal(slope, without)
    _, slope = loss_and_slope(data, ones, np.array([[1e-9], [-1e-9]]), 5.0)
    # alpha (1 / argument) 2 / P, at an argument of 0.501.
    expected = [[0], [-5 * 2 / 2 / 0.501]]
    assert slope - without == pytest.approx(np.array(expected), rel=1e-6, abs=1e-6)


def test_dropped_pixels_and_channels_do_not_count(rng):
    problem, spline = make_case(rng)
    problem = drop(problem, rng)
    loss, gradient = loss_and_gradient(problem, spline)

    garbage = np.where(problem.weight == 0, 1e30, problem.data)
    loss_of_garbage, gradient_of_garbage = loss_and_gradient(replace(problem, data=garbage), spline)
    assert loss_of_garbage == loss
    assert np.array_equal(gradient_of_garbage.flatten(), gradient.flatten())

    # A row and a column without weight might as well not be there.
    cut = replace(problem, weight=problem.weight.copy())
    cut.weight[3], cut.weight[:, 4] = 0, 0
    smaller = Problem(
        *(np.delete(np.delete(a, 3, axis=0), 4, axis=1) for a in (cut.data, cut.weight)),
        np.delete(cut.y, 3),
        np.delete(cut.x, 4),
        cut.order,
        cut.alpha,
    )
    loss, gradient = loss_and_gradient(cut, spline)
    loss_of_smaller, gradient_of_smaller = loss_and_gradient(smaller, spline)
    assert loss_of_smaller == pytest.approx(loss, rel=FLOAT64)
    assert_gradients_agree(gradient_of_smaller, gradient, FLOAT64)


@pytest.mark.parametrize("order", ORDERS)
def test_moving_everything_changes_nothing(rng, order):
    problem, spline = make_case(rng, order=order)
    dy, dx = by = np.array([0.25, -0.5])
    polynomial = spline.polynomial.copy()
    polynomial[2] -= dy * polynomial[0] + dx * polynomial[1]
    moved = Spline(spline.centres + by, spline.weights, polynomial, order)
    loss, gradient = loss_and_gradient(problem, spline)
    moved_loss, moved_gradient = loss_and_gradient(
        replace(problem, y=problem.y + dy, x=problem.x + dx), moved
    )
    assert moved_loss == pytest.approx(loss, rel=FLOAT64)
    assert relative_l2(moved_gradient.weights, gradient.weights) < FLOAT64
    assert relative_l2(moved_gradient.centres, gradient.centres) < FLOAT64


def test_channels_and_axes_have_no_order(rng):
    problem, spline = make_case(rng, (7, 5))
    loss, gradient = loss_and_gradient(problem, spline)

    order = [2, 0, 1]
    loss_of_channels, of_channels = loss_and_gradient(
        replace(problem, data=problem.data[..., order], weight=problem.weight[..., order]),
        replace(spline, weights=spline.weights[:, order], polynomial=spline.polynomial[:, order]),
    )
    assert loss_of_channels == pytest.approx(loss, rel=FLOAT64)
    assert relative_l2(of_channels.weights, gradient.weights[:, order]) < FLOAT64

    swapped = Problem(
        problem.data.swapaxes(0, 1),
        problem.weight.swapaxes(0, 1),
        problem.x,
        problem.y,
        problem.order,
        problem.alpha,
    )
    loss_of_swapped, of_swapped = loss_and_gradient(
        swapped,
        replace(spline, centres=spline.centres[:, ::-1], polynomial=spline.polynomial[[1, 0, 2]]),
    )
    assert loss_of_swapped == pytest.approx(loss, rel=FLOAT64)
    assert relative_l2(of_swapped.centres, gradient.centres[:, ::-1]) < FLOAT64


def test_chunks_do_not_show(rng, monkeypatch):
    problem, spline = make_case(rng)
    loss, gradient = loss_and_gradient(problem, spline)
    monkeypatch.setattr("fastbg.spline.spline.CHUNK", 3 * len(spline.centres))
    chunked_loss, chunked = loss_and_gradient(problem, spline)
    assert chunked_loss == pytest.approx(loss, rel=FLOAT64)
    assert_gradients_agree(chunked, gradient, FLOAT64)

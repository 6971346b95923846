from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_fit import on_grid, sky_problem
from tolerances import DERIVATIVE

from fastbg.backends.numpy import backend as numpy_backend
from fastbg.backends.registry import choose
from fastbg.fit import fit_spline
from fastbg.settings.settings import Settings
from fastbg.spline.bending import Origin, Penalty, energy_and_gradient, nearest
from fastbg.spline.penalised import penalised
from fastbg.spline.spline import Spline, spline_values

REFERENCE = numpy_backend()
ORDERS = pytest.mark.parametrize("order", [1, 2, 3, 4])


def some_spline(rng, order, channels=3, points=12):
    weights = rng.normal(size=(points, channels))
    return Spline(rng.random((points, 2)), weights, rng.normal(size=(3, channels)), order)


def energy(spline):
    return energy_and_gradient(spline)[0]


@ORDERS
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_is_that_of_differences(rng, order, channels):
    spline = some_spline(rng, order, channels)
    at, step = spline.flatten(), 1e-6
    _, gradient = energy_and_gradient(spline)
    differences = [
        energy(Spline.unflatten(at + d, channels, order))
        - energy(Spline.unflatten(at - d, channels, order))
        for d in step * np.eye(at.size)
    ]
    expected = np.array(differences) / (2 * step)
    assert gradient == pytest.approx(expected, abs=DERIVATIVE * np.abs(gradient).max())


def test_is_the_thin_plates_bending_energy(rng):
    # If w is orthogonal to the polynomials, second derivatives fall as 1/r^2, and the integral of
    # S_yy^2 + 2 S_yx^2 + S_xx^2 over the plane is 8 pi w^T Phi w for r^2 log r.
    spline = some_spline(rng, 2, channels=1, points=9)
    axis = np.array([0.0, 0.5, 1.0])
    spline = replace(spline, centres=on_grid(axis, axis).reshape(-1, 2))
    affine = np.column_stack([spline.centres, np.ones(9)])
    w = spline.weights - affine @ np.linalg.lstsq(affine, spline.weights, rcond=None)[0]
    h = 0.0101
    axis = np.arange(-3, 4, h)
    grid = on_grid(axis, axis).reshape(-1, 2)
    s = spline_values(replace(spline, weights=w), grid).reshape(axis.size, -1)
    yy = (s[2:, 1:-1] - 2 * s[1:-1, 1:-1] + s[:-2, 1:-1]) / h**2
    xx = (s[1:-1, 2:] - 2 * s[1:-1, 1:-1] + s[1:-1, :-2]) / h**2
    yx = (s[2:, 2:] - s[2:, :-2] - s[:-2, 2:] + s[:-2, :-2]) / (4 * h**2)
    integral = (yy**2 + 2 * yx**2 + xx**2).sum() * h**2
    assert energy(spline) == pytest.approx(integral / (8 * np.pi), rel=0.02)


@ORDERS
def test_polynomials_cost_nothing(rng, order):
    spline = some_spline(rng, order)
    columns = [spline.centres, np.ones((12, 1))]
    if order == 4:
        columns += [spline.centres**2, spline.centres.prod(axis=1, keepdims=True)]
    along = np.hstack(columns) @ rng.normal(size=(len(np.hstack(columns).T), 3))
    more = replace(
        spline, weights=spline.weights + along, polynomial=spline.polynomial + rng.normal(size=3)
    )
    assert energy(more) == pytest.approx(energy(spline), rel=1e-9)
    assert energy(replace(spline, weights=along)) == pytest.approx(0, abs=1e-9)


@ORDERS
def test_shifts_and_turns_change_nothing(rng, order):
    spline = some_spline(rng, order)
    sine, cosine = np.sin(0.7), np.cos(0.7)
    turned = spline.centres @ np.array([[cosine, sine], [-sine, cosine]]) + [0.3, -0.2]
    assert energy(replace(spline, centres=turned)) == pytest.approx(energy(spline), rel=1e-9)


@ORDERS
@pytest.mark.parametrize("points", [1, 2, 3, 7, 40])
def test_is_never_negative(rng, order, points):
    for _ in range(20):
        assert energy(some_spline(rng, order, points=points)) >= -1e-9


@ORDERS
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_more_stiffness_bends_less(rng, order, optimizer):
    problem, _ = sky_problem(rng, (30, 40), order=order)
    energies = []
    for stiffness in (0, 1.0, 1e4):
        settings = Settings(
            control_points=16,
            initializer="grid",
            optimizer=optimizer,
            epochs=150,
            stiffness=stiffness,
        )
        found = fit_spline(problem, settings, choose("auto"))
        energies.append(energy(found.spline))
        # The loss is the one with its penalty.
        plain = REFERENCE.open_problem(problem, 1).loss_and_gradient(found.spline.flatten())[0]
        expected = plain + stiffness * energies[-1]
        assert found.descent.loss == pytest.approx(expected, abs=1e-4)
    assert energies[0] > energies[1] > energies[2]
    assert energies[2] < 0.1 * energies[0]


def test_no_stiffness_is_the_loss_itself(rng):
    problem, _ = sky_problem(rng, (30, 40))
    objective = REFERENCE.open_problem(problem, 1)
    assert penalised(objective, problem, Penalty(0.0)) is objective


@ORDERS
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_of_a_departure_is_that_of_differences(rng, order, channels):
    origin = some_spline(rng, order, channels)
    points = rng.random((20, 2))
    penalty = Penalty(0.7, Origin(origin, points, spline_values(origin, points)))
    at, step = some_spline(rng, order, channels).flatten(), 1e-6
    _, gradient = penalty.loss_and_gradient(Spline.unflatten(at, channels, order))
    differences = [
        penalty.loss_and_gradient(Spline.unflatten(at + d, channels, order))[0]
        - penalty.loss_and_gradient(Spline.unflatten(at - d, channels, order))[0]
        for d in step * np.eye(at.size)
    ]
    expected = np.array(differences) / (2 * step)
    assert gradient == pytest.approx(expected, abs=DERIVATIVE * np.abs(gradient).max())


@ORDERS
def test_an_origin_costs_nothing_and_all_else_does(rng, order):
    origin = some_spline(rng, order)
    points = rng.random((20, 2))
    penalty = Penalty(2.0, Origin(origin, points, spline_values(origin, points)))
    cost, gradient = penalty.loss_and_gradient(origin)
    assert cost == pytest.approx(0, abs=1e-9)
    assert np.abs(gradient).max() < 1e-9
    # Even the change by a polynomial, which has no energy.
    tilted = replace(origin, polynomial=origin.polynomial + np.array([[0.1], [0], [0]]))
    assert penalty.loss_and_gradient(tilted)[0] == pytest.approx(
        2 * (0.1**2 * points[:, 0] ** 2).mean()
    )


@ORDERS
def test_the_metric_is_the_second_derivative(rng, order):
    origin = some_spline(rng, order, channels=1)
    points = rng.random((20, 2))
    penalty = Penalty(3.0, Origin(origin, points, spline_values(origin, points)), curvature=2.0)
    change = replace(origin, weights=rng.normal(size=(12, 1)), polynomial=rng.normal(size=(3, 1)))
    moved = replace(
        origin,
        weights=origin.weights + change.weights,
        polynomial=origin.polynomial + change.polynomial,
    )
    along = np.concatenate([change.weights, change.polynomial])[:, 0]
    expected = penalty.loss_and_gradient(moved)[0] / 2.0
    assert along @ penalty.metric(origin) @ along == pytest.approx(expected)


@ORDERS
def test_the_nearest_spline_to_a_spline_is_itself(rng, order):
    spline = some_spline(rng, order, points=9)
    affine = np.column_stack([spline.centres, np.ones(9)])
    if order == 4:
        y, x = spline.centres.T
        affine = np.column_stack([affine, y * y, y * x, x * x])
    bending = spline.weights - affine @ np.linalg.lstsq(affine, spline.weights, rcond=None)[0]
    spline = replace(spline, weights=bending)
    points = on_grid(np.linspace(0, 1, 20), np.linspace(0, 1, 20)).reshape(-1, 2)
    values = spline_values(spline, points)
    found = nearest(spline.centres, points, values, order)
    assert np.abs(spline_values(found, points) - values).max() < 1e-3 * np.ptp(values)

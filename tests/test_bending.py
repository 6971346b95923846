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
from fastbg.spline.bending import Penalty, energy_and_gradient, nearest
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

"""The bounds of the tiled method, on layouts of centres and images chosen to break it.

Values must be within 2e-6 of the spline's range over the pixels, beyond the rounding of float32.
The gradient must be within 1e-5 of the adjoint of the slopes that the values mean: the loss has
kinks, and its slopes change by more than that where a small residual changes by 2e-6.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cases import diagonal

from fastbg.backends import c
from fastbg.backends import numpy as golden
from fastbg.model.render import pixel_centres
from fastbg.spline.loss import Problem, loss_and_slope
from fastbg.spline.spline import Spline, interpolate

pytestmark = pytest.mark.skipif(c.unavailable() is not None, reason=str(c.unavailable()))

VALUES, GRADIENT = 2e-6, 1e-5

SIDE = 16  # of a block of pixels


def box_edges(axis):
    """Where blocks of 16 pixels meet, and so boxes of every level."""
    middles = (axis[1:] + axis[:-1]) / 2
    return np.concatenate([[0], middles[SIDE - 1 :: SIDE], [1]])


def far_away(rng, n, y, x):
    points = rng.uniform(-0.3, 1.3, (n, 2))
    points[0] = 5
    return points


def coincident(rng, n, y, x):
    points = rng.random((n, 2))
    points[1::2] = points[: n // 2 * 2 : 2]
    return points


def collinear(rng, n, y, x):
    along = rng.random(n)
    return np.column_stack([along, 0.2 + along / 2])


LAYOUTS = {
    "random": lambda rng, n, y, x: rng.random((n, 2)),
    "clustered": lambda rng, n, y, x: rng.normal((0.4, 0.55), 0.03, (n, 2)),
    "dense": lambda rng, n, y, x: rng.normal((0.4, 0.55), 0.001, (n, 2)),
    "outside": lambda rng, n, y, x: rng.uniform(-0.3, 1.3, (n, 2)),
    "far away": far_away,
    "coincident": coincident,
    "on pixels": lambda rng, n, y, x: np.column_stack([rng.choice(y, n), rng.choice(x, n)]),
    "on corners": lambda rng, n, y, x: np.column_stack(
        [rng.choice(box_edges(y), n), rng.choice(box_edges(x), n)]
    ),
    "collinear": collinear,
}


def sky(rng, points, channels, order):
    """Through the values of a gentle surface with some noise."""
    y, x = np.clip(points, -1, 2).T
    surface = 0.3 + 0.3 * y - 0.2 * x + 0.1 * np.sin(3 * x + 2 * y)
    values = surface[:, np.newaxis] + rng.normal(0, 0.02, (len(points), channels))
    return interpolate(points, values, order)


def noise(rng, points, channels, order):
    """Through random values: large weights, which cancel."""
    return interpolate(points, rng.random((len(points), channels)), order)


def pairs(rng, points, channels, order):
    """Pairs of centres close together, with large weights of opposite sign."""
    points = points.copy()
    points[1::2] = points[::2] + 1e-3
    weights = rng.normal(0, 30, (len(points), channels))
    weights[1::2] = -weights[::2]
    return Spline(points, weights, rng.normal(0, 0.1, (3, channels)), order)


def values_of(spline, y, x):
    out = np.empty((spline.weights.shape[1], y.size, x.size))
    golden.backend().plan(spline, y, x).rows(slice(0, y.size), out)
    return out


def assert_within_bounds(rng, spline, y, x, method, shift=0.1):
    """Both bounds, for the spline moved so that its smallest value is `shift`."""
    exact = values_of(spline, y, x)
    moved = spline.polynomial.copy()
    moved[2] += shift - exact.min(axis=(1, 2))
    spline = replace(spline, polynomial=moved)
    exact += (shift - exact.min(axis=(1, 2)))[:, np.newaxis, np.newaxis]
    largest = np.abs(exact).max()
    span = np.ptp(exact, axis=(1, 2)).max() or largest  # one pixel has no range

    found = np.empty(exact.shape, np.float32)
    c.plan(spline, y, x, method, 2).rows(slice(0, y.size), found)
    assert np.abs(found - exact).max() <= VALUES * span + 2.0**-24 * largest

    residual = rng.uniform(0.05, 0.3, exact.shape) * rng.choice([-1, 1, 1, 1], exact.shape)
    data = np.moveaxis((exact + residual * max(1, span)).astype(np.float32), 0, 2)
    problem = Problem(data, np.ones_like(data), y, x, spline.order, 5.0)
    loss, gradient = c.open_problem(problem, 2, method).loss_and_gradient(spline.flatten())
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    flat = [a.reshape(len(points), -1) for a in (data, problem.weight, np.moveaxis(found, 0, 2))]
    expected_loss, slope = loss_and_slope(*(a.astype(np.float64) for a in flat), problem.alpha)
    expected = golden.adjoint(spline, points, slope).flatten()
    assert loss == pytest.approx(expected_loss, abs=1e-6)
    assert np.linalg.norm(gradient - expected) <= GRADIENT * np.linalg.norm(expected)


@pytest.mark.parametrize(("layout", "order"), diagonal(LAYOUTS, [1, 2, 3, 4]))
@pytest.mark.parametrize(
    ("make", "shape"),
    diagonal([sky, noise, pairs], [(100, 129), (600, 40), (3, 1100)]),
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_bounds(rng, shape, layout, order, make):
    channels = 3 if shape[0] == 3 else 1
    y, x = map(pixel_centres, shape)
    points = LAYOUTS[layout](rng, 36 if channels == 3 else 64, y, x)
    assert_within_bounds(rng, make(rng, points, channels, order), y, x, "tiled")


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("centres", [3, 36])
def test_bounds_on_a_high_level(rng, centres, order):
    # Where float32 holds little more than the bound.
    y, x = pixel_centres(150), pixel_centres(140)
    spline = sky(rng, rng.random((centres, 2)), 3, order)
    assert_within_bounds(rng, spline, y, x, "tiled", shift=3)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", ["random", "dense", "outside", "on pixels"])
@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1)], ids=str)
def test_bounds_on_lines(rng, shape, layout, order):
    y, x = map(pixel_centres, shape)
    points = LAYOUTS[layout](rng, 36, y, x)
    assert_within_bounds(rng, sky(rng, points, 1, order), y, x, "tiled")


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("make", [sky, noise, pairs])
def test_bounds_on_tiny_images(rng, layout, order, make):
    # What "auto" takes for them: the tiled method, forced on a few pixels, need not keep them.
    for shape in [(1, 1), (2, 2), (15, 15), (17, 17), (1, 300), (20, 100)]:
        y, x = map(pixel_centres, shape)
        points = LAYOUTS[layout](rng, 20, y, x)
        assert_within_bounds(rng, make(rng, points, 1, order), y, x, "auto")


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("centres", [1, 2, 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_bounds_for_few_and_many_centres(rng, centres, channels, order):
    y, x = pixel_centres(90), pixel_centres(70)
    spline = noise(rng, rng.random((centres, 2)), channels, order)
    assert_within_bounds(rng, spline, y, x, "tiled")


def test_bounds_where_rows_do_not_mirror_each_other(rng):
    y, x = pixel_centres(270) ** 1.3, pixel_centres(150) ** 0.8
    spline = noise(rng, rng.random((20, 2)), 3, 2)
    assert_within_bounds(rng, spline, y, x, "tiled")


def test_bounds_on_a_large_image(rng):
    y, x = pixel_centres(1500), pixel_centres(2100)
    spline = noise(rng, rng.random((36, 2)), 3, 2)
    found = np.empty((3, y.size, x.size), np.float32)
    c.plan(spline, y, x, "tiled", 2).rows(slice(0, y.size), found)
    some = rng.choice(y.size, 20, replace=False)
    exact = values_of(spline, y[some], x)
    error = np.abs(found[:, some] - exact).max()
    assert error <= VALUES * np.ptp(exact) + 2.0**-24 * np.abs(exact).max()

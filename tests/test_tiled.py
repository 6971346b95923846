"""The tiled method against the direct one, on layouts of centres and images chosen to break it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from golden import EVALUATORS, as_float32, assert_agrees, assert_values_agree
from tolerances import C_TILED, C_TILED_HARD, FLOAT32_ROUNDING, relative_l2

from fastbg.backends import base
from fastbg.downscale import block_centres
from fastbg.loss import Problem, loss_and_slope
from fastbg.render import pixel_centres
from fastbg.spline import Spline, interpolate

pytestmark = pytest.mark.skipif(
    base.load("c").unavailable() is not None, reason="the C evaluator is not available"
)

DIRECT, TILED = EVALUATORS["c-direct"], EVALUATORS["c-tiled"]

SIDE = 16  # of a block of pixels


def grid(shape, factor=1):
    """Coordinates of the pixels, or of blocks of factor x factor pixels, the last ones partial."""
    if factor == 1:
        return tuple(pixel_centres(size) for size in shape)
    return tuple(block_centres(size * factor - 3, factor) for size in shape)


def box_edges(axis):
    """Where blocks of 16 pixels meet, and so boxes of every level."""
    middles = (axis[1:] + axis[:-1]) / 2
    return np.concatenate([[0], middles[SIDE - 1 :: SIDE], [1]])


def cluster(rng, n, y, x, sigma):
    return rng.normal((0.4, 0.55), sigma, (n, 2))


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
    "clustered": lambda rng, n, y, x: cluster(rng, n, y, x, 0.03),
    "dense": lambda rng, n, y, x: cluster(rng, n, y, x, 0.001),
    "outside": lambda rng, n, y, x: rng.uniform(-0.3, 1.3, (n, 2)),
    "far away": far_away,
    "coincident": coincident,
    "on pixels": lambda rng, n, y, x: np.column_stack([rng.choice(y, n), rng.choice(x, n)]),
    "on corners": lambda rng, n, y, x: np.column_stack(
        [rng.choice(box_edges(y), n), rng.choice(box_edges(x), n)]
    ),
    "on edges": lambda rng, n, y, x: np.column_stack([rng.choice(box_edges(y), n), rng.random(n)]),
    "collinear": collinear,
    "on a column": lambda rng, n, y, x: np.column_stack(
        [rng.random(n), np.full(n, x[x.size // 2])]
    ),
}


def sky(rng, points, channels):
    """A gentle surface with some noise."""
    y, x = np.clip(points, -1, 2).T
    surface = 0.3 + 0.3 * y - 0.2 * x + 0.1 * np.sin(3 * x + 2 * y)
    return surface[:, np.newaxis] + rng.normal(0, 0.02, (len(points), channels))


def noise(rng, points, channels):
    """Nothing else: large weights, which cancel."""
    return rng.random((len(points), channels))


def make_spline(rng, y, x, *, layout="random", values=sky, centres=36, channels=1, order=2):
    """A spline through values at the centres, as the descent starts with."""
    points = LAYOUTS[layout](rng, centres, y, x)
    return interpolate(points, values(rng, points, channels), order)


def on_level(spline, y, x, lowest):
    """The spline, moved so that its smallest value on the grid is `lowest`."""
    polynomial = spline.polynomial.copy()
    polynomial[2] += lowest - DIRECT.evaluate(spline, y, x).min(axis=(1, 2))
    return replace(spline, polynomial=polynomial)


def make_problem(rng, spline, y, x, weight=None):
    """A problem at which the loss is smooth: no residual and no kept value is near 0."""
    model = np.moveaxis(DIRECT.evaluate(spline, y, x), 0, 2).astype(np.float64)
    residual = rng.uniform(0.05, 0.3, model.shape) * rng.choice([-1, 1], model.shape)
    weight = np.ones(model.shape) if weight is None else weight * np.ones(model.shape)
    weight[(np.abs(model) < 1e-3).any(axis=2)] = 0
    return Problem(as_float32(model + residual), as_float32(weight), y, x, spline.order, 5.0)


def assert_as_good(problem, spline, tolerance=C_TILED):
    assert_agrees(replace(TILED, tolerance=tolerance), problem, spline, judge=DIRECT)


def gradients_agree(found, expected):
    return relative_l2(found, expected) <= C_TILED.gradient


BROAD = [(127, 128), (129, 127), (97, 61), (255, 257)]
SMALL = [(15, 15), (16, 16), (17, 17), (2, 2), (1, 17)]
OBLONG = [(600, 40), (3, 2000), (1, 300), (300, 1)]
SHAPES = BROAD + SMALL + OBLONG


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("values", [sky, noise])
def test_bounds(rng, shape, layout, order, values):
    hard = values is noise or layout == "dense" or shape not in BROAD
    centres, channels = (36, 3) if shape[0] % 2 else (64, 1)
    y, x = grid(shape)
    spline = make_spline(
        rng, y, x, layout=layout, values=values, centres=centres, channels=channels, order=order
    )
    spline = on_level(spline, y, x, 0.1)
    assert_as_good(make_problem(rng, spline, y, x), spline, C_TILED_HARD if hard else C_TILED)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("centres", [1, 2, 3, 9, 300])
@pytest.mark.parametrize("shape", [(127, 129), (40, 600)], ids=str)
def test_bounds_for_few_and_many_centres(rng, shape, centres, order):
    y, x = grid(shape)
    points = rng.uniform(-0.3, 1.3, (centres, 2))
    weights = rng.normal(0, 1 / centres**0.5, (centres, 3))
    spline = Spline(points, weights, rng.normal(0, 0.1, (3, 3)), order)
    spline = on_level(spline, y, x, 0.1)
    assert_as_good(make_problem(rng, spline, y, x), spline)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_large_weights_that_cancel(rng, order):
    y, x = grid((130, 200))
    points = coincident(rng, 20, y, x)
    points[1::2] += 1e-3
    weights = rng.normal(0, 30, (20, 1))
    weights[1::2] = -weights[::2]
    spline = on_level(Spline(points, weights, rng.normal(0, 0.1, (3, 1)), order), y, x, 0.1)
    assert_as_good(make_problem(rng, spline, y, x), spline, C_TILED_HARD)


@pytest.mark.parametrize("factor", [2, 8])
@pytest.mark.parametrize("shape", [(65, 130), (16, 33), (257, 2)], ids=str)
def test_last_coordinates_closer_than_the_others(rng, shape, factor):
    y, x = grid(shape, factor)
    spline = on_level(make_spline(rng, y, x, channels=3), y, x, 0.1)
    assert_as_good(make_problem(rng, spline, y, x), spline)


def test_agrees_with_the_golden_reference(rng):
    y, x = grid((97, 61))
    for order in (1, 2, 3, 4):
        spline = on_level(make_spline(rng, y, x, channels=3, order=order), y, x, 0.1)
        assert_agrees(TILED, make_problem(rng, spline, y, x), spline)


def test_a_large_image(rng):
    y, x = grid((1500, 2100))
    spline = make_spline(rng, y, x, channels=3)
    some = rng.choice(y.size, 20, replace=False)
    found = TILED.evaluate(spline, y, x, threads=2)[:, some]
    assert_values_agree(found, DIRECT.evaluate(spline, y[some], x).astype(np.float64), C_TILED)


def one_pixel(shape):
    weight = np.zeros((*shape, 1))
    weight[shape[0] // 3, shape[1] // 2] = 0.5
    return weight


def one_block(shape):
    weight = np.zeros((*shape, 1))
    weight[2 * SIDE : 3 * SIDE, 4 * SIDE : 5 * SIDE] = 1
    return weight


def checkerboard(shape):
    return (np.indices(shape).sum(axis=0) % 2)[..., np.newaxis]


def whole_boxes(shape):
    weight = np.ones((*shape, 1))
    weight[:128, :128] = 0
    weight[160:192, 32:128] = 0
    return weight


WEIGHTS = {f.__name__: f for f in (one_pixel, one_block, checkerboard, whole_boxes)}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_weights(rng, weight, order):
    shape = (200, 150)
    y, x = grid(shape)
    spline = on_level(make_spline(rng, y, x, channels=3, order=order), y, x, 0.1)
    assert_as_good(make_problem(rng, spline, y, x, weight(shape)), spline)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_what_has_no_weight_does_not_change_a_bit(rng, weight, channels):
    shape = (200, 150)
    y, x = grid(shape)
    spline = on_level(make_spline(rng, y, x, channels=channels), y, x, -0.1)
    problem = make_problem(rng, spline, y, x, weight(shape))
    garbage = np.where(problem.weight == 0, 1e30, problem.data)
    loss, gradient = TILED.open_problem(problem).loss_and_gradient(spline.flatten())
    other_loss, other = TILED.open_problem(replace(problem, data=garbage)).loss_and_gradient(
        spline.flatten()
    )
    assert other_loss == loss
    assert np.array_equal(other, gradient)


def test_boxes_without_weight_are_as_if_cut_off(rng):
    y, x = grid((300, 280))
    spline = on_level(make_spline(rng, y, x, channels=3), y, x, -0.05)
    weight = np.zeros((300, 280, 1))
    weight[128:256, :256] = 1
    problem = make_problem(rng, spline, y, x, weight)
    part = Problem(
        problem.data[128:256, :256], problem.weight[128:256, :256], y[128:256], x[:256], 2, 5.0
    )
    loss, gradient = TILED.open_problem(problem).loss_and_gradient(spline.flatten())
    part_loss, of_part = TILED.open_problem(part).loss_and_gradient(spline.flatten())
    assert abs(loss - part_loss) <= C_TILED.loss
    assert gradients_agree(of_part, gradient)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("centres", [3, 20])
@pytest.mark.parametrize("which", [0, -1])
def test_background_below_zero_in_one_block(rng, order, channels, centres, which):
    y, x = grid((290, 270))
    spline = make_spline(rng, y, x, centres=centres, channels=channels, order=order)
    spline = on_level(spline, y, x, -0.05)
    below = (DIRECT.evaluate(spline, y, x) < 0).any(axis=0)
    row, column = (int(i) // SIDE * SIDE for i in np.argwhere(below)[which])
    weight = np.where(below, 0.0, 1.0)[..., np.newaxis]
    weight[row : row + SIDE, column : column + SIDE] = 1
    problem = make_problem(rng, spline, y, x, weight)
    assert (problem.kept & below).any()
    assert_as_good(problem, spline)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_background_below_zero_everywhere(rng, order):
    y, x = grid((140, 150))
    spline = make_spline(rng, y, x, channels=3, order=order)
    highest = DIRECT.evaluate(spline, y, x).max(axis=(1, 2))
    spline.polynomial[2] -= highest + 0.1
    assert_as_good(make_problem(rng, spline, y, x), spline)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_affine_functions_are_exact(rng, shape):
    y, x = grid(shape)
    spline = make_spline(rng, y, x, channels=3)
    spline = replace(spline, weights=np.zeros_like(spline.weights), polynomial=rng.random((3, 3)))
    exact = DIRECT.evaluate(spline, y, x).astype(np.float64)
    error = np.abs(TILED.evaluate(spline, y, x) - exact).max()
    # Interpolation multiplies by float32 matrices, whose rows sum to 1 but for roundings.
    assert error <= 8 * FLOAT32_ROUNDING * np.abs(exact).max()


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("layout", ["random", "outside", "dense"])
def test_adjoint_of_evaluation(rng, order, layout):
    """<A theta, g> = <theta, A' g>, with A from `evaluate` and A' from the gradient."""
    y, x = grid((150, 140))
    spline = make_spline(rng, y, x, layout=layout, channels=3, order=order)
    spline = on_level(spline, y, x, 0.1)
    problem = make_problem(rng, spline, y, x)
    theta = replace(
        spline,
        weights=rng.normal(size=spline.weights.shape),
        polynomial=rng.normal(size=spline.polynomial.shape),
    )

    def values(of):
        return TILED.evaluate(of, y, x).astype(np.float64).reshape(3, -1).T

    data, weight = (a.reshape(-1, 3) for a in (problem.data, problem.weight))
    _, g = loss_and_slope(data, weight, values(spline), problem.alpha)
    _, gradient = TILED.open_problem(problem).loss_and_gradient(spline.flatten())
    back = Spline.unflatten(gradient, 3, order)
    forward = (values(theta) * g).sum()
    backward = (theta.weights * back.weights).sum() + (theta.polynomial * back.polynomial).sum()
    size = np.linalg.norm(values(theta)) * np.linalg.norm(g)
    assert abs(forward - backward) <= C_TILED.gradient * size


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("lowest", [0.1, -0.05])
def test_threads_do_not_change_a_bit(rng, order, lowest):
    y, x = grid((300, 500))
    spline = on_level(make_spline(rng, y, x, channels=3, order=order), y, x, lowest)
    problem = make_problem(rng, spline, y, x, whole_boxes((300, 500)))
    loss, gradient = TILED.open_problem(problem, 1).loss_and_gradient(spline.flatten())
    planes = TILED.evaluate(spline, y, x, 1)
    for threads in (2, 5):
        other_loss, other = TILED.open_problem(problem, threads).loss_and_gradient(spline.flatten())
        assert other_loss == loss
        assert np.array_equal(other, gradient)
        assert np.array_equal(TILED.evaluate(spline, y, x, threads), planes)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("step", [1e-9, 1e-3])
def test_a_moving_centre_makes_no_jumps(rng, order, step):
    # It crosses the edge of boxes of all levels, and pixels; boxes far and near change places.
    y, x = grid((256, 256))
    spline = make_spline(rng, y, x, centres=9, order=order)
    before = None
    for i in range(-20, 21):
        centres = spline.centres.copy()
        centres[0] = 0.5 + i * step, 0.5 + i * step / 3
        moved = replace(spline, centres=centres)
        exact = DIRECT.evaluate(moved, y, x).astype(np.float64)
        error = TILED.evaluate(moved, y, x) - exact
        if before is not None:
            assert np.abs(error - before).max() <= C_TILED.values * np.ptp(exact)
        before = error


@pytest.mark.parametrize(("pixels", "method"), [(2047, "direct"), (2048, "tiled")])
def test_auto_takes_the_faster_method(rng, pixels, method):
    weight = np.zeros(64 * 64)
    weight[rng.permutation(weight.size)[:pixels]] = 1
    y, x = grid((64, 64))
    spline = make_spline(rng, y, x)
    problem = Problem(np.ones((64, 64, 1)), weight.reshape(64, 64, 1), y, x, 2, 5.0)
    objective, forced = (base.load("c").open_problem(problem, 1, m) for m in ("auto", method))
    assert objective.method == forced.method == method
    loss, gradient = objective.loss_and_gradient(spline.flatten())
    forced_loss, of_forced = forced.loss_and_gradient(spline.flatten())
    assert loss == forced_loss
    assert np.array_equal(gradient, of_forced)

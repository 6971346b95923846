"""The two methods of the C evaluator, direct and tiled, against the golden reference.

The bounds are those promised for the tiled method: values within 2e-6 of the spline's range, the
gradient within 1e-5 (relative L2) where the loss has no kink nearby.
"""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from cases import diagonal

from fastbg.backends import c
from fastbg.backends import numpy as golden
from fastbg.image.downscale import block_centres
from fastbg.model.render import pixel_centres
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline, interpolate

pytestmark = pytest.mark.skipif(c.unavailable() is not None, reason=str(c.unavailable()))

METHODS = ["direct", "tiled"]
SHAPES = [
    (150, 275), (128, 129), (127, 17), (255, 257), (16, 15), (1, 300), (300, 1), (400, 20), (1, 1),
]  # fmt: skip


def layout(name, n, rng):
    match name:
        case "random":
            return rng.random((n, 2))
        case "clustered":
            return np.clip(rng.normal(0.5, 0.03, (n, 2)), 0, 1)
        case "outside":
            return rng.uniform(-0.3, 1.3, (n, 2))
        case "far away":
            return np.concatenate([rng.random((n - 1, 2)), [[5.0, -3.0]]])
        case "coincident":
            return np.repeat(rng.random((-(-n // 2), 2)), 2, axis=0)[:n]
        case _:
            return np.round(rng.random((n, 2)) * 64) / 64  # on the edges and corners of boxes


def smooth(centres, rng):
    """Values of a gentle surface with some noise, as a sky has them."""
    y, x = centres.T
    surface = 0.3 + 0.3 * y - 0.2 * x + 0.1 * np.sin(3 * x + 2 * y)
    return surface[:, np.newaxis] + rng.normal(0, 0.05, (len(centres), 3))


_KNOWN = {}


def known(compute, *arrays):
    """What the golden reference computes of these arrays, once for the methods that follow."""
    key = sha256(b"".join(map(np.ndarray.tobytes, map(np.asarray, arrays)))).digest()
    if key not in _KNOWN:
        if len(_KNOWN) == 8:
            del _KNOWN[next(iter(_KNOWN))]
        _KNOWN[key] = compute()
    return _KNOWN[key]


def values(spline, y, x):
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    found = known(
        lambda: golden.spline_values(spline, points), spline.flatten(), spline.order, points
    )
    return found.reshape(y.size, x.size, -1).copy()


def evaluated(spline, y, x, method, threads=2):
    out = np.full((spline.weights.shape[1], y.size, x.size), np.nan, np.float32)
    c.plan(spline, y, x, method, threads).rows(slice(0, y.size), out)
    return np.moveaxis(out, 0, 2)


def problem_around(spline, y, x, rng, kept=0.7):
    """Data far enough from the spline that no residual changes sign by rounding."""
    model = values(spline, y, x)
    residual = rng.uniform(0.05, 0.3, model.shape) * rng.choice([-1, 1], model.shape)
    weight = (rng.random((*model.shape[:2], 1)) < kept) * rng.uniform(0.2, 1, model.shape)
    weight[0, 0] = 1
    return Problem(model + residual, weight, y, x, spline.order, 5.0)


def assert_same_loss(problem, spline, method):
    at = spline.flatten()
    loss, gradient = c.open_problem(problem, 2, method).loss_and_gradient(at)
    expected_loss, expected = known(
        lambda: golden.backend().open_problem(problem, 1).loss_and_gradient(at),
        *(at, problem.order, problem.alpha, problem.data, problem.weight, problem.y, problem.x),
    )
    assert loss == pytest.approx(expected_loss, abs=5e-6)
    assert np.linalg.norm(gradient - expected) <= 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("order", "name"),
    diagonal(
        [1, 2, 3, 4], ["random", "clustered", "outside", "far away", "coincident", "on edges"]
    ),
)
def test_layouts(name, order, method, rng):
    for n in (3, 36, 150):
        centres = layout(name, n, rng)
        spline = interpolate(centres, smooth(np.clip(centres, -1, 2), rng), order)
        y, x = pixel_centres(140), pixel_centres(200)
        exact = values(spline, y, x)
        error = np.abs(evaluated(spline, y, x, method) - exact).max()
        assert error <= 2e-6 * np.ptp(exact)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes(shape, method, rng):
    spline = interpolate(rng.random((40, 2)), smooth(rng.random((40, 2)), rng), 2)
    y, x = map(pixel_centres, shape)
    exact = values(spline, y, x)
    scale = max(np.ptp(exact), np.abs(exact).max())  # one pixel has no range
    assert np.abs(evaluated(spline, y, x, method) - exact).max() <= 2e-6 * scale
    assert_same_loss(problem_around(spline, y, x, rng), spline, method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_partial_blocks_and_weights(order, method, rng):
    y, x = block_centres(1003, 8), block_centres(1101, 8)
    spline = interpolate(rng.random((64, 2)), smooth(rng.random((64, 2)), rng), order)
    assert_same_loss(problem_around(spline, y, x, rng, kept=0.3), spline, method)


def test_boxes_without_weight_are_skipped(rng):
    y, x = pixel_centres(200), pixel_centres(300)
    spline = interpolate(rng.random((36, 2)), smooth(rng.random((36, 2)), rng), 2)
    problem = problem_around(spline, y, x, rng)
    problem.weight[:, :200] = 0
    problem.data[:, :200] = np.nan
    problem.weight[100, 50] = 1
    problem.data[100, 50] = 0.9
    for method in METHODS:
        assert_same_loss(problem, spline, method)


@pytest.mark.parametrize("depth", [0.3, 3.0], ids=["in places", "everywhere"])
@pytest.mark.parametrize("method", METHODS)
def test_a_background_below_zero(depth, method, rng):
    y, x = pixel_centres(200), pixel_centres(150)
    spline = interpolate(rng.random((36, 2)), smooth(rng.random((36, 2)), rng) - depth, 2)
    problem = problem_around(spline, y, x, rng)
    assert (values(spline, y, x) < 0).any()
    assert_same_loss(problem, spline, method)


@pytest.mark.parametrize(("share", "order"), diagonal([0, 0.01, 0.5, 1], [1, 2, 3, 4]))
@pytest.mark.parametrize("method", METHODS)
def test_what_was_expected_below_zero_changes_no_bit(order, method, share, rng):
    y, x = pixel_centres(200), pixel_centres(150)
    spline = interpolate(rng.random((36, 2)), smooth(rng.random((36, 2)), rng), order)
    model = values(spline, y, x)
    lift = {0: 0.1, 1: -0.1}.get(share, 0) - np.quantile(model, share, axis=(0, 1))
    spline.polynomial[2] += lift
    problem = problem_around(spline, y, x, rng, kept=2)
    # On which side of zero a value is, must not be a matter of rounding.
    problem.weight[(np.abs(model + lift) < 1e-5).any(axis=2)] = 0
    assert_same_loss(problem, spline, method)

    below, above = spline.flatten(), spline.flatten()
    below[-3:] -= 2
    above[-3:] += 2
    objective = c.open_problem(problem, 1, method)
    expected = objective.loss_and_gradient(spline.flatten())
    for threads in (1, 2, 5):
        objective = c.open_problem(problem, threads, method)
        for before in (below, above):
            objective.loss_and_gradient(before)
            loss, gradient = objective.loss_and_gradient(spline.flatten())
            assert loss == expected[0]
            assert np.array_equal(gradient, expected[1])


@pytest.mark.parametrize("method", METHODS)
def test_one_pixel_below_zero_is_found(method, rng):
    y, x = pixel_centres(300), pixel_centres(280)
    spline = interpolate(rng.random((36, 2)), smooth(rng.random((36, 2)), rng), 2)
    model = values(spline, y, x)
    lift = [-1e-4, 1, 1] - model.min(axis=(0, 1))
    spline.polynomial[2] += lift
    model = model[..., 0] + lift[0]
    problem = problem_around(spline, y, x, rng, kept=2)
    problem.weight[np.abs(model) < 2e-4] = 0
    for weight in (1.0, 0.0):
        problem.weight[np.unravel_index(model.argmin(), model.shape)] = weight
        assert_same_loss(problem, spline, method)
        objective = c.open_problem(problem, 2, method)
        loss, gradient = objective.loss_and_gradient(spline.flatten())
        objective.loss_and_gradient(spline.flatten() - 5)
        again, same = objective.loss_and_gradient(spline.flatten())
        assert again == loss
        assert np.array_equal(same, gradient)


@pytest.mark.parametrize("method", METHODS)
def test_any_number_of_threads_gives_the_same_bits(method, rng):
    y, x = pixel_centres(300), pixel_centres(500)
    spline = interpolate(rng.random((50, 2)), smooth(rng.random((50, 2)), rng), 2)
    problem = problem_around(spline, y, x, rng)
    loss, gradient = c.open_problem(problem, 1, method).loss_and_gradient(spline.flatten())
    picture = evaluated(spline, y, x, method, 1)
    for threads in (2, 3, 7):
        again = c.open_problem(problem, threads, method).loss_and_gradient(spline.flatten())
        assert again[0] == loss
        assert np.array_equal(again[1], gradient)
        assert np.array_equal(evaluated(spline, y, x, method, threads), picture)


def test_a_centre_crosses_boxes_without_a_jump(rng):
    y, x = pixel_centres(256), pixel_centres(256)
    start = interpolate(rng.random((20, 2)), smooth(rng.random((20, 2)), rng), 2)
    for position in np.linspace(0.49, 0.51, 9):
        centres = start.centres.copy()
        centres[0] = position, 0.5
        spline = Spline(centres, start.weights, start.polynomial, 2)
        exact = values(spline, y, x)
        assert np.abs(evaluated(spline, y, x, "tiled") - exact).max() <= 2e-6 * np.ptp(exact)


def planar(image):
    """The image as the pipeline holds it: planes of float32, seen as (h, w, K)."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float32), 0, 2)


def planar_problem(rng):
    y, x = pixel_centres(100), pixel_centres(90)
    spline = interpolate(rng.random((20, 2)), smooth(rng.random((20, 2)), rng), 2)
    problem = problem_around(spline, y, x, rng)
    return replace(problem, data=planar(problem.data), weight=planar(problem.weight)), spline


def test_planes_are_held_and_not_copied(rng):
    problem, spline = planar_problem(rng)
    objective = c.open_problem(problem, 1, "tiled")
    loss, _ = objective.loss_and_gradient(spline.flatten())
    problem.data[problem.weight > 0] += 1
    changed, _ = objective.loss_and_gradient(spline.flatten())
    assert changed != loss


@pytest.mark.parametrize("method", METHODS)
def test_an_objective_outlives_the_problem(method, rng):
    problem, spline = planar_problem(rng)
    objective = c.open_problem(problem, 1, method)
    loss, gradient = objective.loss_and_gradient(spline.flatten())
    shape = problem.data.shape
    del problem
    junk = [np.full(shape, np.nan, np.float32) for _ in range(20)]
    again, same = objective.loss_and_gradient(spline.flatten())
    del junk
    assert again == loss
    assert np.array_equal(same, gradient)


@pytest.mark.parametrize("method", METHODS)
def test_float32_and_float64_images_give_the_same_bits(method, rng):
    problem, spline = planar_problem(rng)
    wide = replace(
        problem, data=problem.data.astype(np.float64), weight=problem.weight.astype(np.float64)
    )
    loss, gradient = c.open_problem(problem, 1, method).loss_and_gradient(spline.flatten())
    again, same = c.open_problem(wide, 1, method).loss_and_gradient(spline.flatten())
    assert again == loss
    assert np.array_equal(same, gradient)
    expected, _ = golden.backend().open_problem(problem, 1).loss_and_gradient(spline.flatten())
    assert loss == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize("method", METHODS)
def test_blocks_of_weight_one_are_like_any_other(method, rng):
    y, x = pixel_centres(100), pixel_centres(90)
    spline = interpolate(rng.random((20, 2)), smooth(rng.random((20, 2)), rng), 2)
    problem = problem_around(spline, y, x, rng)
    weight = np.ones_like(problem.weight)
    weight[40:60, 10:25, 1] = 0.5
    assert_same_loss(replace(problem, weight=weight), spline, method)


@pytest.mark.parametrize("method", METHODS)
def test_blocks_without_weight_beside_others(method, rng):
    y, x = pixel_centres(270), pixel_centres(150)
    spline = interpolate(rng.random((9, 2)), smooth(rng.random((9, 2)), rng), 2)
    blocks = rng.random((17, 10, 1)) < 0.5
    weight = np.kron(blocks, np.ones((16, 16, 3)))[: y.size, : x.size]
    assert_same_loss(replace(problem_around(spline, y, x, rng), weight=weight), spline, method)


def tasks():
    return len(os.listdir("/proc/self/task"))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_threads_are_kept_until_the_objective_is_closed(rng):
    spline = interpolate(rng.random((9, 2)), smooth(rng.random((9, 2)), rng), 2)
    problem = problem_around(spline, pixel_centres(270), pixel_centres(300), rng)
    before = tasks()
    objective = c.open_problem(problem, 3)
    for _ in range(3):
        objective.loss_and_gradient(spline.flatten())
        assert tasks() == before + 2
    objective.close()
    assert tasks() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_evaluates_without_the_threads_of_its_parent(rng):
    spline = interpolate(rng.random((9, 2)), smooth(rng.random((9, 2)), rng), 2)
    problem = problem_around(spline, pixel_centres(270), pixel_centres(300), rng)
    objective = c.open_problem(problem, 3)
    loss, _ = objective.loss_and_gradient(spline.flatten())
    child = os.fork()
    if not child:
        same = objective.loss_and_gradient(spline.flatten())[0] == loss
        objective.close()
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert objective.loss_and_gradient(spline.flatten())[0] == loss


def test_few_pixels_are_evaluated_directly(rng):
    spline = interpolate(rng.random((5, 2)), smooth(rng.random((5, 2)), rng), 2)
    for size, method in ((40, "direct"), (50, "tiled")):
        problem = problem_around(spline, pixel_centres(size), pixel_centres(size), rng, kept=2)
        assert c.open_problem(problem, 1).method == method

"""One suite for every evaluator: the golden reference (numpy, float64) judges the others.

FASTBG_ISA is read when the C evaluator is loaded, so `test_the_other_instructions_pass` runs this
file again in a process of its own for each of the others.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from golden import make_case, parts
from tolerances import (
    FLOAT32_GRADIENT,
    FLOAT32_LOSS,
    FLOAT32_VALUES,
    relative_l2,
    relative_max,
)

from fastbg.backends import c, registry
from fastbg.backends.numpy import backend as numpy_backend
from fastbg.errors import BackendError
from fastbg.settings.checked import BACKENDS
from fastbg.spline.loss import loss_and_slope
from fastbg.spline.spline import Spline, spline_values

UNAVAILABLE = {name: registry.unavailable(name) for name in BACKENDS}
REFERENCE = numpy_backend()
AVAILABLE = [name for name, reason in UNAVAILABLE.items() if reason is None]

every_backend = pytest.mark.parametrize("backend", AVAILABLE, indirect=True)
judged_backend = pytest.mark.parametrize(
    "backend", [name for name in AVAILABLE if name != "numpy"], indirect=True
)
needs_c = pytest.mark.skipif("c" not in AVAILABLE, reason=str(UNAVAILABLE["c"]))

# One pixel, lines, primes, the widths of vectors and blocks (256 pixels) and their neighbours.
SHAPES = [
    *((1, 1), (1, 2), (2, 1), (1, 7), (8, 1), (3, 9), (5, 33), (13, 17), (31, 37)),
    *((1, 255), (1, 256), (256, 1), (1, 257), (2, 255), (1, 511), (3, 512), (2, 513)),
]


@pytest.fixture
def backend(request):
    return registry.choose(request.param)


def evaluated(backend, spline, y, x, threads=1):
    """The spline on a grid, (K, rows, columns), in bands that some threads share."""
    # Values that are not written show: no background is near 1e30.
    out = np.full((spline.weights.shape[1], y.size, x.size), 1e30, np.float32)
    tall = -(-y.size // threads)
    with closing(backend.plan(spline, y, x)) as rendering, ThreadPoolExecutor(threads) as pool:

        def render(top):
            rows = slice(top, min(top + tall, y.size))
            band = np.full_like(out[:, rows], 1e30)
            rendering.rows(rows, band)
            out[:, rows] = band

        list(pool.map(render, range(0, y.size, tall)))
    return out


def assert_agrees(backend, problem, spline, threads=2):
    """Values, loss and every part of the gradient, against the golden reference."""
    found = evaluated(backend, spline, problem.y, problem.x, threads)
    points = np.stack(np.meshgrid(problem.y, problem.x, indexing="ij"), axis=-1).reshape(-1, 2)
    expected = spline_values(spline, points).T.reshape(found.shape)
    assert relative_max(found, expected) < FLOAT32_VALUES

    at = spline.flatten()
    expected_loss, expected = REFERENCE.open_problem(problem, 1).loss_and_gradient(at)
    loss, gradient = backend.open_problem(problem, threads).loss_and_gradient(at)
    assert abs(loss - expected_loss) < FLOAT32_LOSS * max(1, abs(expected_loss))
    expected, gradient = (
        parts(Spline.unflatten(g, problem.channels, problem.order)) for g in (expected, gradient)
    )
    for name, part in expected.items():
        assert relative_l2(gradient[name], part) < FLOAT32_GRADIENT, name


@judged_backend
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_agrees_on_every_shape(backend, rng, shape, channels):
    assert_agrees(backend, *make_case(rng, shape, channels=channels))


@judged_backend
@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("background", ["positive", "mixed", "negative"])
def test_agrees_for_every_kernel_and_background(backend, rng, order, channels, background):
    # Large enough for several blocks, the last of them partial.
    case = make_case(rng, (29, 31), order=order, channels=channels, background=background)
    assert_agrees(backend, *case)


@judged_backend
@pytest.mark.parametrize("centres", [1, 2, 3, 64, 300])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_agrees_for_few_and_many_centres(backend, rng, centres, order):
    assert_agrees(backend, *make_case(rng, (19, 23), centres=centres, order=order))


@judged_backend
def test_agrees_where_chunks_hold_several_blocks(backend, rng):
    # More pixels than 256 blocks of 256.
    case = make_case(rng, (270, 250), centres=4, background="mixed")
    assert_agrees(backend, *case, threads=5)


@judged_backend
def test_agrees_without_the_penalties(backend, rng):
    assert_agrees(backend, *make_case(rng, background="mixed", alpha=0.0))


@judged_backend
def test_agrees_without_seeing_what_has_no_weight(backend, rng):
    problem, spline = make_case(rng, (24, 30))
    weight = problem.weight.copy()
    weight[2:9] = 0
    weight[:, 11] = 0
    weight[12, :, 1] = 0
    for garbage in (1e30, np.nan, np.inf):
        data = np.where(weight == 0, garbage, problem.data)
        assert_agrees(backend, replace(problem, data=data, weight=weight), spline)

    one_pixel = np.zeros_like(weight)
    one_pixel[5, 7, 2] = 0.5
    assert_agrees(backend, replace(problem, weight=one_pixel), spline)


@judged_backend
def test_a_residual_of_zero_has_no_side(backend, rng):
    problem, spline = make_case(rng, (6, 7))
    flat = replace(
        spline,
        weights=np.zeros_like(spline.weights),
        polynomial=np.array([[0, 0, 0], [0, 0, 0], [0.25, 0.5, 0.75]]),
    )
    data = np.broadcast_to([0.25, 0.5, 0.75], problem.data.shape)
    loss, gradient = backend.open_problem(replace(problem, data=data), 1).loss_and_gradient(
        flat.flatten()
    )
    assert loss == pytest.approx(np.log(0.001), rel=FLOAT32_LOSS)
    assert not gradient.any()


@every_backend
@pytest.mark.parametrize("background", ["positive", "mixed"])
def test_adjoint_of_evaluation(backend, rng, background):
    """<A theta, g> = <theta, A' g>, with A from a rendering and A' from the gradient."""
    problem, base_spline = make_case(rng, (12, 14), background=background)
    problem = replace(problem, weight=np.where(problem.weight == 0, 0.5, problem.weight))
    theta = replace(
        base_spline,
        weights=rng.normal(size=base_spline.weights.shape),
        polynomial=rng.normal(size=base_spline.polynomial.shape),
    )

    def values(spline):
        planes = evaluated(backend, spline, problem.y, problem.x).astype(np.float64)
        return planes.reshape(len(planes), -1).T

    data, weight = (a.reshape(-1, problem.channels) for a in (problem.data, problem.weight))
    _, g = loss_and_slope(data, weight, values(base_spline), problem.alpha)
    _, gradient = backend.open_problem(problem, 1).loss_and_gradient(base_spline.flatten())
    back = Spline.unflatten(gradient, problem.channels, problem.order)

    forward = values(theta) * g
    backward = (theta.weights * back.weights).sum() + (theta.polynomial * back.polynomial).sum()
    assert abs(forward.sum() - backward) < FLOAT32_GRADIENT * np.linalg.norm(
        values(theta)
    ) * np.linalg.norm(g)


@every_backend
@pytest.mark.parametrize("shape", [(61, 257), (1, 5), (270, 250)], ids=str)
@pytest.mark.parametrize("background", ["positive", "mixed"])
def test_threads_do_not_change_a_bit(backend, rng, shape, background):
    problem, spline = make_case(rng, shape, centres=3, background=background)
    at = spline.flatten()
    loss, gradient = backend.open_problem(problem, 1).loss_and_gradient(at)
    planes = evaluated(backend, spline, problem.y, problem.x, 1)
    for threads in (2, 5):
        other_loss, other_gradient = backend.open_problem(problem, threads).loss_and_gradient(at)
        assert other_loss == loss
        assert np.array_equal(other_gradient, gradient)
        other_planes = evaluated(backend, spline, problem.y, problem.x, threads)
        assert np.array_equal(other_planes, planes)


@every_backend
def test_concurrent_calls_do_not_disturb_each_other(backend, rng):
    problem, spline = make_case(rng, (40, 50))
    objective = backend.open_problem(problem, 2)
    vectors = [spline.flatten() + rng.normal(0, 0.01, spline.flatten().size) for _ in range(24)]

    def both(vector):
        loss, gradient = objective.loss_and_gradient(vector)
        moved = Spline.unflatten(vector, problem.channels, problem.order)
        return (
            loss,
            gradient.tobytes(),
            evaluated(backend, moved, problem.y, problem.x, 2).tobytes(),
        )

    alone = [both(vector) for vector in vectors]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(both, vectors * 3)) == alone * 3


@every_backend
def test_arguments_are_left_as_they_are(backend, rng):
    problem, spline = make_case(rng)
    arrays = [problem.data, problem.weight, problem.y, problem.x, spline.flatten()]
    copies = [a.copy() for a in arrays]
    for array in arrays:
        array.setflags(write=False)
    backend.open_problem(problem, 2).loss_and_gradient(arrays[-1])
    evaluated(backend, spline, problem.y, problem.x)
    for array, copy in zip(arrays, copies, strict=True):
        assert np.array_equal(array, copy)


@every_backend
@pytest.mark.parametrize("strange", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_no_number_is_told(backend, rng, strange):
    # The descent stops on it.
    problem, spline = make_case(rng)
    parameters = spline.flatten()
    parameters[-1] = strange
    loss, _ = backend.open_problem(problem, 1).loss_and_gradient(parameters)
    assert not np.isfinite(loss)


@every_backend
def test_parts_of_a_grid_equal_the_whole(backend, rng):
    _, spline = make_case(rng)
    y, x = rng.random(9), rng.random(20)
    whole = evaluated(backend, spline, y, x)
    assert np.array_equal(evaluated(backend, spline, y[3:5], x), whole[:, 3:5])
    # A strided view of coordinates is as good as a copy.
    assert np.array_equal(evaluated(backend, spline, y[::2], x), whole[:, ::2])


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_names_what_it_runs_on(name):
    if name not in AVAILABLE:
        pytest.skip(f"no tests of the backend {name}: {UNAVAILABLE[name]}")
    detail = registry.detail(name)
    assert detail
    assert registry.choose(name).detail() == detail
    assert "\n" not in detail


def test_choose_takes_the_asked_or_the_first_available():
    for name in AVAILABLE:
        assert registry.choose(name).name == name
    assert registry.choose("auto").name == AVAILABLE[0]


def test_an_unavailable_backend_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(c, "unavailable", lambda: "it was not built")
    with pytest.raises(BackendError, match="the backend c is not available: it was not built") as e:
        registry.choose("c")
    assert "\n" not in str(e.value)
    assert registry.choose("auto").name != "c"


@needs_c
def test_unknown_instructions_are_refused(monkeypatch):
    monkeypatch.setenv("FASTBG_ISA", "sse17")
    with pytest.raises(BackendError, match=r"FASTBG_ISA=sse17 is not one of .*(baseline|neon)"):
        registry.choose("c")


@needs_c
def test_the_instruction_set_is_one_of_those_there_are():
    assert c.backend().detail() in c.instruction_sets()
    assert c.instruction_sets()[-1] in ("baseline", "neon")


@needs_c
def test_uses_the_instruction_set_asked_for():
    wanted = os.environ.get("FASTBG_ISA") or c.instruction_sets()[0]
    assert c.backend().detail() == wanted


@needs_c
@pytest.mark.parametrize("threads", [-1, 0, 1000])
def test_c_takes_any_number_of_threads(rng, threads):
    problem, spline = make_case(rng, (30, 40))
    loss, gradient = c.open_problem(problem, 1).loss_and_gradient(spline.flatten())
    other_loss, other = c.open_problem(problem, threads).loss_and_gradient(spline.flatten())
    assert other_loss == loss
    assert np.array_equal(other, gradient)

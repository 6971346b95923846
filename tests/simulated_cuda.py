"""The CUDA kernels in numba's simulator, against the golden reference; see tests/test_cuda.py.

Whether numba simulates is settled when it is imported: run this as a process of its own, with
NUMBA_ENABLE_CUDASIM=1. Blocks are tiny there, since every thread is one of Python.
"""

from __future__ import annotations

import json
import math
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from golden import make_case, parts, render
from simulation import simulator  # noqa: F401
from tolerances import FLOAT32_GRADIENT, FLOAT32_LOSS, FLOAT32_VALUES, relative_l2, relative_max

import first_light
import gpu
from fastbg import remove_background
from fastbg.backends import cuda
from fastbg.backends import numpy as reference
from fastbg.backends.registry import choose
from fastbg.errors import BackendError
from fastbg.fit import fit_spline
from fastbg.settings.settings import Settings
from fastbg.spline import lbfgs
from fastbg.spline.adam import descend
from fastbg.spline.loss import loss_and_slope
from fastbg.spline.spline import Spline

if not cuda.simulated():
    pytest.skip("NUMBA_ENABLE_CUDASIM is not set", allow_module_level=True)

from fastbg.cuda_kernels import (
    account,
    adam,
    descents,
    device,
    evaluation,
    layout,
    memory,
    pixels,
    tile_work,
    tiles,
)
from fastbg.cuda_kernels import objective as opening
from fastbg.cuda_kernels import rendering as planning

SMALL = layout.Launch(threads=8, fewest=1)
TILE = SMALL.threads * layout.PIXELS_A_THREAD
TILE_ROWS, TILE_COLUMNS = tile_work.tile_shape(SMALL.threads)
PLENTY = 1 << 30

TINY = Settings(
    optimizer="adam",
    control_points=2,
    downscaling_factor=2,
    epochs=3,
    threads=1,
    protect="off",
    threshold_min=0,
)


@pytest.fixture
def small(monkeypatch):
    """The backend with small launches."""
    for module, name in ((opening, "CudaObjective"), (planning, "CudaRendering")):
        monkeypatch.setattr(module, name, partial(getattr(module, name), launch=SMALL))


@pytest.fixture
def without_c(monkeypatch, small):
    """A computer whose first backend is a GPU."""
    monkeypatch.setattr("fastbg.backends.c.unavailable", lambda: "it was not built")


def opened(problem, budget=PLENTY):
    return opening.CudaObjective(problem, memory.DeviceMemory(budget), launch=SMALL)


def planned(spline, y, x, budget=PLENTY, **options):
    return planning.CudaRendering(
        spline, y, x, memory.DeviceMemory(budget), launch=SMALL, **options
    )


def evaluated(spline, y, x, budget=PLENTY):
    # Values that are not written show: no background is near 1e30.
    out = np.full((spline.weights.shape[1], y.size, x.size), 1e30, np.float32)
    planned(spline, y, x, budget).rows(slice(0, y.size), out)
    return out


def assert_agrees(problem, spline):
    """Loss and every part of the gradient, against the golden reference."""
    at = spline.flatten()
    expected_loss, expected = reference.NumpyObjective(problem).loss_and_gradient(at)
    loss, gradient = opened(problem).loss_and_gradient(at)
    assert abs(loss - expected_loss) < FLOAT32_LOSS * max(1, abs(expected_loss))
    expected, gradient = (
        parts(Spline.unflatten(g, problem.channels, problem.order)) for g in (expected, gradient)
    )
    for name, part in expected.items():
        assert relative_l2(gradient[name], part) < FLOAT32_GRADIENT, name


@pytest.fixture
def in_tiles(monkeypatch):
    """Problems in tiles, however small they are."""
    monkeypatch.setattr(evaluation, "arrange", pixels.in_tiles)


# Five centres: one lies on a pixel, and two on each other.


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_agrees_for_every_order(rng, order, channels):
    background = "mixed" if order == 2 else "positive"
    case = make_case(rng, (4, 5), centres=5, order=order, channels=channels, background=background)
    assert_agrees(*case)


@pytest.mark.parametrize("pixels", [1, TILE - 1, TILE, TILE + 1, 3 * TILE + 5])
def test_agrees_whatever_the_number_of_pixels(rng, pixels):
    assert_agrees(*make_case(rng, (1, pixels), centres=4))


@pytest.mark.parametrize("centres", [1, 2, 9, 37])
def test_agrees_for_few_and_many_centres(rng, centres):
    # 9 do not fit into shared memory at once, 37 take three groups.
    assert_agrees(*make_case(rng, (3, 6), centres=centres, channels=1))


@pytest.mark.parametrize("alpha", [0.0, 5.0])
def test_agrees_below_zero(rng, alpha):
    assert_agrees(*make_case(rng, (5, 5), centres=3, background="negative", alpha=alpha))


def test_agrees_where_chunks_have_several_tiles(rng, monkeypatch):
    monkeypatch.setattr(layout, "MOST_CHUNKS", 2)
    assert_agrees(*make_case(rng, (9, 9), centres=3, channels=1, background="mixed"))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_agrees_in_tiles(rng, in_tiles, order, channels):
    background = "mixed" if order == 2 else "positive"
    shape = (TILE_ROWS + 3, 2 * TILE_COLUMNS + 1)
    problem, spline = make_case(
        rng, shape, centres=5, order=order, channels=channels, background=background
    )
    # The same residuals in a part of the frame that most centres are far from.
    y, x = (0.45 + 0.1 * axis for axis in (problem.y, problem.x))
    before, after = np.empty((2, channels, *shape), np.float32)
    render(spline, problem.y, problem.x, before)
    render(spline, y, x, after)
    data = problem.data + np.moveaxis(after.astype(float) - before, 0, 2)
    assert_agrees(replace(problem, data=data, y=y, x=x), spline)


def test_agrees_without_seeing_what_has_no_weight(rng):
    problem, spline = make_case(rng, (5, 6), centres=3)
    weight = problem.weight.copy()
    weight[2] = 0
    weight[:, 4, 1] = 0
    for garbage in (np.nan, np.inf):
        data = np.where(weight == 0, garbage, problem.data)
        assert_agrees(replace(problem, data=data, weight=weight), spline)


def test_a_residual_of_zero_has_no_side(rng):
    problem, spline = make_case(rng, (3, 4), centres=2)
    flat = replace(
        spline,
        weights=np.zeros_like(spline.weights),
        polynomial=np.array([[0, 0, 0], [0, 0, 0], [0.25, 0.5, 0.75]]),
    )
    data = np.broadcast_to([0.25, 0.5, 0.75], problem.data.shape)
    loss, gradient = opened(replace(problem, data=data)).loss_and_gradient(flat.flatten())
    assert loss == pytest.approx(math.log(0.001), rel=FLOAT32_LOSS)
    assert not gradient.any()


@pytest.mark.parametrize("strange", [np.nan, np.inf, 1e60])
def test_a_loss_that_is_no_number_is_told(rng, strange):
    problem, spline = make_case(rng, (3, 3))
    parameters = spline.flatten()
    parameters[0] = strange
    assert not np.isfinite(opened(problem).loss_and_gradient(parameters)[0])


def test_adjoint_of_evaluation(rng):
    """<A theta, g> = <theta, A' g>, with A from `evaluate` and A' from the gradient."""
    problem, spline = make_case(rng, (4, 6), centres=3, background="mixed")
    problem = replace(problem, weight=np.where(problem.weight == 0, 0.5, problem.weight))

    def values(spline):
        planes = evaluated(spline, problem.y, problem.x).astype(np.float64)
        return planes.reshape(len(planes), -1).T

    data, weight = (a.reshape(-1, problem.channels) for a in (problem.data, problem.weight))
    _, g = loss_and_slope(data, weight, values(spline), problem.alpha)
    _, gradient = opened(problem).loss_and_gradient(spline.flatten())
    back = Spline.unflatten(gradient, problem.channels, problem.order)
    theta = replace(
        spline,
        weights=rng.normal(size=spline.weights.shape),
        polynomial=rng.normal(size=spline.polynomial.shape),
    )
    forward = (values(theta) * g).sum()
    backward = (theta.weights * back.weights).sum() + (theta.polynomial * back.polynomial).sum()
    scale = np.linalg.norm(values(theta)) * np.linalg.norm(g)
    assert abs(forward - backward) < FLOAT32_GRADIENT * scale


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_rendering_agrees(rng, order, channels):
    shape = (TILE_ROWS + 1, 2 * TILE_COLUMNS + 1)
    _, spline = make_case(rng, shape, centres=9, channels=channels, order=order)
    # Uneven positions in the middle of the frame; some centres are near a tile, others far.
    y, x = (np.sort(rng.uniform(0.4, 0.5, size)) for size in shape)
    expected = np.empty((channels, *shape), np.float32)
    render(spline, y, x, expected)
    found = evaluated(spline, y, x)
    assert relative_max(found, expected) < FLOAT32_VALUES
    # In bands of whole tiles that fit into a budget, the last one smaller.
    axes = ((shape[0], TILE_ROWS), (shape[1], TILE_COLUMNS))
    arrays = account.of_rendering(channels, spline.flatten().size, axes, TILE_ROWS)
    assert np.array_equal(evaluated(spline, y, x, account.size_of(arrays)), found)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_what_is_far_is_interpolated_as_if_it_were_evaluated(rng, order):
    """Every centre is as near as it may be for that, in all directions."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    y, x = 0.5 + 0.01 * np.linspace(-1, 1, TILE_ROWS), 0.5 + 0.01 * np.linspace(-1, 1, TILE_COLUMNS)
    centres = 0.5 + 0.01 * 1.001 * tiles.FAR * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    spline = Spline(centres, rng.normal(size=(12, 1)), np.zeros((3, 1)), order)
    expected = np.empty((1, y.size, x.size), np.float32)
    render(spline, y, x, expected)
    assert relative_max(evaluated(spline, y, x), expected) < FLOAT32_VALUES


def test_all_of_it_may_be_evaluated_directly(rng):
    _, spline = make_case(rng, (5, 7), centres=9, channels=1)
    y, x = rng.random(5), rng.random(7)
    expected = np.empty((1, 5, 7), np.float32)
    render(spline, y, x, expected)
    found = np.empty_like(expected)
    planned(spline, y, x, far_from=math.inf).rows(slice(0, 5), found)
    assert relative_max(found, expected) < FLOAT32_VALUES


def test_positions_in_any_order(rng):
    _, spline = make_case(rng, (5, 3), centres=2, channels=1)
    y, x = rng.random(3 * TILE_ROWS), rng.random(3)
    expected = np.empty((1, y.size, 3), np.float32)
    render(spline, y, x, expected)
    assert relative_max(evaluated(spline, y, x), expected) < FLOAT32_VALUES


# The descent.


def same(found, expected):
    assert found.reason == expected.reason
    assert found.losses.tobytes() == expected.losses.tobytes()
    assert found.loss == expected.loss
    # The plain loop squares with another rounding, which the losses do not see.
    assert found.parameters == pytest.approx(expected.parameters, rel=1e-13, abs=1e-15)


@pytest.fixture
def starts(rng):
    """A problem that lies partly below zero, and where two descents begin."""
    problem, spline = make_case(rng, (3, 11), channels=1, background="mixed", centres=2)
    start = spline.flatten()
    return problem, [start, start + 0.02]


def test_descents_are_those_of_the_plain_loop(starts, monkeypatch):
    problem, points = starts
    monkeypatch.setattr(descents, "BURST", 2)
    seen = []
    objective = opened(problem)
    options = {"iterations": 5, "learning_rate": 0.01}
    found = objective.descend(points, **options, watch=lambda *now: seen.append(now))
    expected = [descend(objective.loss_and_gradient, point, **options) for point in points]
    for each, plain in zip(found, expected, strict=True):
        same(each, plain)
    lowest = np.min([plain.losses for plain in expected], axis=0)
    assert seen == list(zip(range(2, 11, 2), lowest, strict=True))


@pytest.mark.parametrize(
    "arrange", [pixels.one_by_one, pytest.param(pixels.in_tiles, marks=pytest.mark.slow)]
)
def test_streamed_pixels_and_starts_one_by_one_change_nothing(starts, monkeypatch, arrange):
    monkeypatch.setattr(evaluation, "arrange", arrange)
    problem, points = starts
    options = {"iterations": 2, "learning_rate": 0.01, "watch": lambda *now: None}
    whole = opened(problem)
    expected, n = whole.descend(points, **options), points[0].size
    every, some = (
        account.size_of(account.of_pixels(whole.cut, 1, chunks)) for chunks in (whole.cut.chunks, 1)
    )
    one = account.size_of(account.of_descent(whole.cut, n, 1, 2))
    # Room for a descent beside all pixels; and for one beside a chunk of them.
    for budget in (every + one, some + one):
        objective = opened(problem, budget)
        for each, plain in zip(objective.descend(points, **options), expected, strict=True):
            same(each, plain)
    with objective.in_use():
        assert objective.holds_all(objective.hold({})[0])
    streamed = opened(problem, account.size_of(account.of_gradient(whole.cut, n)) + every - 1)
    loss, gradient = streamed.loss_and_gradient(points[0])
    expected_loss, expected_gradient = whole.loss_and_gradient(points[0])
    assert loss == expected_loss
    assert np.array_equal(gradient, expected_gradient)
    with pytest.raises(BackendError, match="are allowed: raise --gpu-memory"):
        opened(problem, account.size_of(account.of_gradient(whole.cut, n))).loss_and_gradient(
            points[0]
        )


def test_what_is_allocated_is_what_was_announced(starts, monkeypatch):
    problem, points = starts
    taken = []

    def counting(function):
        def count(*arguments, **options):
            array = function(*arguments, **options)
            taken.append(array.nbytes)
            return array

        return count

    for name in ("device_array", "to_device"):
        monkeypatch.setattr(device.cuda, name, counting(getattr(device.cuda, name)))
    objective, n = opened(problem), points[0].size
    every = account.size_of(account.of_pixels(objective.cut, 1, objective.cut.chunks))
    objective.descend(points, iterations=2, learning_rate=0.01, watch=lambda *now: None)
    assert sum(taken) == every + account.size_of(account.of_descent(objective.cut, n, 2, 2))
    taken.clear()
    objective.loss_and_gradient(points[0])
    assert sum(taken) == account.size_of(account.of_gradient(objective.cut, n))
    taken.clear()
    spline = Spline.unflatten(points[0], 1, 2)
    rendering = planned(spline, problem.y, problem.x)
    axes = ((3, TILE_ROWS), (11, TILE_COLUMNS))
    assert sum(taken) == account.size_of(account.of_rendering(1, n, axes, 3))
    taken.clear()
    for _ in range(3):
        rendering.rows(slice(0, 3), np.empty((1, 3, 11), np.float32))
    assert not taken


def walk(losses, gradient, rate=1e-3):
    """The kernel of Adam alone, for losses that are given."""
    n, iterations = 2, len(losses)
    begin = descents.Descents.beginning(np.ones((1, n)), iterations, rate)
    work = {name: device.cuda.to_device(values) for name, values in begin.items()}
    work["losses"] = device.cuda.to_device(np.full((iterations, 1), np.nan))
    partials = np.zeros((1, 2, n + layout.EXTRAS, 1), np.float32)
    partials[0, 0, :n, 0] = gradient
    for t, loss in enumerate(losses):
        partials[0, 0, n + layout.LOG] = loss
        sums = device.cuda.to_device(partials)
        step = adam.kernels(SMALL.threads)[1]
        # Bursts of 10.
        work["first"] = device.cuda.to_device(np.array([t - t % 10], np.int32))
        arrays = adam.Descending(*(work[name] for name in adam.Descending._fields))
        step[(1, 1), SMALL.threads](sums, 1, 1, np.float32(0), t % 10, arrays)
    state = work["state"].copy_to_host()[iterations % 2, 0]
    best = work["vectors"].copy_to_host()[0, layout.BEST]
    count = int(state[layout.DONE])
    return (
        best,
        work["losses"].copy_to_host()[:count, 0],
        descents.ENDINGS[int(state[layout.ENDED])],
    )


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        (np.r_[2.0, 1.0, np.full(101, 1.0)], "converged"),
        (1 - 6e-5 * (np.arange(115) // 60), "iterations"),
        ([5.0, 3.0, 4.0, np.nan, 0.0], "diverged"),
        ([5.0, np.inf, 0.0], "diverged"),
        ([np.nan, 1.0], "diverged"),
    ],
)
def test_patience_and_ends_are_those_of_the_plain_loop(losses, reason):
    losses = np.asarray(losses, np.float32).astype(np.float64)
    slope = np.array([1.0, -0.25])
    given = iter(losses)
    expected = descend(
        lambda parameters: (float(next(given)), slope),
        np.ones(2),
        iterations=len(losses),
        learning_rate=1e-3,
    )
    best, seen, ended = walk(losses, slope)
    assert ended == expected.reason == reason
    assert np.array_equal(seen, expected.losses, equal_nan=True)
    assert best == pytest.approx(expected.parameters, rel=1e-13)


def test_a_step_to_what_is_no_number_is_seen():
    best, losses, ended = walk([3.0, 2.0, 1.0], [np.nan, 1.0])
    assert ended == "diverged"
    assert losses[0] == 3
    assert np.isnan(losses[1])
    assert len(losses) == 2
    assert best.tolist() == [1, 1]


@pytest.mark.parametrize(
    "centres",
    [
        SMALL.threads - 1,
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in (SMALL.threads + 1, 2 * SMALL.threads + 3)
        ),
    ],
)
def test_agrees_in_tiles_with_more_centres_than_a_block_holds(rng, in_tiles, centres):
    shape = (TILE_ROWS + 3, 2 * TILE_COLUMNS + 1)
    problem, spline = make_case(rng, shape, centres=centres, channels=1, background="mixed")
    assert opened(problem).cut.axes
    assert_agrees(problem, spline)


def test_tiles_without_a_kept_pixel_are_left_out(rng, in_tiles):
    problem, spline = make_case(rng, (5, 3 * TILE_COLUMNS), centres=3, channels=1)
    weight = problem.weight.copy()
    weight[:, TILE_COLUMNS : 2 * TILE_COLUMNS] = 0
    assert_agrees(replace(problem, weight=weight), spline)


def test_watch_may_end_the_descent(starts):
    problem, points = starts

    class Stop(Exception):
        pass

    def stop(done, loss):
        raise Stop

    with pytest.raises(Stop):
        opened(problem).descend(points[:1], iterations=2, learning_rate=0.01, watch=stop)


# The budget.


@pytest.fixture
def alive(monkeypatch):
    """Device arrays that are alive: ``bytes`` now, ``peak`` at most so far."""

    class Alive:
        bytes = peak = 0

        def add(self, change):
            self.bytes += change
            self.peak = max(self.peak, self.bytes)

    count, works = Alive(), memory.cuda.device_array

    def device_array(*arguments, **options):
        array = works(*arguments, **options)
        count.add(array.nbytes)
        weakref.finalize(array, count.add, -array.nbytes)
        return array

    monkeypatch.setattr(memory.cuda, "device_array", device_array)
    return count


def gradient_size(problem, n, chunks=None):
    """Bytes for the loss and its gradient, with all chunks or some."""
    cut = layout.Cut.of(int(np.count_nonzero(problem.kept)), SMALL.threads)
    pixels = account.of_pixels(cut, problem.channels, chunks or cut.chunks)
    return account.size_of(pixels) + account.size_of(account.of_gradient(cut, n))


def search_size(problem, centres, iterations, chunks=None):
    """Bytes for L-BFGS with control points that stand still, whose patience is longest."""
    cut = layout.Cut.of(int(np.count_nonzero(problem.kept)), SMALL.threads)
    pixels = account.of_pixels(cut, problem.channels, chunks or cut.chunks)
    arrays = account.of_search(cut, problem.channels, centres, lbfgs.STANDING[0], iterations)
    return account.size_of(pixels) + account.size_of(arrays)


def rendering_size(problem, n, rows):
    axes = ((problem.y.size, TILE_ROWS), (problem.x.size, TILE_COLUMNS))
    return account.size_of(account.of_rendering(problem.channels, n, axes, rows))


def test_whatever_is_open_together_takes_no_more_than_the_budget(rng, small, alive):
    problem, spline = make_case(rng, (2 * TILE_ROWS, 5), channels=1, centres=2)
    at, shape = spline.flatten(), problem.data.shape[:2]
    budget = max(gradient_size(problem, at.size), rendering_size(problem, at.size, TILE_ROWS))
    expected = opened(problem).loss_and_gradient(at)
    image = evaluated(spline, problem.y, problem.x)
    assert alive.bytes == 0
    alive.peak = 0
    backend = cuda.CudaBackend(budget)
    problems = [backend.open_problem(problem, 1) for _ in range(3)]
    plans = [backend.plan(spline, problem.y, problem.x) for _ in range(2)]
    for turn in rng.permutation(np.repeat(np.arange(5), 3)):
        if turn < 3:
            loss, gradient = problems[turn].loss_and_gradient(at)
            assert loss == expected[0]
            assert np.array_equal(gradient, expected[1])
        else:
            out = np.full((1, *shape), np.nan, np.float32)
            plans[turn - 3].rows(slice(0, shape[0]), out)
            assert np.array_equal(out, image)
        assert 0 < alive.bytes <= budget
    assert alive.peak == budget
    held = alive.bytes
    for each in problems + plans:
        for _ in range(2):
            each.close()
        assert alive.bytes <= held
        held = alive.bytes
    assert alive.bytes == 0


def test_what_is_closed_cannot_be_used(rng, small, alive):
    problem, spline = make_case(rng, (2, 3), channels=1, centres=2)
    backend = cuda.CudaBackend(PLENTY)
    objective, plan = backend.open_problem(problem, 1), backend.plan(spline, problem.y, problem.x)
    objective.loss_and_gradient(spline.flatten())
    objective.close()
    assert alive.bytes == rendering_size(problem, spline.flatten().size, 2)
    plan.close()
    assert alive.bytes == 0
    with pytest.raises(ValueError, match="closed"):
        objective.loss_and_gradient(spline.flatten())
    with pytest.raises(ValueError, match="closed"):
        plan.rows(slice(0, 1), np.empty((1, 1, 3), np.float32))


def test_what_nobody_refers_to_gives_its_memory_back(rng, small, alive):
    problem, spline = make_case(rng, (2, 3), channels=1, centres=2)
    backend = cuda.CudaBackend(PLENTY)
    backend.open_problem(problem, 1).loss_and_gradient(spline.flatten())
    assert alive.bytes == 0
    assert backend._device_memory().taken == 0


@pytest.mark.slow
def test_quasi_newton_fits_hold_the_budget(rng, small, alive, monkeypatch):
    """Levels are open one after the other, or together: all of them share one budget."""
    monkeypatch.setattr(lbfgs, "FEW_PIXELS", 1)
    problem, _ = make_case(rng, (16, 18), channels=1)
    assert len(lbfgs.coarse_to_fine(problem)) == 3
    settings = replace(TINY, optimizer="lbfgs", epochs=2)
    expected = fit_spline(problem, settings, cuda.CudaBackend(PLENTY))
    centres = len(expected.spline.centres)
    # Room for a part of the pixels of the last level only.
    least = search_size(problem, centres, 2, chunks=1)
    for budget in (least, search_size(problem, centres, 2)):
        alive.peak = 0
        found = fit_spline(problem, settings, cuda.CudaBackend(budget))
        assert found.descent.losses.tobytes() == expected.descent.losses.tobytes()
        assert least <= alive.peak <= budget
        assert alive.bytes == 0
    with pytest.raises(BackendError, match=r"are allowed: raise --gpu-memory"):
        fit_spline(problem, settings, cuda.CudaBackend(least - 1))


def test_threads_take_turns_with_one_plan(rng, small, alive):
    problem, spline = make_case(rng, (3 * TILE_ROWS, 3), channels=1, centres=2)
    expected = evaluated(spline, problem.y, problem.x)
    plan = cuda.CudaBackend(PLENTY).plan(spline, problem.y, problem.x)
    out = np.full_like(expected, np.nan)
    bands = [slice(top, top + 4) for top in range(0, 3 * TILE_ROWS, 4)]

    def render(rows):
        band = np.empty((1, 4, 3), np.float32)
        plan.rows(rows, band)
        out[:, rows] = band

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(render, bands))
    # Bands of half a tile and more, and yet the same bits.
    assert np.array_equal(out, expected)
    assert alive.bytes == rendering_size(problem, spline.flatten().size, 3 * TILE_ROWS)


# The backend, and what happens where it fails.


def tiny_image(rng):
    return rng.uniform(0.2, 0.4, (8, 10)).astype(np.float32)


def test_a_job_equals_that_of_the_golden_reference(rng, small):
    image = tiny_image(rng)
    found = remove_background(image, settings=TINY, backend="cuda", starts=2)
    expected = remove_background(image, settings=TINY, backend="numpy", starts=2)
    assert found.report["fit"]["backend"] == "cuda"
    assert found.report["fit"]["losses_of_starts"] == pytest.approx(
        expected.report["fit"]["losses_of_starts"], rel=1e-5
    )
    assert found.background == pytest.approx(expected.background, rel=1e-4)


class NoMemory(Exception):
    def __str__(self):
        return "[2] Call to cuMemAlloc results in\nCUDA_ERROR_OUT_OF_MEMORY"


class Gone(Exception):
    def __str__(self):
        return "Call to cuLaunchKernel results in CUDA_ERROR_LAUNCH_FAILED"


FAULTS = [
    ("memory.allocate", NoMemory, "less memory free than was counted on"),
    ("memory.allocate", Gone, "CUDA_ERROR_LAUNCH_FAILED"),
    ("device.free_memory", BackendError, "the GPU is gone"),
]


def failing(monkeypatch, name, kind):
    """Let a function of the kernels fail."""

    def fail(*arguments, **options):
        raise kind("the GPU is gone")

    monkeypatch.setattr(f"fastbg.cuda_kernels.{name}", fail)


@pytest.mark.parametrize(("name", "kind", "said"), FAULTS)
def test_a_failure_is_one_line(rng, small, monkeypatch, name, kind, said):
    failing(monkeypatch, name, kind)
    with pytest.raises(BackendError, match=said) as e:
        remove_background(tiny_image(rng), settings=TINY, backend="cuda")
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("name", "kind", "said"), FAULTS)
def test_with_auto_the_job_goes_on_without_the_gpu(rng, without_c, monkeypatch, name, kind, said):
    image = tiny_image(rng)
    expected = remove_background(image, settings=TINY, backend="numpy")
    failing(monkeypatch, name, kind)
    found = remove_background(image, settings=TINY)
    assert found.corrected.tobytes() == expected.corrected.tobytes()
    assert found.report["fit"]["backend"] == "numpy"
    (warning,) = (line for line in found.report["warnings"] if "GPU" in line)
    assert said in warning
    assert warning.endswith("the backend numpy went on")
    assert "\n" not in warning


def test_a_gpu_that_vanishes_while_it_descends_loses_nothing(rng, without_c, monkeypatch):
    problem, _ = make_case(rng, (4, 5), channels=1)
    settings = replace(TINY, epochs=6)
    lost, seen = [], []
    monkeypatch.setattr(descents, "BURST", 2)
    works = opening.CudaObjective.func._pass

    def vanishing(self, *arguments):
        if len(seen) == 2:
            raise Gone
        works(self, *arguments)

    monkeypatch.setattr(opening.CudaObjective.func, "_pass", vanishing)
    backend = choose("auto", PLENTY, lost)
    found = fit_spline(problem, settings, backend, lambda *now: seen.append(now))
    expected = fit_spline(problem, settings, reference.NumpyBackend())
    assert found.losses == expected.losses
    assert [done for done, _ in seen] == [1, 2, 1, 2, 3, 4, 5, 6]
    (line,) = (line for line in lost if "GPU" in line)
    assert "CUDA_ERROR_LAUNCH_FAILED" in line


def test_auto_on_a_gpu_keeps_descents_there(rng, without_c):
    problem, _ = make_case(rng, (3, 4), channels=1)
    backend = choose("auto", PLENTY)
    assert backend.name == "cuda"
    assert backend.detail().startswith("simulated")
    found = fit_spline(problem, replace(TINY, epochs=2), backend)
    assert found.losses == pytest.approx(
        fit_spline(problem, replace(TINY, epochs=2), reference.NumpyBackend()).losses, rel=1e-5
    )


# Simulators before numba-cuda 0.30 say so.
bogus = pytest.mark.filterwarnings("ignore:Simulator timings are bogus")


@bogus
@pytest.mark.parametrize("off", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_first_light_holds_each_figure_against_its_limit(
    small, monkeypatch, capsys, alive, tmp_path, off
):
    @contextmanager
    def requested():
        before = alive.bytes + off

        class Asked:
            def __iter__(self):
                return iter([alive.bytes - before])

        yield Asked()

    monkeypatch.setattr(descents, "BURST", 2)
    tiny = first_light.Sizes((4, 6), (4, 6), (4, 6), iterations=2, rounds=1)
    for name, value in (
        *(("requested", requested), ("SMOKE", tiny), ("POINTS", 4)),
        ("ADAM_SECONDS", math.inf),  # the simulator takes its time
    ):
        monkeypatch.setattr(first_light, name, value)
    file = tmp_path / "figures.json"
    assert first_light.main(["--smoke", "--json", str(file), "adam", "lbfgs"]) == off
    found = {figure["name"]: figure["holds"] for figure in json.loads(file.read_text())}
    assert found["  the loss where they end, against C"] is True
    assert found["  the loss where it ends, against C"] is True
    assert found["  as the account says"] is not bool(off)
    assert ("| NO |" in capsys.readouterr().out) is bool(off)


@bogus
def test_the_benchmark_checks_before_it_times(small, monkeypatch, capsys):
    assert gpu.main(["--smoke"]) == 0
    assert "\nright: " in capsys.readouterr().out
    monkeypatch.setattr(gpu, "errors_of", lambda *case: (0, 1e-3, 0))
    assert gpu.main(["--smoke"]) == 1

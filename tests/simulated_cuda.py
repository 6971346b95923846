"""The CUDA kernels in numba's simulator, against the golden reference; see tests/test_cuda.py.

Whether numba simulates is settled when it is imported: run this as a process of its own, with
NUMBA_ENABLE_CUDASIM=1. Blocks are tiny there, since every thread is one of Python.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from golden import make_case, parts
from tolerances import FLOAT32_GRADIENT, FLOAT32_LOSS, FLOAT32_VALUES, relative_l2, relative_max

import gpu
from fastbg import remove_background
from fastbg.backends import base, cuda
from fastbg.backends import numpy as reference
from fastbg.errors import BackendError
from fastbg.fit import fit_spline
from fastbg.settings.settings import Settings
from fastbg.spline.adam import descend
from fastbg.spline.loss import loss_and_slope
from fastbg.spline.spline import Spline

if not cuda.simulated():
    pytest.skip("NUMBA_ENABLE_CUDASIM is not set", allow_module_level=True)

from fastbg.cuda_kernels import account, adam, device, layout, pixels, render, tiles

SMALL = layout.Launch(threads=8, fewest=1)
TILE = SMALL.threads * layout.PIXELS_A_THREAD
TILE_ROWS, TILE_COLUMNS = render.tile_shape(SMALL.threads)
PLENTY = 1 << 30


@pytest.fixture(scope="module", autouse=True)
def simulator():
    """Mend the simulator: it waits by asking all the time, and makes shared arrays twice.

    The latter when one thread interrupts another at the wrong moment.
    """

    def array(self, shape, dtype):
        frame = sys._getframe(1)
        made = np.empty(shape, str(dtype))
        return self._allocations.setdefault((frame.f_code, frame.f_lineno), made)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("numba.cuda.simulator.kernelapi.FakeCUDAShared.array", array)
        yield
    sys.setswitchinterval(before)


@pytest.fixture
def small(monkeypatch):
    """The backend with small launches."""
    monkeypatch.setattr(device, "Objective", partial(device.Objective, launch=SMALL))
    monkeypatch.setattr(device, "evaluate", partial(device.evaluate, launch=SMALL))


@pytest.fixture
def without_c(monkeypatch, small):
    """A computer whose first backend is a GPU."""
    monkeypatch.setattr(base.load("c"), "unavailable", lambda: "it was not built")


def opened(problem, budget=PLENTY):
    return device.Objective(problem, budget, SMALL)


def evaluated(spline, y, x, budget=PLENTY):
    # What is not written shows: nothing of a background is near 1e30.
    out = np.full((spline.weights.shape[1], y.size, x.size), 1e30, np.float32)
    device.evaluate(spline, y, x, out, budget, SMALL)
    return out


def assert_agrees(problem, spline):
    """Loss and every part of the gradient, against the golden reference."""
    at = spline.flatten()
    expected_loss, expected = reference.open_problem(problem, 1).loss_and_gradient(at)
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
    monkeypatch.setattr(device, "arrange", pixels.in_tiles)


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
@pytest.mark.parametrize("channels", [1, 3])
def test_agrees_in_tiles(rng, in_tiles, order, channels):
    background = "mixed" if order == 2 else "positive"
    shape = (TILE_ROWS + 3, 2 * TILE_COLUMNS + 1)
    problem, spline = make_case(
        rng, shape, centres=5, order=order, channels=channels, background=background
    )
    # The same residuals in a part of the frame that most centres are far from.
    y, x = (0.45 + 0.1 * axis for axis in (problem.y, problem.x))
    before, after = np.empty((2, channels, *shape), np.float32)
    reference.evaluate(spline, problem.y, problem.x, before, 1)
    reference.evaluate(spline, y, x, after, 1)
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
    reference.evaluate(spline, y, x, expected, 1)
    found = evaluated(spline, y, x)
    assert relative_max(found, expected) < FLOAT32_VALUES
    # In bands of whole tiles that fit into a budget, the last one smaller.
    tile = (TILE_ROWS, TILE_COLUMNS)
    arrays = account.of_band(channels, spline.flatten().size, TILE_ROWS, shape[1], tile)
    assert np.array_equal(evaluated(spline, y, x, account.size_of(arrays)), found)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_what_is_far_is_interpolated_as_if_it_were_evaluated(rng, order):
    """Every centre is as near as it may be for that, in all directions."""
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    y, x = 0.5 + 0.01 * np.linspace(-1, 1, TILE_ROWS), 0.5 + 0.01 * np.linspace(-1, 1, TILE_COLUMNS)
    centres = 0.5 + 0.01 * 1.001 * tiles.FAR * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    spline = Spline(centres, rng.normal(size=(12, 1)), np.zeros((3, 1)), order)
    expected = np.empty((1, y.size, x.size), np.float32)
    reference.evaluate(spline, y, x, expected, 1)
    assert relative_max(evaluated(spline, y, x), expected) < FLOAT32_VALUES


def test_all_of_it_may_be_evaluated_directly(rng):
    _, spline = make_case(rng, (5, 7), centres=9, channels=1)
    y, x = rng.random(5), rng.random(7)
    expected = np.empty((1, 5, 7), np.float32)
    reference.evaluate(spline, y, x, expected, 1)
    rendering = device.Rendering(spline, x, 5, PLENTY, SMALL, math.inf)
    rendering.send_rows(y)
    rendering.enqueue(5)
    assert relative_max(rendering.out.copy_to_host(), expected) < FLOAT32_VALUES


def test_positions_in_any_order(rng):
    _, spline = make_case(rng, (5, 3), centres=2, channels=1)
    y, x = rng.random(3 * TILE_ROWS), rng.random(3)
    expected = np.empty((1, y.size, 3), np.float32)
    reference.evaluate(spline, y, x, expected, 1)
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
    monkeypatch.setattr(device, "BURST", 2)
    seen = []
    objective = opened(problem)
    options = {"iterations": 5, "learning_rate": 0.01}
    found = objective.descend(points, **options, watch=lambda *now: seen.append(now))
    expected = [descend(objective.loss_and_gradient, point, **options) for point in points]
    for each, plain in zip(found, expected, strict=True):
        same(each, plain)
    lowest = np.min([plain.losses for plain in expected], axis=0)
    assert seen == list(zip(range(2, 11, 2), lowest, strict=True))


@pytest.mark.parametrize("arrange", [pixels.one_by_one, pixels.in_tiles])
def test_streamed_pixels_and_starts_one_by_one_change_nothing(starts, monkeypatch, arrange):
    monkeypatch.setattr(device, "arrange", arrange)
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
    assert objective.holds_all(objective.pixels_beside({}))
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
    evaluated(spline, problem.y, problem.x)
    assert sum(taken) == account.size_of(account.of_band(1, n, 3, 11, (TILE_ROWS, TILE_COLUMNS)))


def walk(losses, gradient, rate=1e-3):
    """The kernel of Adam alone, for losses that are given."""
    n, iterations = 2, len(losses)
    begin = device.Walk.begin(np.ones((1, n)), iterations, rate)
    work = {name: device.cuda.to_device(values) for name, values in begin.items()}
    work["losses"] = device.cuda.to_device(np.full((iterations, 1), np.nan))
    partials = np.zeros((1, 2, n + layout.EXTRAS, 1), np.float32)
    partials[0, 0, :n, 0] = gradient
    names = ("steps", "vectors", "parameters", "state", "ended", "broken", "losses")
    for t, loss in enumerate(losses):
        partials[0, 0, n + layout.LOG] = loss
        sums = device.cuda.to_device(partials)
        step = adam.kernels(SMALL.threads)[1]
        # Bursts of 10.
        first = device.cuda.to_device(np.array([t - t % 10], np.int32))
        arrays = [work[name] for name in names]
        step[(1, 1), SMALL.threads](sums, 1, 1, np.float32(0), first, t % 10, *arrays)
    state = work["state"].copy_to_host()[iterations % 2, 0]
    best = work["vectors"].copy_to_host()[0, layout.BEST]
    count = int(state[layout.DONE])
    return (
        best,
        work["losses"].copy_to_host()[:count, 0],
        device.ENDINGS[int(state[layout.ENDED])],
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


def test_more_centres_than_a_block_holds_are_not_taken_in_tiles(rng, in_tiles):
    problem, spline = make_case(rng, (4, 5), centres=SMALL.threads + 1, channels=1)
    objective = opened(problem)
    assert objective.cut.axes
    objective.loss_and_gradient(spline.flatten())
    assert not objective.cut.axes
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


# The backend, and what happens where it fails.

TINY = Settings(
    optimizer="adam",
    control_points=2,
    downscaling_factor=2,
    epochs=3,
    threads=1,
    protect="off",
    threshold_min=0,
)


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
    ("allocate", NoMemory, "less memory free than was counted on"),
    ("allocate", Gone, "CUDA_ERROR_LAUNCH_FAILED"),
    ("free_memory", BackendError, "the GPU is gone"),
]


def failing(monkeypatch, name, kind, after=0):
    """Let a function of the device fail when it was called so many times."""
    works = getattr(device, name)
    calls = []

    def fail(*arguments, **options):
        calls.append(1)
        if len(calls) > after:
            raise kind("the GPU is gone")
        return works(*arguments, **options)

    monkeypatch.setattr(device, name, fail)


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
    monkeypatch.setattr(device, "BURST", 2)
    works = device.Objective.func._pass

    def vanishing(self, *arguments):
        if len(seen) == 2:
            raise Gone
        works(self, *arguments)

    monkeypatch.setattr(device.Objective.func, "_pass", vanishing)
    backend = base.choose("auto", PLENTY, lost)[1]
    found = fit_spline(problem, settings, backend, lambda *now: seen.append(now))
    expected = fit_spline(problem, settings, reference)
    assert found.losses == expected.losses
    assert [done for done, _ in seen] == [1, 2, 1, 2, 3, 4, 5, 6]
    assert len(lost) == 1
    assert "CUDA_ERROR_LAUNCH_FAILED" in lost[0]


def test_auto_on_a_gpu_keeps_descents_there(rng, without_c):
    problem, _ = make_case(rng, (3, 4), channels=1)
    name, backend = base.choose("auto", PLENTY)
    assert name == "cuda"
    assert backend.detail().startswith("simulated")
    found = fit_spline(problem, replace(TINY, epochs=2), backend)
    assert found.losses == pytest.approx(
        fit_spline(problem, replace(TINY, epochs=2), reference).losses, rel=1e-5
    )


def test_the_benchmark_checks_before_it_times(small, monkeypatch, capsys):
    assert gpu.main(["--smoke"]) == 0
    assert "\nright: " in capsys.readouterr().out
    monkeypatch.setattr(gpu, "errors_of", lambda *case: (0, 1e-3, 0))
    assert gpu.main(["--smoke"]) == 1

"""The CUDA backend, as far as it can be tested without a GPU.

The scripts `simulated_*.py` run the kernels in numba's simulator, and here they are compiled for
devices that need not be there. `test_gpu.py` needs one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import golden
import numpy as np
import pytest
from cases import slow
from tolerances import relative_max

from fastbg.backends import cuda, cuda_driver
from fastbg.backends.fallback import WithFallback
from fastbg.backends.numpy import NumpyBackend, NumpyObjective
from fastbg.backends.registry import choose
from fastbg.errors import BackendError
from fastbg.image.kernels import NUMPY
from fastbg.spline.spline import phi, phi_prime

needs_numba = pytest.mark.skipif(
    find_spec("numba_cuda") is None, reason="numba-cuda is not installed"
)

MEGAPIXELS = {8: 375_000, 1: 61_000_000}
"""The pixels of 24 Mpx at a downscaling factor of 8, and of 61 Mpx at 1."""


# The mathematics, and the account of memory.


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_scalar_kernels_are_those_of_the_spline(rng, order):
    from fastbg.cuda_kernels import maths

    q = np.r_[0, 1e-12, 1e-10, rng.uniform(0, 2, 50)]
    for scalar, vector in ((maths.PHI, phi), (maths.PHI_PRIME, phi_prime)):
        found = [scalar[order](value) for value in q]
        # Constants are float32: log 2 / 2, and the smallest distance.
        assert relative_max(np.array(found), vector(q, order)) < 1e-7


@pytest.mark.parametrize("channels", [1, 3])
def test_scalar_loss_is_that_of_the_formulas(rng, channels):
    from fastbg.cuda_kernels import maths

    problem, spline = golden.make_case(rng, (1, 1), channels=channels, background="negative")
    loss, gradient = golden.loss_and_gradient(problem, spline)
    model = np.array(golden.spline_at(spline, problem.y[0], problem.x[0]))
    weight, alpha = problem.weight[0, 0], problem.alpha
    residual = weight * (problem.data[0, 0] - model)
    negative = -2 * np.minimum(model, 0).mean()
    argument = maths.argument_of(residual, residual.mean(), alpha, negative)
    assert np.log(argument) == pytest.approx(loss, rel=1e-7)
    own = np.array(
        [maths.own_slope(residual[k], residual.mean(), weight[k], alpha) for k in range(channels)]
    )
    slope = (own - 2 * alpha * (model < 0)) / (channels * argument)
    assert slope == pytest.approx(gradient.polynomial[2], rel=1e-7)


@needs_numba
def test_memory_of_large_images_by_the_account():
    from fastbg.cuda_kernels import account
    from fastbg.cuda_kernels.layout import Cut

    small, large = (Cut.of(pixels) for pixels in MEGAPIXELS.values())
    for centres in (36, 64, 256):
        n = 5 * centres + 9
        whole = account.size_of(account.of_pixels(small, 3, small.chunks))
        whole += account.size_of(account.of_descent(small, n, 1, 1000))
        assert whole < 64_000_000
        assert account.starts_together(small, 3, n, 1, 1000, 64_000_000) == 1
        # All of 61 Mpx, and a part of them where less is allowed.
        descent = account.of_descent(large, n, 1, 1000)
        assert account.chunks_beside(descent, large, 3, 2_000_000_000) == large.chunks
        part = account.chunks_beside(descent, large, 3, 1_000_000_000)
        assert 0 < part < large.chunks
        taken = account.size_of(account.of_pixels(large, 3, part)) + account.size_of(descent)
        assert taken <= 1_000_000_000


@needs_numba
def test_rows_of_a_rendering_by_the_account():
    from fastbg.cuda_kernels import account

    axes = ((8165, 32), (12248, 64))

    def size(rows):
        return account.size_of(account.of_rendering(3, 189, axes, rows))

    least = size(32)
    for budget in (least, 10_000_000, 30_000_000):
        rows = account.rows_at_once(3, 189, axes, budget)
        assert rows % 32 == 0 < rows
        assert size(rows) <= budget < size(rows + 32)
    # More than some megabytes are not taken, however large the budget is; few rows are.
    rows = account.rows_at_once(3, 189, axes, 1 << 40)
    assert rows % 32 == 0 < rows
    assert size(rows) <= account.BAND_BYTES + size(0)
    assert account.rows_at_once(3, 189, ((10, 32), (12248, 64)), 1 << 40) == 10
    with pytest.raises(BackendError, match=r"rendering needs .* raise --gpu-memory"):
        account.rows_at_once(3, 189, axes, least - 1)


@needs_numba
def test_large_problems_that_are_mostly_kept_lie_in_tiles(rng, monkeypatch):
    from fastbg.cuda_kernels import pixels

    problem, _ = golden.make_case(rng, (200, 300), channels=1)
    assert not pixels.arrange(problem).cut.axes
    monkeypatch.setattr(pixels, "MOST_CHUNKS", 8)
    found = pixels.arrange(problem)
    assert found.cut.pixels == found.values.shape[1] == 7 * 5 * 32 * 64
    assert found.kept == problem.kept.sum()
    # Every place has its pixel.
    down, right, row, column = 3, 2, 5, 60
    place = ((down * 5 + right) * 32 + row) * 64 + column
    weight = problem.weight[32 * down + row, 64 * right + column, 0]
    assert found.values[1, place] == np.float32(weight)
    few = np.where(rng.random(problem.weight.shape) < 0.1, problem.weight, 0)
    assert not pixels.arrange(replace(problem, weight=few)).cut.axes


@pytest.mark.parametrize("pixels", [1, 511, 512, 513, 512 * 1024, 512 * 1024 + 1, 10**8])
def test_chunks_are_whole_tiles_and_hold_every_pixel(pixels):
    from fastbg.cuda_kernels import layout

    cut = layout.Cut.of(pixels)
    assert cut.chunk % (layout.USUAL.threads * layout.PIXELS_A_THREAD) == 0
    assert (cut.chunks - 1) * cut.chunk < pixels <= cut.chunks * cut.chunk
    assert cut.chunks <= layout.MOST_CHUNKS


# A part that is missing is told.


class Driver:
    """A driver library with these answers."""

    def __init__(self, version=12040, error=0, devices=1):
        self.version, self.error, self.devices = version, error, devices

    def cuDriverGetVersion(self, out):
        out._obj.value = self.version
        return 0

    def cuInit(self, flags):
        return self.error

    def cuDeviceGetCount(self, out):
        out._obj.value = self.devices
        return 0


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (None, "no NVIDIA driver is installed"),
        (Driver(version=11080), r"too old \(it knows CUDA 11.8, and 12.0 is needed\): update it"),
        (Driver(error=100), r"no usable GPU \(CUDA error 100\)"),
        (Driver(devices=0), "finds no GPU"),
    ],
)
def test_what_the_driver_lacks(driver, reason):
    assert re.search(reason, cuda_driver.driver_lacks(driver))


def test_a_driver_with_a_gpu_lacks_nothing_but_for_a_newer_cuda():
    assert cuda_driver.driver_lacks(Driver()) is None
    assert "and 13.0 is needed" in cuda_driver.driver_lacks(Driver(), 13)


def test_without_numba_cuda_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(cuda, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"numba-cuda is not installed \(pip install") as e:
        choose("cuda")
    assert "\n" not in str(e.value)


def test_asking_for_it_loads_no_numba():
    code = "import fastbg.backends.cuda as c, sys; c.unavailable(); print('numba' in sys.modules)"
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


class Failing:
    """A backend that is gone."""

    name, kernels = "cuda", NUMPY

    def plan(self, *arguments):
        raise BackendError("the GPU failed (it is gone): update its driver")

    open_problem = plan


def test_another_backend_goes_on_and_it_is_told_once(rng):
    problem, spline = golden.make_case(rng)
    told = []
    backend = WithFallback(Failing(), NumpyBackend(), told)
    assert backend.name == "cuda"
    expected, found = np.full((2, 3, 9, 11), 1e30, np.float32)
    for _ in range(2):
        with closing(backend.plan(spline, problem.y, problem.x)) as rendering:
            rendering.rows(slice(0, 9), found)
    golden.render(spline, problem.y, problem.x, expected)
    assert np.array_equal(found, expected)
    with closing(backend.open_problem(problem, 1)) as objective:
        loss, _ = objective.loss_and_gradient(spline.flatten())
    assert loss == NumpyObjective(problem).loss_and_gradient(spline.flatten())[0]
    assert told == ["the GPU failed (it is gone): update its driver; the backend numpy went on"]
    assert backend.name == "numpy"


def test_what_both_cannot_is_an_error(rng):
    problem, spline = golden.make_case(rng)
    backend = WithFallback(Failing(), Failing(), [])
    rendering = backend.plan(spline, problem.y, problem.x)
    for _ in range(2):
        with pytest.raises(BackendError, match="it is gone"):
            rendering.rows(slice(0, 9), np.empty((3, 9, 11), np.float32))


# The kernels, simulated and compiled.


NESTED = (sys.executable, "-P", "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider")
"""The tests again in a process of its own."""


@needs_numba
@pytest.mark.parametrize(
    ("which", "tests"), [("not slow", r"18[0-9]"), slow("slow", r"1[0-9]")], ids=["usual", "slow"]
)
def test_the_kernels_pass_in_the_simulator(which, tests):
    # In one process: that starts and imports numba takes longer than what one of the files tests.
    scripts = sorted(Path(__file__).parent.glob("simulated_*.py"))
    assert len(scripts) == 3
    done = subprocess.run(
        [*NESTED, "-m", which, *map(str, scripts)],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^{tests} passed", done.stdout, re.MULTILINE)


@needs_numba
@pytest.mark.skipif(sys.platform != "linux", reason="the driver that is none is made for Linux")
def test_the_host_does_its_part_with_a_driver_that_is_none(tmp_path):
    source = Path(__file__).with_name("fake_cuda_driver.c")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(source.with_name("driven_cuda.py"))],
        env={**os.environ, "LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    # Compiled in the same process, as this takes most of the time.
    compiled = json.loads(done.stdout)
    assert len(compiled) == 8
    assert {"pass 1 in tiles", "render_2_3_256_tiles", "turn_3_256"} < compiled.keys()
    assert_float32_in_registers(compiled)


ARCHITECTURES = ["6.1", "7.5", "8.6", "9.0"]

REGISTERS = 128
"""The most that a thread may use: then two blocks of 256 share a multiprocessor."""

SHARED = 48 * 1024
"""Bytes of a block that every device has."""


def assert_float32_in_registers(compiled):
    for name, architecture, found in [
        (name, *one) for name, each in compiled.items() for one in each.items()
    ]:
        if found["hot"]:
            assert found["f64"] == 0, name
            # The splines of odd orders are powers, and a rendering has no loss.
            assert (found["lg2"] > 0) != (re.match("render, order [13]", name) is not None), name
        if "registers" in found:
            assert found["stack"] == found["spill_stores"] == found["spill_loads"] == 0, name
            # On the oldest cards, the passes over tiles need more, and one block works alone.
            alone = architecture == "6.1" and "in tiles" in name
            assert 0 < found["registers"] <= REGISTERS * (1 + alone), name
            assert 0 < found["shared"] <= SHARED, name


@needs_numba
@pytest.mark.slow
def test_every_kernel_compiles_to_float32_in_registers():
    script = Path(__file__).with_name("compiled_cuda.py")
    done = subprocess.run([sys.executable, script, "--all"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    compiled = json.loads(done.stdout)
    # Toolkits for CUDA 13 no longer compile for 6.1, and come without ptxas.
    for name in ("pass 1 in tiles, order 2, K = 3", "render, order 2, K = 3"):
        assert set(compiled[name]) >= {*ARCHITECTURES} - {"6.1"}
    assert_float32_in_registers(compiled)


@needs_numba
def test_variants_of_a_kernel_are_kept_in_files_of_their_own():
    from fastbg.cuda_kernels import adam, direct, lbfgs, render, tiled

    made = [*adam.kernels(), *adam.kernels(128)]
    for channels in (1, 3):
        made += lbfgs.kernels(channels)
        for order in (1, 2):
            made += [*direct.passes(order, channels), *tiled.passes(order, channels)]
            made += [render.renderer(order, channels, far_from=far) for far in (4, np.inf)]
    names = [f"{kernel.py_func.__module__}.{kernel.py_func.__qualname__}" for kernel in made]
    assert len(set(names)) == len(made)


# First light.

FIRST_LIGHT = Path(__file__).parents[1] / "bench" / "first_light.sh"


def first_light(tmp_path, *steps, **variables):
    """Run the script where there is no environment, so that steps fail."""
    variables |= {"OUT": str(tmp_path / "out"), "ENVIRONMENT": str(tmp_path / "none")}
    return subprocess.run(
        ["bash", str(FIRST_LIGHT), *steps],
        env=os.environ | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="it is for machines with Linux")
def test_first_light_tells_each_step_that_fails_and_goes_on(tmp_path):
    done = first_light(tmp_path, "doctor", "adam", "bench")
    assert done.returncode == 1
    table = (tmp_path / "out" / "steps.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in table[1:]] == [
        ["doctor", "127"],
        ["adam", "127"],
        ["bench", "127"],
    ]
    for step in ("doctor", "adam", "bench"):
        assert re.search(rf"^{step} +127 +\d+$", done.stdout, re.MULTILINE), done.stdout
        assert "No such file" in (tmp_path / "out" / f"{step}.log").read_text()
    late = first_light(tmp_path, "adam", SECONDS_IN_ALL="5")
    assert late.returncode == 1
    assert "no time was left" in late.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="it is for machines with Linux")
def test_first_light_has_a_step_for_each_group_of_figures(tmp_path):
    import first_light as figures

    done = first_light(tmp_path, "nonsense")
    assert done.returncode == 2
    (steps,) = re.findall(r"there is no step nonsense, but: (.*)", done.stderr)
    assert set(figures.FIGURES) < set(steps.split())
    limits = re.findall(r"\[(\w+)\]=\d+", FIRST_LIGHT.read_text())
    assert sorted(limits) == sorted(steps.split())

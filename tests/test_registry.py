"""The choice of an evaluator: a slow fallback is told, and what was chosen does all of the work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from fastbg import _c, apply_model, compiled, fit_file, process_file, remove_background
from fastbg.backends import cuda, registry
from fastbg.io import xisf
from fastbg.settings.checked import BACKENDS
from fastbg.simulate import simulate_sky

SHAPE = (96, 128)
QUICK = {"control_points": 9, "initializer": "grid", "epochs": 5, "downscaling_factor": 4}

BROKEN_BUILD = """
import sys

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "fastbg._c":
            from importlib.util import spec_from_loader
            return spec_from_loader(name, self)

    def create_module(self, spec):
        raise ImportError("undefined symbol: fbg_plan_make")

    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Broken())
"""

A_JOB = """
import json, sys
import numpy as np
import fastbg
from fastbg.simulate import simulate_sky
image = simulate_sky((48, 64), np.random.default_rng(1)).image
options = {"control_points": 9, "epochs": 3, "backend": sys.argv[1]}
print(json.dumps(fastbg.remove_background(image, **options).report))
"""

REASONS = {
    "a broken build": (
        BROKEN_BUILD,
        {},
        ("cannot be loaded (undefined symbol: fbg_plan_make)", "; install fastbg again"),
    ),
    "a typing error": (
        "",
        {"FASTBG_ISA": "avx3"},
        ("FASTBG_ISA=avx3 is not one of", "; correct or unset it"),
    ),
}
"""Code that runs before the job, variables of its environment, and the cause and the cure."""

reasons = pytest.mark.parametrize(("before", "variables", "reason"), REASONS.values(), ids=REASONS)


def job(before: str, variables: dict[str, str], backend: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if name != compiled.ISA_VARIABLE}
    return subprocess.run(
        [sys.executable, "-P", "-c", before + A_JOB, backend],
        env={**others, **variables},
        capture_output=True,
        text=True,
    )


@reasons
def test_a_slow_fallback_is_warned_of_with_its_reason(
    before: str, variables: dict[str, str], reason: tuple[str, str]
) -> None:
    done = job(before, variables, "auto")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["fit"]["backend"] == "numpy"
    [line] = [line for line in report["warnings"] if "C evaluator" in line]
    assert "tens of times slower" in line
    cause, cure = reason
    assert cause in line
    assert line.endswith(cure)
    assert cause in report["fit"]["passed_over"]["c"]


@reasons
def test_an_evaluator_that_is_asked_for_is_no_fallback(
    before: str, variables: dict[str, str], reason: tuple[str, str]
) -> None:
    asked = json.loads(job(before, variables, "numpy").stdout)
    assert not any("C evaluator" in line for line in asked["warnings"])
    assert "passed_over" not in asked["fit"]
    refused = job(before, variables, "c")
    assert refused.returncode == 1
    last = refused.stderr.splitlines()[-1]
    assert "the backend c is not available" in last
    assert all(part in last for part in reason)


def test_every_evaluator_before_the_chosen_one_has_a_reason(monkeypatch) -> None:
    assert registry.passed_over("c").keys() == {"cuda"}
    monkeypatch.setattr(compiled, "_import_error", "it was not built")
    assert registry.passed_over("numpy").keys() == {*BACKENDS} - {"numpy"}
    assert registry.passed_over("numpy")["c"] == "it was not built"
    heard: list[str] = []
    assert registry.choose("auto", warnings=heard).name == "numpy"
    assert len(heard) == 1


def test_a_gpu_without_c_is_warned_of_for_its_pixels_go_through_numpy(monkeypatch) -> None:
    monkeypatch.setattr(cuda, "unavailable", lambda: None)
    heard: list[str] = []
    registry.choose("cuda", warnings=heard)
    assert not heard
    monkeypatch.setattr(compiled, "_import_error", "it was not built")
    for name in ("cuda", "auto"):
        heard = []
        registry.choose(name, warnings=heard)
        assert [line for line in heard if "tens of times slower" in line and "not built" in line]


@pytest.fixture
def without_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is called in the compiled module fails."""

    def refuse(name: str):
        def called(*arguments):
            raise AssertionError(f"_c.{name} was called")

        return called

    functions = [name for name in dir(_c) if callable(getattr(_c, name)) and name[0] != "_"]
    functions.remove("trim")  # which computes nothing
    assert {"count", "subtract", "make_plan", "loss_and_gradient"} <= {*functions}
    for name in functions:
        monkeypatch.setattr(_c, name, refuse(name))


JOBS = [
    {"control_points": 0},
    {"control_points": 0, "mode": "divide", "pedestal": "neutral"},
    {"downscaling_func": "mean", "pedestal": "bgoptimizer"},
    {"protect": "strong", "optimizer": "adam"},
]


@pytest.fixture
def sky() -> np.ndarray:
    return simulate_sky(SHAPE, np.random.default_rng(2)).image


@pytest.mark.parametrize("options", JOBS, ids=str)
def test_the_backend_numpy_runs_no_c(without_c, sky, options) -> None:
    quick = QUICK if options.get("control_points") is None else {"downscaling_factor": 4}
    result = remove_background(sky, backend="numpy", **{**quick, **options})
    assert result.report["fit"]["backend"] == "numpy"
    assert np.isfinite(result.corrected).all()


def test_the_backend_numpy_runs_no_c_for_integers(without_c, sky, tmp_path: Path) -> None:
    samples, weight = (sky * 65535).astype(np.uint16), np.full(SHAPE, 255, np.uint8)
    remove_background(samples, weight=weight, backend="numpy", **QUICK)
    path = tmp_path / "sky.fits"
    fits.writeto(path, np.moveaxis(samples, 2, 0))
    process_file(path, output_dir=tmp_path, backend="numpy", **QUICK)


def test_the_backend_numpy_runs_no_c_for_mosaics_and_models(without_c, sky) -> None:
    result = remove_background(sky[..., :1], backend="numpy", cfa="RGGB", **QUICK)
    assert result.model.render((20, 30), backend="numpy").shape == (20, 30, 3)


def test_the_backend_numpy_runs_no_c_for_files(without_c, sky, tmp_path: Path) -> None:
    path, model = tmp_path / "sky.xisf", tmp_path / "model.json"
    xisf.write(path, sky)
    options = {**QUICK, "backend": "numpy"}
    pictures = {"preview": tmp_path / "preview.png", "report_dir": tmp_path}
    process_file(path, output_dir=tmp_path, sample_format="same", **pictures, **options)
    fit_file(path, model, **options)
    apply_model(model, path, output=tmp_path / "applied.xisf", rescale=True, backend="numpy")


def test_the_guard_notices_c(without_c, sky) -> None:
    with pytest.raises(AssertionError, match=r"_c\.\w+ was called"):
        remove_background(sky, backend="c", **QUICK)

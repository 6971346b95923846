"""A test whose settings have no effect fails, since it tests something else than it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent

CASES = """
import numpy as np
import pytest
from typer.testing import CliRunner

from fastbg import Cancelled, remove_background
from fastbg.cli.app import app
from fastbg.io import xisf

IMAGE = np.random.default_rng(1).normal(0.1, 0.01, (64, 64)).astype(np.float32)

def begin(**options):
    with pytest.raises(Cancelled):
        remove_background(IMAGE, progress=lambda told: False, **options)

def test_idle():
    begin(epochs=3)

def test_idle_on_the_command_line(tmp_path):
    xisf.write(tmp_path / "sky.xisf", IMAGE[..., None])
    CliRunner().invoke(app, ["run", str(tmp_path / "sky.xisf"), str(tmp_path / "out"), "-e", "3"])

@pytest.mark.idle_settings
def test_marked():
    begin(epochs=3)

def test_with_effect():
    begin(epochs=3, control_points=4)
"""


def test_a_test_that_passes_settings_without_effect_fails(tmp_path: Path) -> None:
    for path in TESTS.glob("*.py"):
        if not path.name.startswith("test_"):
            shutil.copy(path, tmp_path)
    shutil.copy(TESTS.parent / "pyproject.toml", tmp_path)
    (tmp_path / "test_cases.py").write_text(CASES, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-n0", "-pno:cacheprovider", "test_cases.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in lines] == [
        "test_cases.py::test_idle",
        "test_cases.py::test_idle_on_the_command_line",
    ], done.stdout
    assert done.stdout.count("settings without effect: ['epochs']") >= 2
    assert "2 failed, 2 passed" in done.stdout

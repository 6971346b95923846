"""Whole processes that have little to do: the time for which a user waits at least."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastbg.io import xisf

COMMANDS = {
    "import": ["-c", "import fastbg"],
    "--help": ["-P", "-m", "fastbg.cli", "--help"],
    "run": ["-P", "-m", "fastbg.cli", "run", "-q", "--overwrite", "sky.xisf"],
}
"""``fastbg run`` on 100 x 100 pixels."""


@pytest.mark.benchmark(group="start-up")
@pytest.mark.parametrize("what", COMMANDS)
def bench_startup(benchmark, tmp_path, sky_array, what):
    xisf.write(tmp_path / "sky.xisf", sky_array[:100, :100])
    command = [sys.executable, *COMMANDS[what]]
    options = {"check": True, "stdout": subprocess.DEVNULL, "cwd": tmp_path}
    benchmark.pedantic(subprocess.run, (command,), options, rounds=10, warmup_rounds=1)

"""Services, GUIs and ``>&-`` start fastbg without stdout or stderr: the job runs all the same."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import some

from fastbg.cli import main
from fastbg.io import xisf
from fastbg.simulate import simulate_sky

needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")

CLOSED = (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "1</dev/null", "2</dev/null")

COMMANDS = {
    "run sky.xisf out": "out/sky_bgSubtracted.xisf",
    "run sky.xisf out --json": "out/sky_bgSubtracted.xisf",
    "run sky.xisf out --events": "out/sky_bgSubtracted.xisf",
    "run sky.xisf out -q": "out/sky_bgSubtracted.xisf",
    "preview sky.xisf": "sky_preview.png",
    "fit sky.xisf --events": "sky_model.json",
    "batch sky.xisf -o out --workers 1": "out/sky_bgSubtracted.xisf",
    "batch sky.xisf -o out --workers 1 --json": "out/sky_bgSubtracted.xisf",
    "presets": None,
    "presets nebula": None,
    "doctor": None,
    "doctor --json": None,
    "--version": None,
    "run --help": None,
    "": None,
}


UNUSUAL = {
    *("run sky.xisf out --json", "run sky.xisf out -q", "batch sky.xisf -o out --workers 1 --json"),
    *("presets nebula", "doctor --json", ""),
}


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    xisf.write(tmp_path / "sky.xisf", simulate_sky((48, 64), rng).image)
    return tmp_path


def shell(folder: Path, arguments: str, closed: str) -> subprocess.CompletedProcess[str]:
    command = f"{shlex.quote(sys.executable)} -P -m fastbg {arguments} {closed}"
    return subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)


@needs_posix
@pytest.mark.parametrize("arguments", some(COMMANDS.keys() - UNUSUAL, COMMANDS))
def test_every_command_runs_without_streams(folder: Path, arguments: str) -> None:
    done = shell(folder, arguments, ">&- 2>&-")
    assert done.returncode == 0
    written = COMMANDS[arguments]
    assert written is None or (folder / written).stat().st_size > 1000


@needs_posix
@pytest.mark.parametrize("closed", some([">&- 2>&-", "1</dev/null"], CLOSED))
def test_whatever_is_closed_the_outputs_are_the_same(folder: Path, closed: str) -> None:
    assert shell(folder, "fit sky.xisf -o open.json", "").returncode == 0
    done = shell(folder, "fit sky.xisf -o closed.json -q", closed)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "closed.json").read_bytes() == (folder / "open.json").read_bytes()


@needs_posix
def test_apply_and_the_demo_run_without_streams(folder: Path) -> None:
    assert shell(folder, "fit sky.xisf", ">&-").returncode == 0
    assert shell(folder, "apply sky_model.json sky.xisf -o out --json", ">&- 2>&-").returncode == 0
    assert (folder / "out/sky_bgSubtracted.xisf").exists()
    assert shell(folder, "demo demo", ">&- 2>&-").returncode == 0
    assert (folder / "demo/sky_preview.png").exists()


@needs_posix
@pytest.mark.parametrize("closed", some([">&- 2>&-", "2>/dev/full"], [*CLOSED, "2>/dev/full"]))
def test_a_refusal_keeps_its_exit_code(folder: Path, closed: str) -> None:
    assert shell(folder, "run missing.xisf", closed).returncode == 2
    assert shell(folder, "run --nonsense", closed).returncode == 2


class OfAGui:
    """All that some programs give for stdout."""

    closed = False

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("stream", [None, OfAGui], ids=["pythonw", "a GUI"])
def test_streams_that_a_program_has_replaced(
    folder: Path, stream: type | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for library in ("OPENBLAS", "MKL"):  # the command line sets them for its process
        monkeypatch.setenv(f"{library}_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["fastbg", "fit", "sky.xisf"])
    streams = [stream and stream() for _ in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", streams[0])
        patched.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as end:
            main()
        opened = [sys.stdout, sys.stderr]
        for each in opened:
            if each not in streams:
                each.close()
    assert not end.value.code
    assert (folder / "sky_model.json").exists()
    if streams[0] is not None:
        assert "sky_model.json" in streams[0].text

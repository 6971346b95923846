"""Events: JSON lines for a program that runs fastbg."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from fastbg.cli import events
from fastbg.cli.app import app
from fastbg.errors import Cancelled
from fastbg.io import xisf
from fastbg.progress import Progress
from fastbg.simulate import simulate_sky

SHAPE = (48, 64)
QUICK = ("-e", "5", "-N", "32", "--events")
LONG = ("-N", "9", "-B", "2000", "-dx", "1")
"""Minutes of work, unless somebody stops it."""
STAGES = ["read", "prepare", "fit", "render", "correct", "write"]
FOUND = ["read", "prepare", "protect", "write"]

Event = dict[str, Any]


def parsed(text: str) -> list[Event]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def told(*arguments: object) -> tuple[list[Event], int, str]:
    """The events of a command, its exit code, and what it wrote on stderr."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], prog_name="fastbg")
    return parsed(result.stdout), result.exit_code, result.stderr


def stages_of(said: list[Event]) -> list[str]:
    return [each["stage"] for each in said if each["event"] == "stage"]


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with one good image in it."""
    xisf.write(tmp_path / "sky.xisf", simulate_sky(SHAPE, rng).image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "stages"),
    [
        (["run", "sky.xisf"], STAGES),
        (["run", "sky.xisf", "--report", "."], [*STAGES[:5], "report", "write"]),
        (["fit", "sky.xisf"], ["read", "prepare", "fit", "write"]),
        (["preview", "sky.xisf"], FOUND),
        (["preview", "sky.xisf", "--fit"], STAGES),
    ],
    ids=" ".join,
)
def test_a_job_tells_its_stages_and_ends_with_its_report(
    folder: Path, command: list[str], stages: list[str]
) -> None:
    more = [] if command == ["preview", "sky.xisf"] else ["-e", "5", "-N", "32"]
    said, code, complaint = told(*command, *more, "--events")
    assert (code, complaint) == (0, "")
    assert stages_of(said) == stages
    assert {each["event"] for each in said[:-1]} <= {"stage", "memory", "progress"}
    assert next(each for each in said if each["event"] == "memory")["bytes"] > 10**7
    assert list(said[-1]) == ["event", "report"]
    assert said[-1]["event"] == "done"
    assert set(said[-1]["report"]["seconds"]) == {*stages, "total"}
    assert all(Path(path).exists() for path in said[-1]["report"]["outputs"].values())


def test_every_stage_of_a_job_is_documented_and_no_other(folder: Path) -> None:
    said, code, _ = told("run", "sky.xisf", "--report", ".", "--events")
    assert code == 0
    stages = stages_of(said)
    assert "protect" in stages
    (listed,) = re.findall(r"The stages are, in this order: ([^.]*)\.", events.__doc__ or "")
    assert re.findall(r"\b(?!and\b)\w+", listed) == stages
    (listed,) = re.findall(r"stage : str\n(.*)\n", Progress.__doc__ or "")
    assert re.findall(r'"(\w+)"', listed) == stages


def test_progress_belongs_to_the_stage_before_it_and_rises(folder: Path) -> None:
    said, *_ = told("run", "sky.xisf", *QUICK)
    stage, done = "", 0
    for each in said[:-1]:
        if each["event"] == "stage":
            stage, done = each["stage"], 0
        elif each["event"] == "progress":
            assert each["stage"] == stage
            assert done < each["done"] <= each["total"]
            assert ("loss" in each) == (stage == "fit")
            done = each["done"]
    ends = {each["stage"]: each["done"] for each in said if each["event"] == "progress"}
    assert ends == {"fit": 5, "render": SHAPE[0], "correct": SHAPE[0]}


def test_progress_comes_ten_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = 100.0
    monkeypatch.setattr(events, "monotonic", lambda: clock)
    stream = events.Stream()
    stream(Progress("fit", 0, 1000))
    for iteration in range(1, 1001):
        clock += 0.0123
        stream(Progress("fit", iteration, 1000, loss=-iteration / 7))
    said = parsed(capsys.readouterr().out)
    assert said[-1]["done"] == 1000
    assert 100 < len(said) <= 12.3 * 10 + 3


def test_numbers_that_are_none_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    events.Stream()(Progress("fit", 7, 7, loss=float("nan")))
    (said,) = parsed(capsys.readouterr().out)
    assert said["loss"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nosuch.xisf"),
        ("run", "sky.xisf", "-N", "10000"),
        ("run", "sky.xisf", "-dx", "0"),
        ("run", "sky.xisf", "-dx", "many"),
        ("run", "sky.xisf", "--nosuch"),
        ("run",),
        ("fit", "nosuch.xisf"),
        ("preview", "nosuch.xisf"),
        ("apply", "nosuch.json", "sky.xisf"),
        ("run", "sky.xisf", "--json"),
        ("run", "sky.xisf", "-q"),
    ],
    ids=" ".join,
)
def test_an_error_ends_the_events_and_is_on_stderr_too(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    said, code, complaint = told(*arguments, "--events")
    assert code == 2
    assert said[-1] == {"event": "error", "message": said[-1]["message"], "exit_code": 2}
    assert complaint == f"fastbg: {said[-1]['message']}\n"
    assert [path.name for path in folder.iterdir()] == ["sky.xisf"]


def test_a_defect_is_an_event_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("of all\nthings")

    monkeypatch.setattr("fastbg.jobs.run.process_file", broken)
    said, code, _ = told("run", "sky.xisf", "--events")
    assert (code, said[-1]["exit_code"]) == (1, 1)
    assert "RuntimeError (of all things)" in said[-1]["message"]


def test_without_the_option_an_error_is_on_stderr_alone(folder: Path) -> None:
    result = CliRunner().invoke(app, ["run", "nosuch.xisf"], prog_name="fastbg")
    assert "{" not in result.stdout


def test_apply_names_its_files_and_ends_with_all_reports(folder: Path) -> None:
    told("fit", "sky.xisf", *QUICK)
    (folder / "bad.xisf").write_text("M 94")
    whole, code, _ = told("apply", "sky_model.json", "sky.xisf", "--events", "-o", "one")
    assert code == 0
    assert {each.get("input") for each in whole[:-1]} == {"sky.xisf"}
    assert whole[-1]["event"] == "done"
    assert [report["input"] for report in whole[-1]["report"]] == ["sky.xisf"]

    some, code, complaint = told("apply", "sky_model.json", "bad.xisf", "sky.xisf", "--events")
    assert code == 2
    (failed,) = (each for each in some if each["event"] == "failed")
    assert failed["input"] == "bad.xisf"
    assert complaint == f"fastbg: {failed['message']}\n"
    assert some.index(failed) < [each.get("input") for each in some].index("sky.xisf")
    assert some[-1]["event"] == "error"
    assert some[-1]["exit_code"] == 2
    assert some[-1]["message"] == "1 of 2 files failed"
    assert [report["input"] for report in some[-1]["report"]] == ["sky.xisf"]


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "fastbg.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_host_can_stop_the_job(folder: Path, number: int) -> None:
    job = start("run", "sky.xisf", *LONG, "--events")
    assert job.stdout is not None
    lines = []
    for line in job.stdout:
        lines.append(line)
        if '"done"' in line:
            job.send_signal(number)
            break
    rest, complaint = job.communicate()
    said = parsed("".join(lines) + rest)
    assert job.returncode == 128 + number
    assert said[-1]["event"] == "error"
    assert said[-1]["exit_code"] == 128 + number
    assert complaint == f"fastbg: {said[-1]['message']}\n"
    assert [path.name for path in folder.iterdir()] == ["sky.xisf"]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes")
def test_a_host_that_goes_away_stops_the_job(folder: Path) -> None:
    job = start("run", "sky.xisf", *LONG, "--events")
    assert job.stdout is not None
    assert job.stderr is not None
    job.stdout.readline()
    job.stdout.close()
    complaint = job.stderr.read()
    job.stderr.close()
    assert job.wait() == 2
    assert complaint == "fastbg: stopped, because nobody reads the events any more\n"
    assert [path.name for path in folder.iterdir()] == ["sky.xisf"]


def test_a_line_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal between a line and its end would join it to the line about the signal."""

    class Stopped(io.StringIO):
        def write(self, text: str) -> int:
            super().write(text)
            raise InterruptedError("a signal, after each thing that is written")

    monkeypatch.setattr(sys, "stdout", out := Stopped())
    monkeypatch.setattr(events, "silence_stdout", lambda: None)
    for _ in range(2):
        with pytest.raises(Cancelled):
            events.emit("stage", stage="fit", total=1)
    assert [each["event"] for each in parsed(out.getvalue())] == ["stage", "stage"]

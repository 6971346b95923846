"""Jobs that are stopped or killed at any moment: nothing is lost, and nothing is left half.

``pytest tests/test_faults_stop.py --trials 100`` does each trial a hundred times.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from trials import (
    CLI,
    KINDS,
    QUICK_OPTIONS,
    STAGES,
    Trials,
    Work,
    start,
    strays,
    untouched,
    without_progress,
)

from fastbg.jobs.batch.journal import FOLDER

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have no such signals")

STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]

STOPPED = "fastbg: stopped; no unfinished file was left behind\n"

STARTING = "Fatal Python error: init_import_site"
"""The message of Python when it is stopped before it runs anything of fastbg."""


def wait_for_a_moment(job: subprocess.Popen[str], rng: np.random.Generator) -> bool:
    """Let a job go on into a stage or to its end; False is somewhere before the first."""
    stage = rng.choice(["", *STAGES])
    if not stage:
        time.sleep(rng.uniform(0, 0.4))
        return False
    assert job.stderr
    while (line := job.stderr.readline()) and line.rstrip() != stage:
        pass
    time.sleep(rng.choice([0, rng.uniform(0, 0.02)]))
    return True


@pytest.mark.parametrize("number", STOPS)
def test_a_job(work_of: Callable[[str], Work], trials: Trials, number: signal.Signals) -> None:
    for rng in trials:
        work = work_of(rng.choice([*KINDS]))
        overwrite = bool(rng.integers(2))
        work.begin(old=overwrite)
        with untouched(work.source):
            job = start(work.command(*["--overwrite"] * overwrite))
            begun = wait_for_a_moment(job, rng)
            job.send_signal(number)
            errors = without_progress(job.communicate(timeout=120)[1])
            new = work.check()
            if job.returncode == 0:
                assert new == 2
                end = "finished"
            elif number == signal.SIGKILL:
                assert job.returncode == -number
                left = "with" if strays(work.folder) else "without"
                end = f"killed {left} temporary files, {new} of 2 outputs"
            else:
                assert not strays(work.folder)
                assert new in (0, 2)
                if job.returncode == -number and (new == 2 or not begun):
                    end = f"ended while Python {'ended' if new else 'started'}"
                elif not begun and errors.startswith(STARTING):
                    end = "ended while Python started"
                else:
                    assert (job.returncode, errors) == (128 + number, STOPPED)
                    end = f"stopped, {new} of 2 outputs"
            trials.ends[end] += 1
            subprocess.run(work.command("--overwrite", "-q"), check=True, timeout=120)
            assert work.check() == 2
            assert not strays(work.folder)


FRAMES = 6


class Batch:
    """A folder of frames, all of them the source of a work, and a folder of their outputs."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work, self.out = work, folder / "out"
        self.frames = [folder / "frames" / f"frame_{number}.xisf" for number in range(FRAMES)]
        shutil.rmtree(folder, ignore_errors=True)
        self.frames[0].parent.mkdir(parents=True)
        self.add(self.frames[1:])

    def add(self, frames: list[Path]) -> None:
        for frame in frames:
            shutil.copyfile(self._work.source, frame)

    def start(self, *more: str) -> subprocess.Popen[str]:
        frames, workers = str(self.frames[0].parent), ("--workers", "2")
        command = [*CLI, "batch", frames, "-o", str(self.out), *workers, *QUICK_OPTIONS, *more]
        return start(command, start_new_session=True)

    def recorded(self) -> int:
        return len([*(self.out / FOLDER).glob("*.json")])

    def check(self) -> dict[str, int]:
        """The inode of each output that the journal knows; whatever is there is whole."""
        visible = [path for path in self.out.glob("*") if not path.name.startswith(".")]
        for path in visible:
            kind = path.name.rpartition("_")[2]
            self._work.check_samples(path, f"sky_{kind}")
        records = [json.loads(file.read_bytes()) for file in (self.out / FOLDER).glob("*.json")]
        outputs = [output for record in records for output in record["outputs"].values()]
        known = {Path(output["path"]).name for output in outputs}
        return {path.name: path.stat().st_ino for path in visible if path.name in known}


def workers_of(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(each) for text in lists for each in text.read_text().split()]


@pytest.mark.slow
@pytest.mark.parametrize("watch", [False, True], ids=["batch", "watch"])
@pytest.mark.parametrize("number", STOPS)
def test_a_batch(
    work_of: Callable[[str], Work],
    trials: Trials,
    tmp_path: Path,
    number: signal.Signals,
    watch: bool,
) -> None:
    for rng in trials:
        batch = Batch(work_of("descent"), tmp_path / "batch")
        with untouched(*batch.frames[1:]):
            job = batch.start(*["--watch"] * watch)
            until = rng.integers(FRAMES)
            while job.poll() is None and batch.recorded() < until:
                time.sleep(0.01)
            if watch:
                batch.add(batch.frames[:1])
            time.sleep(rng.uniform(0, 0.3))
            whom = rng.choice(["all", "the first"])
            (os.killpg if whom == "all" else os.kill)(job.pid, number)
            errors = without_progress(job.communicate(timeout=120)[1])
            kept = batch.check()
            if job.returncode == 0:
                end = "finished"
            elif job.returncode == -number or errors.startswith(STARTING):
                # Python itself may be what is stopped, before fastbg runs and after it has.
                assert number == signal.SIGKILL or batch.recorded() in (0, FRAMES - 1)
                end = f"{whom} ended at once"
            else:
                assert (job.returncode, errors) == (128 + number, STOPPED)
                assert not strays(batch.out)
                end = "stopped"
            trials.ends[end] += 1
            batch.add(batch.frames[:1])
            again = batch.start()
            assert without_progress(again.communicate(timeout=120)[1]) == ""
            assert again.returncode == 0
            assert kept.items() <= batch.check().items()
            assert batch.recorded() == FRAMES
            assert not strays(batch.out)
            assert not [*(batch.out / FOLDER / "begun").iterdir()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
def test_a_worker_of_a_batch(
    work_of: Callable[[str], Work], trials: Trials, tmp_path: Path
) -> None:
    for rng in trials:
        batch = Batch(work_of("descent"), tmp_path / "batch")
        batch.add(batch.frames[:1])
        with untouched(*batch.frames):
            job = batch.start()
            until = rng.integers(FRAMES - 1)
            while job.poll() is None and (
                batch.recorded() < until or len(workers_of(job.pid)) < 3  # and a tracker
            ):
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.3))
            children = workers_of(job.pid)
            if children:
                os.kill(rng.choice(children), signal.SIGKILL)
            assert without_progress(job.communicate(timeout=120)[1]) == ""
            assert job.returncode == 0
            assert len(batch.check()) == 2 * FRAMES
            assert not strays(batch.out)
            trials.ends["finished"] += 1

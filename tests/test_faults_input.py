"""Inputs that change while they are read, and memory that ends.

``pytest tests/test_faults_input.py --trials 100`` does each trial a hundred times.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from trials import KINDS, QUICK, STAGES, Trials, Work, start, strays, the_line, untouched

from fastbg import process_file
from fastbg.errors import FastbgError
from fastbg.progress import Progress


def vanish(path: Path, size: int) -> None:
    path.unlink()


def be_replaced(path: Path, size: int) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(size))
    other.replace(path)


def be_cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def be_emptied(path: Path, size: int) -> None:
    path.write_bytes(b"")


def grow(path: Path, size: int) -> None:
    with open(path, "ab") as file:
        file.write(bytes(size + 1))


def be_overwritten(path: Path, size: int) -> None:
    with open(path, "rb+") as file:
        file.seek(size)
        file.write(bytes(1000))


HARMLESS = (vanish, be_replaced)
"""Changes that leave an open file as it was."""


@pytest.mark.skipif(os.name != "posix", reason="other systems keep open files as they are")
@pytest.mark.parametrize(
    "change", [*HARMLESS, be_cut, be_emptied, grow, be_overwritten], ids=lambda f: f.__name__
)
def test_an_input(
    work_of: Callable[[str], Work],
    trials: Trials,
    tmp_path: Path,
    change: Callable[[Path, int], None],
) -> None:
    for rng in trials:
        work = work_of(rng.choice([*KINDS]))
        work.begin()
        path = shutil.copyfile(work.source, tmp_path / work.source.name)
        os.utime(path, (0, 0))
        stage = rng.choice(STAGES[:-1])
        size = int(rng.integers(path.stat().st_size))

        def act(progress: Progress) -> None:
            if progress.stage == stage and not progress.done:  # noqa: B023
                change(path, size)  # noqa: B023

        options = QUICK if work.options else {}
        error = None
        try:
            process_file(path, output_dir=work.folder, progress=act, **options)
        except FastbgError as caught:
            error = str(caught)
        assert not strays(work.folder)
        if error:
            assert "\n" not in error
            assert path.name in error
            assert work.check() == 0
            trials.ends["refused"] += 1
        else:
            # An input may be read whole before the change comes; a descent does not protect.
            assert change in HARMLESS or stage in ("read", "protect")
            assert work.check() == 2
            trials.ends["finished"] += 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs a limit that binds")
def test_memory_that_ends(work_of: Callable[[str], Work], trials: Trials) -> None:
    import resource

    for rng in trials:
        work = work_of(rng.choice([*KINDS]))
        work.begin()
        limit = int(rng.uniform(0.05e9, 0.6e9))

        def shrink(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        with untouched(work.source):
            job = start(work.command("-q"), preexec_fn=shrink)
            _, errors = job.communicate(timeout=120)
        new = work.check()
        assert not strays(work.folder)
        if job.returncode == 0:
            assert new == 2
            trials.ends["finished"] += 1
        elif job.returncode == 2:
            assert "of address space" in the_line(errors)
            assert new == 0
            trials.ends["refused"] += 1
        else:
            # Too little for Python or for its libraries, which say so or do not.
            assert limit < 250e6
            assert new == 0
            trials.ends["did not start"] += 1

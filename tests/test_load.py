"""Many jobs in a process, and many files in a batch: nothing grows, and all answers are the same.

``pytest tests/test_load.py --trials 1000`` does a thousand jobs in one process, and as many files
in a batch and in a watch; without, they are few.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from trials import QUICK, Trials, Work, samples, strays

from fastbg import process_file, process_files, remove_background
from fastbg.errors import Cancelled
from fastbg.jobs.batch import BatchProgress

THREADS = 8

PROC = Path("/proc/self")

pytestmark = pytest.mark.skipif(not PROC.exists(), reason="looks at itself in /proc")


def resident_bytes() -> int:
    return int((PROC / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len([*(PROC / "fd").iterdir()])


def tasks() -> int:
    return len([*(PROC / "task").iterdir()])


REPORT = 15e3
"""Bytes of the report of a file, which the summary of a batch keeps (by tracemalloc)."""


def growth_of(sizes: list[int], jobs: int) -> float:
    """Bytes a job, by the medians of thirds: single sizes depend on which threads met."""
    third = len(sizes) // 3 or 1
    return float(np.median(sizes[-third:]) - np.median(sizes[:third])) / jobs * 1.5


def test_jobs_from_eight_threads(
    work_of: Callable[[str], Work], trials: Trials, tmp_path: Path
) -> None:
    """Jobs on files and on arrays of several settings."""
    works = [work_of(kind) for kind in ("descent", "fits", "tiff", "xisf", "compressed", "tiles")]
    image = samples(works[0].source)
    alone = [remove_background(image, seed=seed, **QUICK).corrected for seed in range(THREADS)]
    count = max(16, trials.count)

    def job(number: int) -> None:
        if number % 2:
            seed = number % THREADS
            result = remove_background(image, seed=seed, **QUICK)
            assert np.array_equal(result.corrected, alone[seed])
            return
        work = works[number // 2 % len(works)]
        folder = tmp_path / f"job_{number}"
        options = {**(QUICK if work.options else {}), "compress": "-c" in work.options}
        process_file(work.source, output_dir=folder, **options)
        for name in work.expected:
            work.check_samples(folder / name, name)
            (folder / name).unlink()
        folder.rmdir()

    sizes = []
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(job, range(12)))  # libraries are loaded, arenas of the allocator are made
        before = open_files(), tasks()
        for begin in range(0, count, 20):
            list(pool.map(job, range(begin, begin + 20)))
            sizes.append(resident_bytes())
        assert (open_files(), tasks()) == before
    growth = growth_of(sizes, count)
    trials.ends[f"same as alone; {growth / 1e3:+.1f} kB of memory each, no file, no thread"] = count
    if count >= 300:
        assert growth < 10e3
    assert not strays(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("watch", [False, True], ids=["batch", "watch"])
def test_a_batch(
    work_of: Callable[[str], Work],
    trials: Trials,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    watch: bool,
) -> None:
    """A batch of many files; a watch is given ten at a time."""
    monkeypatch.setattr("fastbg.jobs.batch.LOOK_SECONDS", 0.05)
    work, out, frames = work_of("descent"), tmp_path / "out", tmp_path / "frames"
    count, sizes, files, ended = max(10, trials.count), list[int](), set[int](), list[Path]()
    frames.mkdir()

    def add(number: int) -> None:
        for each in range(number, min(number + 10, count)):
            shutil.copyfile(work.source, frames / f"frame_{each}.xisf")

    def follow(progress: BatchProgress) -> bool:
        if progress.outcome:
            assert progress.outcome.status == "done", progress.outcome
            ended.append(progress.outcome.path)
            sizes.append(resident_bytes())
            if len(ended) % 10 == 0:
                files.add(open_files())
                if watch:
                    add(len(ended))
        return not (watch and len(ended) == count)

    for number in range(0, 10 if watch else count, 10):
        add(number)
    ends = pytest.raises(Cancelled) if watch else nullcontext()
    with ends:
        process_files(frames, output_dir=out, workers=2, watch=watch, progress=follow, **QUICK)
    assert len({*ended}) == len(ended) == count
    assert max(files) - min(files) <= 4  # a worker more or less
    for frame in ended:
        for name in work.expected:
            work.check_samples(out / name.replace("sky", frame.stem), name)
    assert not strays(out)
    growth = growth_of(sizes, count)
    trials.ends[f"same as alone; {growth / 1e3:+.1f} kB of memory each, no file"] = count
    if count >= 300:
        assert growth < 10e3 + REPORT

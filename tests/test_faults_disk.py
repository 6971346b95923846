"""Disks that are full, targets that cannot be written, and others that write the same ones.

``pytest tests/test_faults_disk.py --trials 100`` does each trial a hundred times.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from trials import KINDS, QUICK, SHAPE, Trials, Work, samples, start, strays, the_line, untouched

from fastbg import OutputError, process_file

IN_A_MOUNT = """
mount -t tmpfs -o "$1" tmpfs "$2" || exit 99
shift 2
"$@"
"""


def mounted(options: str, work: Work, *more: str) -> tuple[int, str, int]:
    """Run a job whose folder is a disk of its own: its exit code, stderr and new outputs."""
    work.begin()
    copy = work.folder.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    script = f'{IN_A_MOUNT}code=$?; cp -a "$FOLDER" "$COPY"; exit $code'
    job = start(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            script,
            "sh",
            options,
            str(work.folder),
            *work.command(*more),
        ],
        env={**os.environ, "FOLDER": str(work.folder), "COPY": str(copy)},
    )
    _, errors = job.communicate(timeout=120)
    there = replace(work, folder=copy)
    assert not strays(copy)
    return job.returncode, errors, there.check()


def can_mount() -> bool:
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


needs_mounts = pytest.mark.skipif(not can_mount(), reason="mounts a file system of its own")


@needs_mounts
def test_a_small_disk(work_of: Callable[[str], Work], trials: Trials) -> None:
    for rng in trials:
        work = work_of(rng.choice([*KINDS]))
        with untouched(work.source):
            code, errors, new = mounted(f"size={rng.integers(1, 400)}k", work, "-q")
        if code == 0:
            assert new == 2
            trials.ends["finished"] += 1
        else:
            line = the_line(errors)
            early = "has room for" in line
            assert early or "No space left" in line
            assert (code, new) == (2, 0)
            trials.ends["refused before the work" if early else "refused while writing"] += 1


@needs_mounts
def test_a_disk_that_cannot_be_written(work_of: Callable[[str], Work], trials: Trials) -> None:
    for rng in trials:
        work = work_of(rng.choice([*KINDS]))
        with untouched(work.source):
            code, errors, new = mounted("ro", work, "-q")
        assert "Read-only file system" in the_line(errors)
        assert (code, new) == (2, 0)
        trials.ends["refused before the work"] += 1


def test_room_is_looked_for_before_the_work(
    work_of: Callable[[str], Work], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, stages = work_of("descent"), []
    room = SimpleNamespace(total=10**9, free=2 * 4 * 3 * np.prod(SHAPE) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: room)
    jobs = partial(process_file, work.source, output_dir=tmp_path / "new", **QUICK)
    with pytest.raises(OutputError, match=r"new has room for \d+ kB, and the outputs need \d+ kB"):
        jobs(progress=lambda progress: stages.append(progress.stage))
    assert {*stages} == {"read"}
    assert not [*tmp_path.iterdir()]
    room.free += 1
    jobs()
    # What is compressed comes from a temporary file.
    jobs(compress=True, overwrite=True)
    room.free -= 1
    with pytest.raises(OutputError, match="has room for"):
        jobs(compress=True, overwrite=True)
    room.free = 0
    room.total = 0
    jobs(overwrite=True)


def test_gzip_needs_room_for_the_file_before_it_is_compressed_too(
    work_of: Callable[[str], Work], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = work_of("descent").source
    room = SimpleNamespace(total=10**9, free=2 * 2 * 4 * 3 * np.prod(SHAPE) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: room)
    targets = {"output": tmp_path / "a.fits.gz", "model_output": tmp_path / "b.fits.gz"}
    with pytest.raises(OutputError, match="has room for"):
        process_file(source, **targets, **QUICK)
    room.free += 1
    process_file(source, **targets, **QUICK)
    # Both are on the disk at once: the samples, and what becomes of them.
    assert all(path.stat().st_size <= 2 * 4 * 3 * np.prod(SHAPE) for path in targets.values())


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such limit")
def test_no_file_can_grow_beyond_some_size(work_of: Callable[[str], Work], trials: Trials) -> None:
    import resource

    for rng in trials:
        work = work_of(rng.choice([*KINDS]))
        overwrite = bool(rng.integers(2))
        work.begin(old=overwrite)
        limit = int(rng.integers(200_000))

        def shrink(limit: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        with untouched(work.source):
            command = work.command("-q", *["--overwrite"] * overwrite)
            job = start(command, preexec_fn=shrink)
            _, errors = job.communicate(timeout=120)
            new = work.check()
            if job.returncode == 0:
                assert new == 2
                trials.ends["finished"] += 1
            else:
                assert "File too large" in the_line(errors)
                assert (job.returncode, new) == (2, 0)
                trials.ends["refused"] += 1
            assert not strays(work.folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("more", [(), ("--json",), ("--events",)], ids=["plain", "json", "events"])
def test_what_reads_the_output_is_full(work_of: Callable[[str], Work], more: tuple[str]) -> None:
    work = work_of("descent")
    work.begin()
    with open("/dev/full", "w") as full:
        done = subprocess.run(work.command(*more), stdout=full, stderr=subprocess.PIPE, text=True)
    assert "No space left" in the_line(done.stderr)
    assert done.returncode == 2
    assert not strays(work.folder)
    work.check()


def test_two_with_the_same_targets(work_of: Callable[[str], Work], trials: Trials) -> None:
    work = work_of("descent")
    kinds = []
    for seed in (1, 2):
        other = work.folder.with_name(f"of_{seed}")
        report = process_file(work.source, output_dir=other, overwrite=True, seed=seed, **QUICK)
        paths = map(Path, report.report["outputs"].values())
        kinds.append({path.name: samples(path) for path in paths})
    for rng in trials:
        overwrite = bool(rng.integers(2))
        work.begin(old=overwrite)
        with untouched(work.source):
            more = ["-q", *["--overwrite"] * overwrite]
            jobs = [start(work.command("--seed", seed, *more)) for seed in (1, 2)]
            ends = [(job.communicate(timeout=120)[1], job.returncode) for job in jobs]
        assert not strays(work.folder)
        codes = sorted(code for _, code in ends)
        if not overwrite:
            assert codes == [0, 2]
            assert "already exists" in the_line("".join(errors for errors, _ in ends))
        else:
            assert codes == [0, 0]
        found = {name: samples(work.folder / name) for name in kinds[0]}
        assert sum(all(np.array_equal(found[n], of[n]) for n in found) for of in kinds) == 1
        trials.ends["both finished" if overwrite else "one was refused"] += 1

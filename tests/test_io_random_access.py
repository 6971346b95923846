"""Room that is taken on the disk before a file is written, and what stays of former contents."""

from __future__ import annotations

import os

import numpy as np
import pytest

from fastbg.errors import InputError
from fastbg.io import fits, xisf
from fastbg.io.random_access import RandomAccessFile, reserve
from fastbg.jobs.run import process_file
from fastbg.pipeline import Job
from fastbg.simulate import simulate_sky

SIZE = 1 << 20


def room(path) -> int:
    """Bytes that a file takes on its disk."""
    return 512 * getattr(path.stat(), "st_blocks", 0)


@pytest.fixture
def reserved(tmp_path):
    path = tmp_path / "reserved"
    path.touch()
    reserve(path, SIZE)
    if room(path) < SIZE:
        pytest.skip("this system takes no room for an empty file")
    return path


def test_room_stays_taken_until_the_file_is_written(reserved):
    assert reserved.stat().st_size == 0
    with RandomAccessFile(reserved, "wb") as file:
        assert room(reserved) >= SIZE
        file.allocate(SIZE + 5000)
        assert room(reserved) >= SIZE + 5000
    assert reserved.read_bytes() == bytes(SIZE + 5000)


def test_room_that_is_not_needed_is_given_back(reserved):
    with RandomAccessFile(reserved, "wb") as file:
        file.allocate(3)
    assert reserved.stat().st_size == 3


@pytest.mark.parametrize("mode", ["wb", "wb+"])
def test_a_new_file_has_nothing_of_the_old_one(tmp_path, mode):
    path = tmp_path / "old"
    path.write_bytes(b"old contents")
    with RandomAccessFile(path, mode) as file:
        file.write(3, b"new")
    assert path.read_bytes() == b"\0\0\0new"


def test_room_cannot_be_taken_for_a_file_that_is_missing(tmp_path):
    reserve(tmp_path / "missing", SIZE)
    assert os.listdir(tmp_path) == []


def written(path, package) -> bytes:
    planes = np.random.default_rng(1).random((1, 400, 600), np.float32)
    with package.create(path, planes.shape) as image:
        image.write_rows(slice(0, 400), planes)
    return path.read_bytes()[-planes.nbytes :]


@pytest.mark.parametrize("package", [xisf, fits], ids=["xisf", "fits"])
def test_a_file_is_the_same_in_room_that_was_taken(tmp_path, reserved, package):
    assert written(reserved, package) == written(tmp_path / "new", package)
    assert reserved.stat().st_size == (tmp_path / "new").stat().st_size


@pytest.fixture
def sky_file(tmp_path):
    path = tmp_path / "sky.xisf"
    xisf.write(path, simulate_sky((120, 160), np.random.default_rng(1)).image)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_room_is_taken_during_a_search_that_leaves_a_processor_idle(
    tmp_path, sky_file, monkeypatch, threads
):
    taken, output, own = [], tmp_path / "out", Job.search

    def search(*arguments, **more):
        taken.append(len(os.listdir(output)))
        return own(*arguments, **more)

    monkeypatch.setattr(Job, "search", search)
    monkeypatch.setattr("fastbg.io.formats.reserve", lambda path, size: taken.append(size))
    process_file(sky_file, output_dir=output, threads=threads)
    assert sorted(taken) == [2, *[120 * 160 * 3 * 4] * (2 if threads > 1 else 0)]
    assert len(os.listdir(output)) == 2


def test_a_search_that_fails_leaves_nothing_of_the_room(tmp_path, sky_file, monkeypatch):
    def fail(*_, **__):
        raise InputError("no sky")

    monkeypatch.setattr(Job, "search", fail)
    with pytest.raises(InputError, match="no sky"):
        process_file(sky_file, output_dir=tmp_path / "out", threads=2)
    assert os.listdir(tmp_path) == [sky_file.name]

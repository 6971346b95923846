"""Temporary files of decompressed images: where they lie, and that nothing stays of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from fastbg.errors import InputError
from fastbg.io import temporary
from fastbg.io.random_access import RandomAccessFile


@pytest.fixture
def unset(monkeypatch):
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_they_lie_where_users_say_and_else_on_a_disk(tmp_path, unset, monkeypatch):
    lasting = tmp_path / "lasting"
    monkeypatch.setattr(temporary, "_LASTING", str(lasting))
    assert temporary.folder() == tempfile.gettempdir()
    lasting.mkdir()
    assert temporary.folder() == str(lasting)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert temporary.folder() == str(tmp_path)


def test_a_killed_process_leaves_nothing(tmp_path):
    program = (
        "import os, numpy as np\n"
        "from fastbg.io.temporary import Decompressed\n"
        "block = Decompressed(1000)\n"
        "block.write(0, np.ones(1000, np.uint8))\n"
        "os._exit(9)\n"
    )
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp_path))}
    done = subprocess.run([sys.executable, "-P", "-c", program], env=environment)
    assert done.returncode == 9
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("number", [28, 122, 27], ids=["full", "quota", "too large"])
def test_room_that_is_not_there_is_missed_at_once(monkeypatch, number):
    def refuse(self, size):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(RandomAccessFile, "allocate", refuse)
    with pytest.raises(InputError, match="or set TMPDIR to another folder") as caught:
        temporary.Decompressed(1000)
    assert os.strerror(number) in str(caught.value)


def test_what_was_written_is_read(tmp_path):
    data = np.arange(200, dtype=np.uint8)
    with temporary.beside(tmp_path / "a.xisf", 200) as block:
        for start in (100, 0):
            block.write(start, data[start : start + 100])
        out = np.empty(150, np.uint8)
        block.read_into(50, out)
        assert np.array_equal(out, data[50:])
        assert block.size == 200
    assert not [*tmp_path.iterdir()]

"""Locks between processes; threads stand for those, since each opens the file for itself."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fastbg.io import lock

HOLD = """
import sys
from pathlib import Path
from fastbg.io import lock
with lock.{how}(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path, how: str) -> subprocess.Popen:
    """A process that holds a lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD.format(how=how), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_lock_is_refused_to_others_and_leaves_nothing(tmp_path):
    path = tmp_path / "lock"
    with lock.alone(path) as held, lock.alone(path) as second, lock.alone(path, 0.1) as third:
        assert (held, second, third) == (True, False, False)
        assert path.exists()
    assert not path.exists()
    with lock.alone(path) as held:
        assert held
    assert not any(tmp_path.iterdir())


def test_who_waits_gets_the_lock_when_it_is_released(tmp_path):
    path, got = tmp_path / "lock", []

    def wait():
        with lock.alone(path, 60) as held:
            got.append(held)

    thread = threading.Thread(target=wait)
    with lock.alone(path):
        thread.start()
        thread.join(0.2)
        assert got == []
    thread.join()
    assert got == [True]
    assert not path.exists()


def test_a_lock_has_one_holder_however_often_its_file_is_removed(tmp_path):
    inside, most, rounds = 0, 0, 0

    def work():
        nonlocal inside, most, rounds
        for _ in range(40):
            with lock.folder(tmp_path, 60) as held:
                assert held
                inside += 1
                most, rounds = max(most, inside), rounds + 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, rounds) == (1, 160)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_the_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "lock"
    process = holder(path, "alone")
    with lock.alone(path) as held:
        assert not held
    kill(process)
    assert path.exists()
    with lock.alone(path) as held:
        assert held
    assert not path.exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_created_file_stays_as_long_as_its_process_lives(tmp_path):
    path = tmp_path / "part"
    process = holder(path, "created")
    lock.remove_unless_held(path)
    assert path.exists()
    kill(process)
    lock.remove_unless_held(path)
    assert not path.exists()


@pytest.mark.parametrize("how", [lock.created, lock.alone])
def test_a_file_that_is_removed_before_it_is_locked_is_created_again(tmp_path, monkeypatch, how):
    take, path = lock._lock, tmp_path / "part"

    def removed_meanwhile(descriptor, patience):
        monkeypatch.setattr(lock, "_lock", take)
        lock.remove_unless_held(path)
        return take(descriptor, patience)

    monkeypatch.setattr(lock, "_lock", removed_meanwhile)
    with how(path):
        lock.remove_unless_held(path)
        assert path.exists()
    lock.remove_unless_held(path)
    assert not path.exists()


def test_where_locks_are_not_supported_every_lock_is_granted_and_nothing_removed(
    tmp_path, monkeypatch
):
    def refuse(descriptor):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "take", refuse)
    with lock.alone(tmp_path / "lock") as first, lock.alone(tmp_path / "lock") as second:
        assert first
        assert second
    with lock.created(tmp_path / "part"):
        pass
    lock.remove_unless_held(tmp_path / "part")
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_an_error_of_the_disk_is_no_lock(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(lock, "take", fail)
    before = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
    with pytest.raises(OSError, match="Input/output"), lock.alone(tmp_path / "lock"):
        pass
    after = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
    assert before == after


def test_the_file_of_another_user_can_be_locked(tmp_path, monkeypatch):
    # Permissions do not bind the superuser, so the refusal of the system is imitated.
    path, opened = tmp_path / "lock", os.open
    path.touch()

    def refuse_writing(name, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(name, flags, *mode)

    with lock.alone(path), monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse_writing)
        with lock.alone(path) as held:
            assert not held
        with pytest.raises(PermissionError), lock.alone(tmp_path / "new"):
            pass


def test_as_on_windows_the_file_is_removed_after_it_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_WINDOWS", True)
    path, close, there = tmp_path / "lock", os.close, []

    def watched(descriptor):
        there.append(path.exists())
        close(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", watched)
        with lock.alone(path) as held:
            assert held
    assert there == [True]
    assert not path.exists()
    with lock.created(tmp_path / "part"):
        pass
    lock.remove_unless_held(tmp_path / "part")
    assert not any(tmp_path.iterdir())

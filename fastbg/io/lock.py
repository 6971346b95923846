"""Locks on files and folders that end with their process, however it ends.

They are advisory, of `flock`: where the system or the file system has none, nothing is locked.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

POLL_SECONDS = 0.05


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold the lock together with others, as soon as nobody holds it alone."""
    with open(path, "ab") as file:
        if fcntl:
            try:
                fcntl.flock(file, fcntl.LOCK_SH)
            except OSError as error:
                _unless_unsupported(error)
        yield


@contextmanager
def alone(path: Path, patience: float = 0) -> Iterator[bool]:
    """Hold the lock alone; the value is False where others did not let go within some seconds."""
    with open(path, "ab") as file:
        yield _taken(file.fileno(), patience)


@contextmanager
def folder(path: Path, patience: float = 0) -> Iterator[bool]:
    """The same of a folder itself."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders, and some are to be written and not read
        yield not fcntl
        return
    try:
        yield _taken(descriptor, patience)
    finally:
        os.close(descriptor)


@contextmanager
def created(path: Path) -> Iterator[None]:
    """Create a file, and hold its lock alone."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _taken(descriptor, POLL_SECONDS)
            # Else `remove_unless_held` came between the two.
            if path.exists():
                yield
                return
        finally:
            os.close(descriptor)


def remove_unless_held(path: Path) -> None:
    """Remove a file if it is certain that nobody holds its lock."""
    if not fcntl:  # Windows removes no file that is open
        path.unlink()
        return
    with open(path, "rb+") as file, suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def _taken(descriptor: int, patience: float = 0) -> bool:
    if not fcntl:
        return True
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        except OSError as error:
            _unless_unsupported(error)
            return True


def _unless_unsupported(error: OSError) -> None:
    if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EBADF):
        raise error

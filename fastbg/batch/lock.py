"""Locks on a file that end with their process, however it ends.

They are advisory, of `flock`: where the system or the file system has none, nothing is locked.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
        deadline = time.monotonic() + patience
        while not (held := _taken(file.fileno())) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        yield held


def _taken(descriptor: int) -> bool:
    if not fcntl:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _unless_unsupported(error)
    return True


def _unless_unsupported(error: OSError) -> None:
    if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS):
        raise error

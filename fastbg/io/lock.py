"""Locks between processes. The system releases them when their process ends, however it ends.

They are advisory. Where the file system supports none, every lock is granted.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

POLL_SECONDS, FIRST_SECONDS = 0.05, 0.001
"""The time between two looks whether a lock is free, at most, and before the first one: workers of
a batch hold the lock of their folder for about a millisecond."""

FOLDER = ".fastbg.lock"
"""The file in a folder by which the folder is locked."""

_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EBADF)

_WINDOWS = os.name == "nt"
"""Windows removes no file that somebody has open, and lets nobody write to one that is locked."""


@contextmanager
def alone(path: Path, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock that one process at a time can have.

    Parameters
    ----------
    path : Path
        A file that stands for the lock: it is created, and removed with the release. Where its
        process was killed it stays, unlocked, until the next release.
    patience : float
        Seconds to wait for the present holder.

    Yields
    ------
    bool
        False if somebody else still has the lock.

    Raises
    ------
    OSError
        If the file cannot be created.
    """
    descriptor, held = _taken(path, patience)
    try:
        yield held
    finally:
        if held and not _WINDOWS:
            _remove(path)
        os.close(descriptor)
        if held and _WINDOWS:
            _remove(path)


def folder(path: Path, patience: float = 0.0) -> AbstractContextManager[bool]:
    """Hold the lock of a folder, which must exist: see `alone`."""
    return alone(path / FOLDER, patience)


@contextmanager
def created(path: Path) -> Iterator[None]:
    """Create a file that `remove_unless_held` keeps as long as the context lasts.

    The file may be written meanwhile, and moved away at the end of the context.
    """
    descriptor = _open(path) if _WINDOWS else _taken(path, POLL_SECONDS)[0]
    try:
        yield
    finally:
        os.close(descriptor)


def remove_unless_held(path: Path) -> None:
    """Remove a file of `created` if it is certain that nobody holds it any more."""
    with suppress(OSError):
        if _WINDOWS:
            path.unlink()
            return
        descriptor = os.open(path, os.O_RDWR)
        try:
            # Where locks are not supported, nobody knows who holds them, and this raises.
            if take(descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


def take(descriptor: int) -> bool:
    """Take the lock of an opened file, unless somebody else has it; it goes when that is closed.

    Raises
    ------
    OSError
        If the file system has no locks, or fails.
    """
    if _WINDOWS:
        from filelock import lock_descriptor

        return lock_descriptor(descriptor, blocking=False)
    # What filelock does, too; to import all of it takes 6 ms.
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # which of the two depends on the file system
        return False
    return True


def _taken(path: Path, patience: float) -> tuple[int, bool]:
    """The opened file, and whether its lock could be taken."""
    deadline = time.monotonic() + patience
    while True:
        descriptor = _open(path)
        try:
            held = _lock(descriptor, deadline - time.monotonic())
            # The file is removed by who held the lock before, or by `remove_unless_held`.
            if not (held and _is_removed(descriptor, path)):
                return descriptor, held
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not path.exists():
            raise
        # The file of another user, which can be locked by reading it.
        return os.open(path, os.O_RDONLY)


def _lock(descriptor: int, patience: float) -> bool:
    """Whether the lock was free, or became free within `patience` seconds."""
    deadline, pause = time.monotonic() + patience, FIRST_SECONDS
    try:
        while not take(descriptor):
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, POLL_SECONDS)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _is_removed(descriptor: int, path: Path) -> bool:
    found = os.fstat(descriptor)
    try:
        # Some file systems count no links, so that a count of 0 alone does not tell.
        return not found.st_nlink and not os.path.samestat(found, os.stat(path))
    except FileNotFoundError:
        return True


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()

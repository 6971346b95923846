"""Files whose parts are read and written at their place, by any number of threads at once."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from contextlib import suppress
from threading import Lock
from typing import Any, Literal

import numpy as np

BLOCK = 512
"""Bytes in which POSIX counts the room that a file takes."""

_KEEP_SIZE = 1
"""Room beyond the end of a file: FALLOC_FL_KEEP_SIZE of Linux."""


def reserve(path: str | os.PathLike[str], size: int) -> None:
    """Take room on the disk for an empty file, which stays empty, where the system can.

    It stays taken when the file is opened anew to be written.
    """
    if sys.platform != "linux":
        return
    fallocate = ctypes.CDLL(None).fallocate
    fallocate.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long
    with suppress(OSError), open(path, "rb+") as file:
        # What goes wrong here is told when the file is written.
        fallocate(file.fileno(), _KEEP_SIZE, 0, size)


def _open(path: str, flags: int) -> int:
    """Open a file; a new one is emptied only where there is something in it."""
    descriptor = os.open(path, flags & ~os.O_TRUNC, 0o666)
    if flags & os.O_TRUNC and os.fstat(descriptor).st_size:
        os.truncate(descriptor, 0)
    return descriptor


class RandomAccessFile:
    """An unbuffered binary file without a common position; a context manager.

    Parameters
    ----------
    path : path
    mode : str
        ``"rb"``, ``"rb+"`` to change a file, or ``"wb"`` or ``"wb+"`` for a new one, which keeps
        the room that was reserved for it: see `reserve`.
    """

    def __init__(
        self, path: str | os.PathLike[str], mode: Literal["rb", "rb+", "wb", "wb+"]
    ) -> None:
        self._file: Any = open(path, mode, buffering=0, opener=_open)  # noqa: SIM115
        self._position = Lock()
        self._opened: tuple[int, int] | None = self._state()

    @classmethod
    def temporary(cls, folder: str | os.PathLike[str] | None = None) -> RandomAccessFile:
        """A new file without a name, to write and to read, in a folder or where the system likes.

        It is gone when it is closed.
        """
        new = cls.__new__(cls)
        new._position = Lock()
        new._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
        new._opened = None  # nobody else can write it
        return new

    def __enter__(self) -> RandomAccessFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def size(self) -> int:
        """The present size of the file in bytes."""
        return os.fstat(self._file.fileno()).st_size

    def has_changed(self) -> bool:
        """Whether somebody has written it since it was opened, as far as its time and size tell."""
        return self._opened not in (None, self._state())

    def read_into(self, start: int, out: np.ndarray) -> int:
        """Fill `out`, (n,) uint8, with what begins at byte `start`.

        Returns the count of bytes, which is smaller than n only where the file ends.
        """
        done = 0
        # The system may give less than it was asked for, on Linux never more than 2 GB.
        while done < out.size and (count := self._read_some(start + done, out[done:].data)):
            done += count
        return done

    def write(self, start: int, data: bytes | memoryview) -> None:
        """Put bytes at byte `start`."""
        rest = memoryview(data)
        while rest:
            count = self._write_some(start, rest)
            start, rest = start + count, rest[count:]

    def start_storing(self, start: int, size: int) -> None:
        """Let the system begin to bring these bytes to the disk, where it can be asked for that.

        Otherwise it begins seconds later, or when the file is flushed, and that then waits.
        """
        if sys.platform == "linux":
            # What is not on the disk yet stays in memory: the name says less than it does.
            os.posix_fadvise(self._file.fileno(), start, size, os.POSIX_FADV_DONTNEED)

    def allocate(self, size: int) -> None:
        """Give the file its size; where the system can, the disk's room for it is taken now.

        Raises
        ------
        OSError
            If there is not enough room.
        """
        found = os.fstat(self._file.fileno())
        reserved = 0 if found.st_size else BLOCK * getattr(found, "st_blocks", 0)
        self._file.truncate(size)
        if reserved < size and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(self._file.fileno(), reserved, size - reserved)
            except OSError as error:  # some file systems cannot
                if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns

    # Windows has one position for all threads, and needs a lock around it.

    def _read_some(self, start: int, out: memoryview) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [out], start)
        with self._position:
            self._file.seek(start)
            return self._file.readinto(out) or 0

    def _write_some(self, start: int, data: memoryview) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._file.fileno(), data, start)
        with self._position:
            self._file.seek(start)
            return self._file.write(data)

"""Temporary files for images that are not stored as they are worked on: without a name, to read
and to write at any place.

They are gone when they are closed, and when the process is killed: where the system has it, they
lose their name at once, and Windows deletes them with their last handle.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError
from .blocks import FileBytes
from .random_access import RandomAccessFile
from .room import NO_ROOM

_LASTING = "/var/tmp"
"""Where systems keep large temporary files; their ``/tmp`` is often in memory.

https://systemd.io/TEMPORARY_DIRECTORIES
"""


def folder() -> str:
    """The folder for decompressed images: the one that TMPDIR, TEMP or TMP names, if any does."""
    told = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return tempfile.gettempdir() if told or not os.access(_LASTING, os.W_OK) else _LASTING


@contextmanager
def decompressing() -> Iterator[None]:
    """Say what is wrong with the folder, when a temporary file in it is made or written."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot be decompressed into {folder()} ({error.strerror or error}): "
            f"{'free some space there, or ' * (error.errno in NO_ROOM)}set TMPDIR to another folder"
        ) from error


class Decompressed(FileBytes):
    """A block that is decompressed into a temporary file; it must be closed.

    Its room on the disk is taken now.

    Raises
    ------
    InputError
        If there is not enough room.
    """

    def __init__(self, size: int) -> None:
        with decompressing(), ExitStack() as undo:
            file = undo.enter_context(RandomAccessFile.temporary(folder()))
            file.allocate(size)
            undo.pop_all()
        super().__init__(file, 0, size)

    def write(self, start: int, data: np.ndarray) -> None:
        with decompressing():
            super().write(start, data)

    def close(self) -> None:
        self._file.close()


@contextmanager
def beside(path: str | os.PathLike[str], size: int) -> Iterator[FileBytes]:
    """A block of a temporary file beside an output, whose room on the disk is taken now.

    Raises
    ------
    OSError
        If there is not enough room.
    """
    with RandomAccessFile.temporary(Path(path).parent) as file:
        file.allocate(size)
        yield FileBytes(file, 0, size)

"""Bytes of a file that belong together: where they lie, or in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from threading import Lock
from typing import Protocol

import numpy as np

from ..errors import InputError
from .random_access import RandomAccessFile

MOST_EXPANSION = 1 << 16
"""No codec makes more bytes of one: deflate up to 1032, LZ4 255, LZW 4096, zstd 32768."""

STORED_TOGETHER = 1 << 22
"""Bytes that the system is asked to bring to the disk at once, when the last of them is written."""


class Block(Protocol):
    """The decompressed bytes of a data block.

    Attributes
    ----------
    size : int
        Their count.
    in_memory : int
        How many of them are in memory: all or none.
    """

    @property
    def size(self) -> int: ...
    @property
    def in_memory(self) -> int: ...

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill `out`, (n,) uint8, with the bytes from `start` on, from any thread."""


class FileBytes:
    """A block that lies in the file as it is."""

    in_memory = 0

    def __init__(self, file: RandomAccessFile, start: int, size: int) -> None:
        self._file = file
        self.start, self.size = start, size

    def read_into(self, start: int, out: np.ndarray) -> None:
        if self._file.read_into(self.start + start, out) < out.size:
            raise InputError("was truncated while it was read: copy or download it again")

    def write(self, start: int, data: np.ndarray) -> None:
        self._file.write(self.start + start, data.data)
        first, last = start // STORED_TOGETHER, (start + data.size) // STORED_TOGETHER
        if first < last:
            size = (last - first) * STORED_TOGETHER
            self._file.start_storing(self.start + first * STORED_TOGETHER, size)


class BytesInMemory:
    """A block in memory."""

    def __init__(self, raw: np.ndarray) -> None:
        self._raw = raw
        self.size = self.in_memory = raw.size

    def read_into(self, start: int, out: np.ndarray) -> None:
        out[:] = self._raw[start : start + out.size]


class PackedBytes:
    """A compressed block: decompressed when its bytes are first asked for; it must be closed.

    Parameters
    ----------
    size, stored : int
        Bytes of the block, and of what it is decompressed from.
    working : int
        Bytes that are in memory while it is decompressed.
    unpack : callable
        Decompresses it into a file, which the given stack will close.

    Raises
    ------
    InputError
        If no codec could make so many bytes of the stored ones.
    """

    in_memory = 0

    def __init__(
        self, size: int, stored: int, working: int, unpack: Callable[[ExitStack], Block]
    ) -> None:
        if size > stored * MOST_EXPANSION:
            raise InputError(
                f"claims {size} bytes in {stored} compressed ones, which cannot be: copy or "
                "download it again, or save it uncompressed"
            )
        self.size, self.working = size, working
        self._unpack, self._once = unpack, Lock()
        self._files = ExitStack()

    @cached_property
    def _block(self) -> Block:
        with ExitStack() as files:
            block = self._unpack(files)
            self._files = files.pop_all()
        return block

    def load(self) -> None:
        with self._once:
            _ = self._block

    def close(self) -> None:
        self._files.close()

    def read_into(self, start: int, out: np.ndarray) -> None:
        self.load()
        self._block.read_into(start, out)


def whole(block: Block) -> np.ndarray:
    """All bytes of a block, (size,) uint8."""
    raw = np.empty(block.size, np.uint8)
    block.read_into(0, raw)
    return raw

"""An image in a file of any format: rows are read when they are asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import local
from typing import Any, Literal

import numpy as np

from ..errors import InputError
from ..image.patterns import BAYER_PATTERNS, shifted
from .blocks import PackedBytes
from .keywords import Header
from .orientation import AS_STORED, Turn, TurnedSamples
from .random_access import RandomAccessFile
from .samples import Samples

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class White:
    """The number that becomes 1.

    Attributes
    ----------
    value : float
    how : {"declared", "type", "guessed", "given"}
        Who tells it: the file, the type of its unsigned integers, nobody, the user.
    """

    value: float
    how: Literal["declared", "type", "guessed", "given"]


@dataclass(frozen=True)
class ImageFile:
    """The first image of a file, which stays open; a context manager.

    Attributes
    ----------
    bounds : (float, float) or None
        The values of black and white, where the file tells, or once they were decided; None means
        0 and 1 for floats, and the range of their type for integers.
    header : Header
        The part of the file that an output in the same format carries over.
    warnings : tuple of str
        One line for each thing that was not understood or cannot be carried over.
    cfa : str or None
        The pattern of the colour filter array: the colours of its 2 x 2 pixels, row by row, as in
        RGGB.
    path : path
    white : White or None
        None before it was decided: see `fastbg.io.white`.
    orientation : int or None
        Which way up it is stored, as `fastbg.io.orientation` has it; None where the file does not
        tell.
    turn : Turn
        From the order in which rows and columns are stored to that in which they are read.
    """

    bounds: tuple[float, float] | None
    header: Header
    warnings: tuple[str, ...]
    cfa: str | None
    path: PathLike
    _file: RandomAccessFile
    _samples: Samples
    white: White | None = None
    orientation: int | None = 1
    turn: Turn = AS_STORED

    def __enter__(self) -> ImageFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and the temporary one of a compressed image."""
        self._file.close()
        if isinstance(block := self._samples.block, PackedBytes):
            block.close()

    def check_unchanged(self) -> None:
        """Raise InputError if the open file has been written since it was opened."""
        with reading(self.path):
            if self._file.has_changed():
                raise InputError("was written while it was read: run again when it is complete")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width: K, H, W."""
        return self._samples.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the samples, in native byte order."""
        return self._samples.dtype

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of samples in memory: 0 where rows are read from a file."""
        return self._samples.block.in_memory

    @property
    def packed_bytes(self) -> int:
        """Bytes that :meth:`load` needs in memory while it decompresses an image."""
        block = self._samples.block
        return block.working if isinstance(block, PackedBytes) else 0

    def load(self) -> None:
        """Decompress a compressed image now, instead of when rows are first read.

        It is in a temporary file then, until this one is closed.

        Raises
        ------
        InputError
            If it is damaged, or the disk is full.
        """
        block = self._samples.block
        if isinstance(block, PackedBytes):
            with reading(self.path):
                block.load()

    def read_rows(self, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
        """Some rows of all channels, from any thread.

        Parameters
        ----------
        rows : slice
            Without a step; what lies beyond the image is left out.
        out : ndarray, (K, >= n, W), of `dtype`, each plane contiguous, optional
            Filled instead of new memory, whose first use often takes longer than the reading.

        Returns
        -------
        ndarray, (K, n, W), of `dtype`
            As stored, not scaled. A view on `out` if that is given.

        Raises
        ------
        InputError
            If the file cannot be read any more.
        ValueError
            For a step, or an `out` of another shape or type.
        """
        channels, height, width = self.shape
        start, stop, step = rows.indices(height)
        shape = (channels, max(stop - start, 0), width)
        out = np.empty(shape, self.dtype) if out is None else out[:, : shape[1]]
        fits = out.shape == shape and out.dtype == self.dtype and out[0].flags.c_contiguous
        if step != 1 or not fits:
            raise ValueError(f"{rows} does not fit into an array of {out.shape}, {out.dtype}")
        with reading(self.path):
            self._samples.read_into(start, out)
        return out

    def to_array(self) -> np.ndarray:
        """All samples, (H, W, K), as a view on (K, H, W) in new memory."""
        return np.moveaxis(self.read_rows(slice(None)), 0, 2)

    def turned(self, turn: Turn) -> ImageFile:
        """The same with its rows and columns, and its filter array, in another order."""
        if not turn:
            return self
        cfa = self.cfa
        if cfa in BAYER_PATTERNS:
            cfa = shifted(cfa, *turn.first(self.shape[1:]))
        samples = TurnedSamples(self._samples, turn)
        return replace(self, cfa=cfa, turn=self.turn ^ turn, _samples=samples)

    def in_memory(self, header: Header) -> ImageFile:
        """The same with its samples in memory and another header, for when the file is closed."""
        self.load()
        with reading(self.path):
            return replace(self, header=header, _samples=self._samples.in_memory())


class LastRead:
    """The samples of a file, of which each thread keeps those that it has read last.

    Rows that are corrected are needed once more, as they are stored, when the result is written.
    """

    def __init__(self, file: ImageFile) -> None:
        self.shape, self.dtype = file.shape, file.dtype
        self._file, self._last = file, local()

    def read_rows(self, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
        """As `ImageFile.read_rows`; without `out`, what is returned is overwritten by the next call
        of the same thread, and must not be changed.
        """
        if out is not None:
            return self._file.read_rows(rows, out)
        last = self._last
        if getattr(last, "rows", None) != rows:
            count = len(range(*rows.indices(self.shape[1])))
            last.rows = None  # until they are read
            if not hasattr(last, "memory") or last.memory.shape[1] < count:
                last.memory = np.empty((self.shape[0], count, self.shape[2]), self.dtype)
            last.band = self._file.read_rows(rows, last.memory)
            last.rows = rows
        band: np.ndarray = last.band
        return band


def open_file(path: PathLike) -> RandomAccessFile:
    """Open a regular file.

    Raises
    ------
    InputError
        If it is something else.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise InputError("is a directory: give a file")
    if not stat.S_ISREG(mode):
        # Opening a pipe would wait for ever, and what is in a file is not in reading order.
        raise InputError("is not a regular file: save it to disk first")
    return RandomAccessFile(path, "rb")


def check_readable(path: PathLike) -> None:
    """Raise InputError, with the name, unless the file can be opened."""
    with reading(path), open_file(path):
        pass


@contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """Name the file in errors."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{os.fspath(path)} {error}") from error
    except FileNotFoundError as error:
        raise InputError(f"{os.fspath(path)} does not exist: check the name") from error
    except PermissionError as error:
        raise InputError(
            f"{os.fspath(path)} cannot be read (no permission): change its permissions"
        ) from error
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InputError(
            f"{os.fspath(path)} cannot be read ({cause}): check the name and the disk"
        ) from error

"""Writes images as FITS files, in any order of their rows."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .. import temporary
from ..blocks import Block, FileBytes
from ..keywords import Header
from ..names import Packing
from ..random_access import RandomAccessFile
from ..target import ImageTarget, PathLike, writing
from . import checksum, extremes
from .cards import BLOCK, header_text
from .header import FitsHeader, add_history, new_records, restored_records, set_value, with_value
from .pack import pack
from .scaling import Scaling
from .tiles import EMPTY_PRIMARY
from .units import padded

_PIECE = 1 << 20
"""Bytes that are copied or summed at a time; a multiple of 4."""

_GZIP_LEVEL = 1
"""Noise hardly gets smaller with more, and takes four times as long."""


@contextmanager
def create(
    path: PathLike,
    shape: tuple[int, int, int],
    *,
    dtype: np.dtype[Any] | type | None = np.float32,
    header: Header | None = None,
    history: Sequence[str] = (),
    packing: Packing = "none",
) -> Iterator[ImageTarget]:
    """Write an image as a FITS file, replacing it if there is one.

    The file is complete when the context is left, which must be after all rows were written; if
    that is because of an error, an incomplete file stays.

    Parameters
    ----------
    shape : (int, int, int)
        K, H, W.
    dtype : dtype, optional
        The type of the samples: an unsigned or signed integer, float32 or float64. None keeps that
        of `header`, which must then be of a FITS file.
    header : Header, optional
        All but the pixels is carried over from it; from other formats, the keywords. Checksums,
        DATAMIN and DATAMAX are brought up to date. It is not mutated, and the file that it was read
        from must still be open.
    history : sequence of str
        Each becomes a HISTORY card, after the others.
    packing : {"none", "gzip", "tiles"}
        ``gzip``: the whole file. ``tiles``: the image, without loss. What is compressed is in a
        temporary file beside this one until the end.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    own = header if isinstance(header, FitsHeader) else None
    if dtype is None:
        if own is None:
            raise ValueError("only FITS headers tell how to store samples")
        scaling = own.scaling
    else:
        scaling = Scaling.storing(np.dtype(dtype))
    axes = own.axes if own else shape[shape[0] == 1 :]
    records = restored_records(own, scaling) if own else new_records(header, scaling, axes)
    add_history(records, history)
    size = math.prod(shape) * scaling.stored.itemsize
    stored = scaling.stored.newbyteorder(">")
    with ExitStack() as stack:
        unit: _Tiled | _Plain
        with writing(path):
            if packing == "gzip":
                file = stack.enter_context(RandomAccessFile.temporary(Path(path).parent))
            else:
                file = stack.enter_context(RandomAccessFile(path, "wb+"))
            if packing == "tiles":
                raw = stack.enter_context(temporary.beside(path, size))
                unit = _Tiled(file, own, records, raw, stored, axes)
            else:
                unit = _Plain(file, own, records, size)
        target = ImageTarget(
            path, shape, stored, unit.data, lambda _, planes: scaling.encode(planes)
        )
        yield target
        target.check_complete()
        with writing(path):
            extremes.tell(records, unit.data, scaling)
            unit.finish()
            if packing == "gzip":
                _compress(file, path)
            # Some systems tell only here that a disk is full.
            file.close()


class _Plain:
    """A file whose image is stored row by row; it has its size from the start."""

    def __init__(
        self,
        file: RandomAccessFile,
        own: FitsHeader | None,
        records: list[str],
        size: int,
    ) -> None:
        self._file, self._records = file, records
        text = header_text(records)
        # What is before a primary image is there for its tiles.
        is_primary = records[0].startswith("SIMPLE")
        self._start = _put(file, 0, None if is_primary or not own else own.before)
        self.data = FileBytes(file, self._start + len(text), size)
        stop = self._start + len(text) + padded(size)
        file.allocate(stop)
        file.write(self._start, text)
        _put(file, stop, own.after if own else None)

    def finish(self) -> None:
        _bring_up_to_date(self._records, self.data)
        self._file.write(self._start, header_text(self._records))


class _Tiled:
    """A file whose image is compressed in tiles, from a temporary file with its samples."""

    def __init__(
        self,
        file: RandomAccessFile,
        own: FitsHeader | None,
        records: list[str],
        raw: FileBytes,
        stored: np.dtype[Any],
        axes: tuple[int, ...],
    ) -> None:
        self._file, self._own, self._records = file, own, records
        self._stored, self._axes = stored, axes
        self.data = raw

    def finish(self) -> None:
        before = self._own.before if self._own else None
        start = _put(self._file, 0, before or header_text(EMPTY_PRIMARY))
        records, data = pack(self.data, self._stored, self._axes, self._records, self._file, start)
        _bring_up_to_date(records, data)
        self._file.write(start, header_text(records))
        place = _put(self._file, data.start + data.size, bytes(-data.size % BLOCK))
        _put(self._file, place, self._own.after if self._own else None)


def _put(file: RandomAccessFile, place: int, what: bytes | Block | None) -> int:
    """Write bytes, and return where they end."""
    if what is None:
        return place
    if isinstance(what, bytes):
        file.write(place, what)
        return place + len(what)
    for at in range(0, what.size, _PIECE):
        piece = np.empty(min(_PIECE, what.size - at), np.uint8)
        what.read_into(at, piece)
        file.write(place + at, piece.data)
    return place + what.size


def _bring_up_to_date(records: list[str], data: Block) -> None:
    """Give the checksums, if there are any, their values of now."""
    told = with_value(records, "DATASUM", "CHECKSUM")
    if not told:
        return
    total = 0
    for at in range(0, data.size, _PIECE):
        piece = np.empty(min(_PIECE, data.size - at), np.uint8)
        data.read_into(at, piece)
        total = checksum.add(total, np.pad(piece, (0, -piece.size % 4)))
    if "DATASUM" in told:
        set_value(records, "DATASUM", f"'{total}'")
    if "CHECKSUM" in told:
        set_value(records, "CHECKSUM", f"'{checksum.EMPTY}'")
        whole = checksum.add(total, np.frombuffer(header_text(records), np.uint8))
        set_value(records, "CHECKSUM", f"'{checksum.spelled(whole)}'")


def _compress(file: RandomAccessFile, path: PathLike) -> None:
    size, at = file.size(), 0
    with (
        open(path, "wb") as stored,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, stored, mtime=0) as packed,
    ):
        while at < size:
            piece = np.empty(min(_PIECE, size - at), np.uint8)
            file.read_into(at, piece)
            packed.write(piece.data)
            at += piece.size

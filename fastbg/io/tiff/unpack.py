"""Decompresses the image of a TIFF file strip by strip, or tile by tile, by tifffile."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...version import ONE_FILE
from ..blocks import Block, FileBytes, PackedBytes
from ..image_file import PathLike
from ..temporary import Decompressed
from .directories import full_image
from .page import checked_dtype

if TYPE_CHECKING:
    from tifffile import TiffPage

_BUFFER = 1 << 22
"""Bytes that are read at a time, where parts are smaller."""

_DEFLATE = (8, 32946)
"""Its numbers, the second of which is old: the one codec that is decompressed piece by piece."""

_OF_BYTES = (*_DEFLATE, 5, 32773, 34925, 50000)
"""The codecs that know of no image: LZW, PackBits, LZMA and zstd, too."""

_LONG = 1 << 24
"""Bytes of a part that is not decompressed as a whole, where that can be helped."""


def packed(path: PathLike, page: TiffPage, stored: int) -> PackedBytes:
    """The samples of a page, of which the file has so many bytes: in native byte order."""
    size = math.prod(page.shaped) * checked_dtype(page).itemsize
    return PackedBytes(size, stored, _working(page, size), lambda files: _unpack(path, size, files))


def _working(page: TiffPage, size: int) -> int:
    """Bytes in memory while a page is decompressed."""
    # The predictor of floats moves their bytes, that of integers works in place.
    copies = 1 if page.predictor in (1, 2) else 2
    if page.is_contiguous:
        return copies * size
    largest = max(page.databytecounts, default=0)
    if _is_streamed(page):
        return 4 * _BUFFER + (0 if page.compression in _DEFLATE else _part(page) + largest)
    return copies * _part(page) * max(1, page.maxworkers) + max(2 * _BUFFER, largest)


def _part(page: TiffPage) -> int:
    """Bytes of a strip or tile."""
    return math.prod(page.chunks) * checked_dtype(page).itemsize


def _is_streamed(page: TiffPage) -> bool:
    """Whether strips are too long to be several times in memory: some programs write one strip."""
    return (
        page.compression in _OF_BYTES
        and not page.is_tiled
        and page.fillorder == 1
        and _part(page) > _LONG
    )


def _unpack(path: PathLike, size: int, files: ExitStack) -> Block:
    import tifffile

    raw = files.enter_context(closing(Decompressed(size)))
    try:
        with tifffile.TiffFile(path) as tiff:
            page = full_image(tiff)
            if math.prod(page.shaped) * checked_dtype(page).itemsize != size:
                raise ValueError(f"not the {size} bytes that it had")
            _decode(page, raw)
    except (InputError, OSError):
        raise
    except ValueError as error:
        cure = "copy or save it again"
        if "imagecodecs" in str(error):
            cure = "save it uncompressed" + ("" if ONE_FILE else ", or pip install imagecodecs")
        raise InputError(f"cannot be decompressed ({error}): {cure}") from error
    except Exception as error:  # the codecs have errors of their own
        raise InputError(
            f"cannot be decompressed ({error or 'out of memory'}): copy or save it again"
        ) from error
    return raw


def _decode(page: TiffPage, raw: FileBytes) -> None:
    """Write the samples of a page where they belong."""
    _, _, height, width, samples = page.shaped
    dtype = checked_dtype(page).newbyteorder("=")

    def write(place: int, part: np.ndarray) -> None:
        stored = np.ascontiguousarray(part, dtype)
        raw.write(place * dtype.itemsize, stored.reshape(-1).view(np.uint8))

    def store(decoded: Any) -> None:
        part, (plane, _, top, left, _), (_, rows, columns, _) = decoded
        rows, columns = min(rows, height - top), min(columns, width - left)
        if part is None:  # the file leaves out what has only one value
            part = np.full((1, rows, columns, samples), page.nodata, dtype)
        part = part[0, :rows, :columns]
        first = (plane * height + top) * width + left
        if columns == width:
            write(first * samples, part)
        else:
            for row, line in enumerate(part):
                write((first + row * width) * samples, line)

    if page.is_contiguous:
        write(0, page.asarray())
    elif _is_streamed(page):
        for start, rows in _streamed(page):
            write(start * width * samples, rows)
    else:
        for _ in page.segments(func=store, buffersize=_BUFFER, sort=True, _fullsize=False):
            pass


def _streamed(page: TiffPage) -> Iterator[tuple[int, np.ndarray]]:
    """Some rows at a time, (n, W, samples), and the first of them, counted through all planes."""
    import tifffile

    _, _, height, width, samples = page.shaped
    order = page.parent.byteorder if page.predictor in (1, 2) else "="
    dtype = checked_dtype(page).newbyteorder(order)
    row = width * samples * dtype.itemsize
    step = max(1, _BUFFER // row) * row
    in_plane = -(-height // page.rowsperstrip)
    for number, (place, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        plane, strip = divmod(number, in_plane)
        first = strip * page.rowsperstrip
        left = min(page.rowsperstrip, height - first) * row
        first += plane * height
        raw = bytearray()
        inflate = _inflated if page.compression in _DEFLATE else _decompressed
        for piece in inflate(page, place, size):
            raw += piece
            while len(raw) >= min(step, left) > 0:
                taken, raw = raw[:step][:left], raw[step:]
                left -= len(taken)
                rows = np.frombuffer(taken, dtype).reshape(-1, width, samples)
                if page.predictor != 1:
                    rows = tifffile.TIFF.UNPREDICTORS[page.predictor](rows, axis=-2)
                yield first, rows
                first += len(rows)
            if not left:
                break
        if left:
            raise ValueError(f"a strip lacks {left} bytes")


def _decompressed(page: TiffPage, place: int, size: int) -> Iterator[bytes]:
    """A strip, of which the stored bytes are gone when its pieces are used."""
    import tifffile

    file = page.parent.filehandle
    file.seek(place)
    whole = tifffile.TIFF.DECOMPRESSORS[page.compression](file.read(size))
    for at in range(0, len(whole), _BUFFER):
        yield whole[at : at + _BUFFER]


def _inflated(page: TiffPage, place: int, size: int) -> Iterator[bytes]:
    file = page.parent.filehandle
    codec, stop = zlib.decompressobj(), place + size
    packed = b""
    while not codec.eof and (packed or place < stop):
        if not packed:
            file.seek(place)
            packed = file.read(min(_BUFFER, stop - place))
            if not packed:
                return
            place += len(packed)
        yield codec.decompress(packed, _BUFFER)
        packed = codec.unconsumed_tail

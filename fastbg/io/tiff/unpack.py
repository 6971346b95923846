"""Decompresses the image of a TIFF file strip by strip, or tile by tile, by tifffile."""

from __future__ import annotations

import math
from contextlib import ExitStack, closing
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ..blocks import Block, FileBytes, PackedBytes
from ..image_file import PathLike
from ..temporary import Decompressed
from .directories import full_image

if TYPE_CHECKING:
    from tifffile import TiffPage

_BUFFER = 1 << 22
"""Bytes that are read at a time, where parts are smaller."""

_COPIES = 3
"""Times a part is in memory while a thread decompresses it and undoes the predictor; measured."""


def packed(path: PathLike, page: TiffPage, stored: int) -> PackedBytes:
    """The samples of a page, of which the file has so many bytes: in native byte order."""
    size = math.prod(page.shaped) * index(page.dtype.itemsize)
    return PackedBytes(size, stored, _working(page, size), lambda files: _unpack(path, size, files))


def _working(page: TiffPage, size: int) -> int:
    if page.is_contiguous:
        return _COPIES * size
    part = math.prod(page.chunks) * index(page.dtype.itemsize)
    largest = max(page.databytecounts, default=0)
    return _COPIES * part * max(1, page.maxworkers) + 2 * max(_BUFFER, largest)


def _unpack(path: PathLike, size: int, files: ExitStack) -> Block:
    import tifffile

    raw = files.enter_context(closing(Decompressed(size)))
    try:
        with tifffile.TiffFile(path) as tiff:
            page = full_image(tiff)
            if math.prod(page.shaped) * page.dtype.itemsize != size:
                raise ValueError(f"not the {size} bytes that it had")
            _decode(page, raw)
    except (InputError, OSError):
        raise
    except ValueError as error:
        cure = "copy or save it again"
        if "imagecodecs" in str(error):
            cure = "save it uncompressed, or pip install imagecodecs"
        raise InputError(f"cannot be decompressed ({error}): {cure}") from error
    except Exception as error:  # the codecs have errors of their own
        raise InputError(
            f"cannot be decompressed ({error or 'out of memory'}): copy or save it again"
        ) from error
    return raw


def _decode(page: TiffPage, raw: FileBytes) -> None:
    """Write the samples of a page where they belong."""
    _, _, height, width, samples = page.shaped
    dtype = page.dtype.newbyteorder("=")

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
        return
    for _ in page.segments(func=store, buffersize=_BUFFER, sort=True, _fullsize=False):
        pass

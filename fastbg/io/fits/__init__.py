"""FITS files (https://fits.gsfc.nasa.gov/fits_standard.html), also compressed: .fz and .gz.

Pixels stay in the file until their rows are asked for. Of a compressed one, that is a temporary
file.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from .. import temporary
from ..blocks import Block, FileBytes
from ..image_file import ImageFile, PathLike, open_file, reading
from ..keywords import Keyword, cfa_pattern, is_bottom_up, no_pattern
from ..random_access import RandomAccessFile
from ..samples import Samples, StoredSamples
from .cards import first_values, keywords_of
from .header import FitsHeader
from .quantised import may_lose_zeros
from .scaling import Scaling
from .tiles import image_records, was_primary
from .units import Unit, number, units_of
from .unpack import packed
from .write import create as create

GZIP = b"\x1f\x8b"
"""What a compressed file begins with."""

_PIECE = 1 << 20
"""Bytes that are decompressed at a time."""


def open_image(path: PathLike) -> ImageFile:
    """Open the first image of a FITS file.

    Samples are the physical numbers; unsigned integers keep their type. Any channel count is
    read; which ones can be used is for the caller to say. The image must be closed.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not FITS, damaged, or holds no 2-D image.
    """
    with reading(path), ExitStack() as stack:
        file = open_file(path)
        stack.callback(lambda: file.close())
        if _bytes(file, len(GZIP)) == GZIP:
            file.close()
            file = _decompressed(path)
        units = list(units_of(file))
        if not units:
            raise InputError("is not a FITS file: give one")
        images = [unit for unit in units if unit.holds_image]
        if not images:
            raise InputError("holds no image: save it again from the program that made it")
        unit = images[0]
        lines = []
        if len(images) > 1:
            lines.append(
                f"only the first of {len(images)} images is worked on; the others are copied"
            )
        records, values = unit.records, unit.values
        if unit.is_compressed:
            primary = was_primary(unit, units[: units.index(unit)])
            records = image_records(unit, primary)
            values = first_values(records)
            if may_lose_zeros(unit):
                lines.append(
                    "its samples were rounded when it was compressed: those at its border that are "
                    "within half a step of 0 count as missing"
                )
        scaling = _scaling(values)
        samples = _PhysicalSamples(_stored_samples(file, unit, scaling), scaling)
        header = FitsHeader(
            records,
            scaling,
            unit.shape,
            FileBytes(file, 0, unit.start) if unit.start else None,
            FileBytes(file, unit.stop, file.size() - unit.stop)
            if unit.stop < file.size()
            else None,
        )
        keywords, cfa = header.keywords, None
        bottom_up = is_bottom_up(keywords)
        if samples.shape[0] == 1:
            cfa = cfa_pattern(keywords, samples.shape[1] - 1 if bottom_up else 0)
            lines += no_pattern(keywords) if cfa is None else ()
        bounds = (0.0, float(np.iinfo(scaling.dtype).max)) if scaling.dtype.kind == "u" else None
        stack.pop_all()
        orientation = {True: 4, False: 1, None: None}[bottom_up]
        return ImageFile(
            bounds, header, tuple(lines), cfa, path, file, samples, orientation=orientation
        )


def read_keywords(path: PathLike) -> tuple[Keyword, ...]:
    """The keywords of the first image of a gzip file, which is decompressed as far as its header.

    Raises
    ------
    InputError
        As from :func:`open_image`.
    """
    with (
        reading(path),
        _temporary() as plain,
        _unpacking(),
        gzip.open(path) as packed,
    ):
        units = units_of(_Growing(plain, packed))
        unit = next((unit for unit in units if unit.holds_image), None)
        return tuple(keywords_of(unit.records)) if unit else ()


@dataclass(frozen=True)
class _PhysicalSamples:
    """Stored samples as the numbers that they stand for."""

    raw: Samples
    scaling: Scaling

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.raw.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.scaling.dtype

    @property
    def block(self) -> Block:
        return self.raw.block

    def read_into(self, start: int, out: np.ndarray) -> None:
        same = self.scaling.stored.itemsize == out.itemsize
        stored = out.view(self.scaling.stored) if same else np.empty(out.shape, self.scaling.stored)
        self.raw.read_into(start, stored)
        physical = self.scaling.decode(stored)
        if not np.may_share_memory(physical, out):
            out[...] = physical

    def in_memory(self) -> _PhysicalSamples:
        return _PhysicalSamples(self.raw.in_memory(), self.scaling)


def _stored_samples(file: RandomAccessFile, unit: Unit, scaling: Scaling) -> StoredSamples:
    block: Block = FileBytes(file, unit.data, unit.size)
    stored = scaling.stored.newbyteorder(">")
    if unit.is_compressed:
        stored = scaling.stored
        block = packed(file, unit, stored)
    return StoredSamples(block, _shape(unit.shape), stored)


def _bytes(file: RandomAccessFile, length: int) -> bytes:
    out = np.empty(length, np.uint8)
    return out[: file.read_into(0, out)].tobytes()


def _temporary() -> RandomAccessFile:
    with temporary.decompressing():
        return RandomAccessFile.temporary(temporary.folder())


def _decompressed(path: PathLike) -> RandomAccessFile:
    """A temporary file with the units that the gzip file holds.

    Bytes behind them are left out, for a small file may expand to any number of them.
    """
    plain = _temporary()
    try:
        with _unpacking(), gzip.open(path) as packed:
            for _ in units_of(_Growing(plain, packed)):
                pass
    except BaseException:
        plain.close()
        raise
    return plain


@contextmanager
def _unpacking() -> Iterator[None]:
    """Say what is wrong with a gzip file."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"cannot be decompressed ({error}): copy or download it again") from error


class _Growing:
    """A file that is decompressed as far as it is read."""

    def __init__(self, plain: RandomAccessFile, packed: gzip.GzipFile) -> None:
        self._plain, self._packed, self._size = plain, packed, 0

    def size(self) -> float:
        """Nobody knows before it is read."""
        return math.inf

    def read_into(self, start: int, out: np.ndarray) -> int:
        while self._size < start + out.size and (piece := self._packed.read(_PIECE)):
            with temporary.decompressing():
                self._plain.write(self._size, piece)
            self._size += len(piece)
        return self._plain.read_into(start, out)


def _scaling(values: Mapping[str, str]) -> Scaling:
    bitpix = number(values, "BITPIX", 0)
    zero, scale = number(values, "BZERO", 0), number(values, "BSCALE", 1)
    blank = number(values, "BLANK", 0) if "BLANK" in values else None
    # GDAL writes that of floats, like -9999., which stands for no integer.
    blank = blank if isinstance(blank, int) else None
    try:
        if not scale:
            raise KeyError
        return Scaling.of(int(bitpix), float(zero), float(scale), blank)
    except KeyError:
        raise InputError(
            f"has samples of the impossible BITPIX {bitpix} and BSCALE {scale}: save it again"
        ) from None


def _shape(axes: tuple[int, ...]) -> tuple[int, int, int]:
    """K, H and W of axes in the order of numpy: those before them must be 1."""
    if any(length != 1 for length in axes[:-3]):
        size = " x ".join(map(str, reversed(axes)))
        raise InputError(f"has an image of {size} samples: only 2-D images can be used")
    channels, height, width = (1, *axes)[-3:]
    return channels, height, width

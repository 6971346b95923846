"""Decompresses images in tiles, by astropy, some rows of tiles at a time."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from ...errors import InputError
from ..blocks import Block, FileBytes, PackedBytes
from ..random_access import RandomAccessFile
from ..temporary import Decompressed
from .quantised import Zeros, may_lose_zeros
from .tiles import ONE_AT_A_TIME, storage_header
from .units import Unit, number, padded, text, whole_number

_PIECE = 1 << 22
"""About how many bytes are decompressed at a time."""

_COPIES = 4
"""Times they are in memory meanwhile; measured. The zeros of rounded samples need as much again."""


def packed(file: RandomAccessFile, unit: Unit, stored: np.dtype[Any]) -> PackedBytes:
    """The samples of an image, of the type `stored`."""
    size = math.prod(unit.shape) * stored.itemsize
    working = (
        _COPIES * (1 + may_lose_zeros(unit)) * math.prod(_steps(unit, stored)) * stored.itemsize
    )

    def unpack(files: ExitStack) -> Block:
        raw = files.enter_context(closing(Decompressed(size)))
        _unpack(file, unit, stored, raw)
        return raw

    return PackedBytes(size, unit.size, working, unpack)


def _steps(unit: Unit, stored: np.dtype[Any]) -> list[int]:
    """The shape of what is decompressed at a time: some rows of tiles."""
    shape, tile = unit.shape, _tile(unit)
    row = math.prod(tile[:-2]) * tile[-2] * shape[-1] * stored.itemsize
    rows = tile[-2] * max(1, _PIECE // row)
    return [*tile[:-2], min(rows, shape[-2]), shape[-1]]


def _tile(unit: Unit) -> tuple[int, ...]:
    """The shape of a tile."""
    shape = unit.shape
    usual = [1] * (len(shape) - 1) + [shape[-1]]
    told = [
        whole_number(unit.values, f"ZTILE{len(shape) - at}", side) for at, side in enumerate(usual)
    ]
    return tuple(min(max(1, side), length) for side, length in zip(told, shape, strict=True))


def _unpack(file: RandomAccessFile, unit: Unit, stored: np.dtype[Any], raw: Decompressed) -> None:
    from astropy.io import fits

    header = storage_header(unit)
    data = FileBytes(file, unit.data, unit.size)
    source: Any = _Spliced(header, data)
    try:
        with (
            ONE_AT_A_TIME,
            fits.open(source, memmap=False, do_not_scale_image_data=True) as units,
        ):
            section = units[1].section
            zeros = None
            if may_lose_zeros(unit):
                zeros = Zeros(unit, _Spliced(header, data), _tile(unit))
            for place in _places(unit.shape, _steps(unit, stored)):
                samples = np.ascontiguousarray(section[place], stored)
                if _is_shifted(unit):
                    samples ^= np.int16(-32768)
                if zeros:
                    zeros.restore(samples, place)
                _write(raw, samples, unit.shape, place)
    except (InputError, OSError):
        raise
    except Exception as error:  # the codecs have errors of their own
        raise InputError(
            f"cannot be decompressed ({error or 'out of memory'}): copy or save it again"
        ) from error


def _places(shape: Sequence[int], steps: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """The parts of an array in steps along its axes."""
    ranges = (range(0, length, step) for length, step in zip(shape, steps, strict=True))
    for corner in itertools.product(*ranges):
        ends = (min(at + step, n) for at, step, n in zip(corner, steps, shape, strict=True))
        yield tuple(map(slice, corner, ends))


def _write(
    raw: FileBytes, samples: np.ndarray, shape: Sequence[int], place: tuple[slice, ...]
) -> None:
    """Write whole rows of an array of that shape."""
    corner = [part.start for part in place]
    for plane in np.ndindex(samples.shape[:-2]):
        at = [*map(sum, zip(corner, plane, strict=False)), corner[-2]]
        row = int(np.ravel_multi_index(at, shape[:-1]))
        rows = samples[plane].reshape(-1).view(np.uint8)
        raw.write(row * shape[-1] * samples.itemsize, rows)


def _is_shifted(unit: Unit) -> bool:
    """Whether 32768 was added to the stored samples, modulo 65536.

    PLIO has no negative numbers, so CFITSIO does it wherever BZERO is 32768, and takes it off
    again; astropy 8.0 does not.
    """
    return (
        text(unit.values, "ZCMPTYPE") == "PLIO_1"
        and number(unit.values, "ZBITPIX", 0) == 16
        and number(unit.values, "BZERO", 0) == 32768
    )


class _Spliced(io.RawIOBase):
    """A file that begins with other headers than the data have in theirs."""

    def __init__(self, header: bytes, data: FileBytes) -> None:
        self._header, self._data = np.frombuffer(header, np.uint8), data
        self._size = len(header) + padded(data.size)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        out = np.frombuffer(buffer, np.uint8)[: max(0, self._size - self._at)]
        out[:] = 0
        head = self._header[self._at : self._at + out.size]
        out[: head.size] = head
        start = max(0, self._at - self._header.size)
        length = max(0, min(out.size - head.size, self._data.size - start))
        self._data.read_into(start, out[head.size : head.size + length])
        self._at += out.size
        return out.size

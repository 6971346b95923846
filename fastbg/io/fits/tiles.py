"""Images in compressed tiles (FITS standard 4.0, section 10): the tiles by astropy, headers here.

Astropy gets no card but those that tell how the tiles are stored. So it has nothing to warn about,
which could only be kept from users by filters that the whole process shares; and all other cards
stay as they are spelled.
"""

from __future__ import annotations

import io
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from threading import Lock
from typing import Any

import numpy as np

from ...errors import InputError
from ..blocks import Block, BytesInMemory, FileBytes, PackedBytes
from ..random_access import RandomAccessFile
from ..temporary import Decompressed
from .cards import VALUE, header_text, keywords_of, record_of
from .units import Unit, number, padded, text, units_of, whole_number

_ONE_AT_A_TIME = Lock()
"""Astropy itself swaps those filters and restores them, which two threads must not do at once."""

_PIECE = 1 << 22
"""About how many bytes are decompressed at a time."""

_COPIES = 4
"""Times they are in memory meanwhile; measured."""

EMPTY_PRIMARY = (
    record_of("SIMPLE", "T", "conforms to FITS standard"),
    record_of("BITPIX", 8, "array data type"),
    record_of("NAXIS", 0, "number of array dimensions"),
    record_of("EXTEND", "T"),
)
"""The unit before an image in compressed tiles, which is an extension."""

_IN_TABLE = {
    **{name: f"Z{name}" for name in ("SIMPLE", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "EXTEND")},
    **{f"NAXIS{n}": f"ZNAXIS{n}" for n in range(1, 1000)},
    **{"XTENSION": "ZTENSION", "BLOCKED": "ZBLOCKED"},
}
"""The names under which the table keeps what the image tells of itself."""

_IN_IMAGE = {
    **{name: image for image, name in _IN_TABLE.items()},
    **{"ZHECKSUM": "CHECKSUM", "ZDATASUM": "DATASUM"},
}

_STORAGE = re.compile(
    "XTENSION|BITPIX|NAXIS[0-9]*|PCOUNT|GCOUNT|TFIELDS|THEAP|(TTYPE|TFORM|TSCAL|TZERO|TNULL)[0-9]+|"
    "ZIMAGE|ZCMPTYPE|ZMASKCMP|ZQUANTIZ|ZDITHER0|ZBLANK|ZSCALE|ZZERO|(ZTILE|ZNAME|ZVAL)[0-9]+"
)
"""Names that tell how the table and its tiles are stored."""

_ELSE_OF_THE_TABLE = re.compile("SIMPLE|EXTEND|CHECKSUM|DATASUM|(TUNIT|TDISP|TBCOL|TDIM)[0-9]+")
"""Further names that are not the image's."""


_OF_THE_PRIMARY = ("SIMPLE", "EXTEND", "BLOCKED")
"""Names that an extension must not have."""

_OF_AN_EMPTY_UNIT = re.compile(
    r"(SIMPLE|BITPIX|NAXIS|EXTEND|CHECKSUM|DATASUM|DATE) *=.*| *|"
    r"COMMENT +(FITS \(Flexible Image Transport System\)|and Astrophysics', volume 376).*"
)
"""Cards of the unit that programs which compress put before the image."""


def was_primary(unit: Unit, before: Sequence[Unit]) -> bool:
    """Whether the image was the primary one, so that the unit before it is due to the tiles.

    A first unit that tells something is kept, and the image then stays an extension.
    """
    return (
        "ZSIMPLE" in unit.values
        and len(before) == 1
        and before[0].size == 0
        and all(_OF_AN_EMPTY_UNIT.fullmatch(record) for record in before[0].records)
    )


def image_records(unit: Unit, primary: bool) -> tuple[str, ...]:
    """The cards that the image has once it is decompressed: as the primary one, or an extension."""
    own: dict[str, str] = {}
    for name, record in _named(unit.records):
        if name in _IN_IMAGE:
            own.setdefault(_IN_IMAGE[name], f"{_IN_IMAGE[name]:<8}{record[8:]}")
    axes = whole_number(unit.values, "ZNAXIS", 0)
    first = ["BITPIX", "NAXIS", *(f"NAXIS{n}" for n in range(1, axes + 1))]
    if primary:
        first.insert(0, "SIMPLE")
        own.pop("PCOUNT", None), own.pop("GCOUNT", None)
    else:
        first = ["XTENSION", *first, "PCOUNT", "GCOUNT"]
        own = {name: card for name, card in own.items() if name not in _OF_THE_PRIMARY}
        own["XTENSION"] = record_of("XTENSION", "'IMAGE   '")
        own.setdefault("PCOUNT", record_of("PCOUNT", 0))
        own.setdefault("GCOUNT", record_of("GCOUNT", 1))
    records = [own.pop(name) for name in first if name in own]
    kept = True  # decides for the cards that continue one, too
    for name, record in _named(unit.records):
        if name in _IN_IMAGE:
            kept = False
            records += [own.pop(_IN_IMAGE[name])] if _IN_IMAGE[name] in own else []
            continue
        if name != "CONTINUE":
            kept = not (
                _STORAGE.fullmatch(name)
                or _ELSE_OF_THE_TABLE.fullmatch(name)
                or (name == "EXTNAME" and text(unit.values, name) == "COMPRESSED_IMAGE")
            )
        records += [record] if kept else []
    return (*records, *_blank(unit))


def packed(file: RandomAccessFile, unit: Unit, stored: np.dtype[Any]) -> PackedBytes:
    """The samples of an image, of the type `stored`."""
    size = math.prod(unit.shape) * stored.itemsize
    working = _COPIES * math.prod(_steps(unit, stored)) * stored.itemsize

    def unpack(files: ExitStack) -> Block:
        raw = files.enter_context(closing(Decompressed(size)))
        _unpack(file, unit, stored, raw)
        return raw

    return PackedBytes(size, unit.size, working, unpack)


def _steps(unit: Unit, stored: np.dtype[Any]) -> list[int]:
    """The shape of what is decompressed at a time: some rows of tiles."""
    shape, axes = unit.shape, len(unit.shape)
    tile = [
        min(length, max(1, whole_number(unit.values, f"ZTILE{axes - at}", length if at == axes - 1 else 1)))
        for at, length in enumerate(shape)
    ]
    row = math.prod(tile[:-2]) * tile[-2] * shape[-1] * stored.itemsize
    rows = tile[-2] * max(1, _PIECE // row)
    return [*tile[:-2], min(rows, shape[-2]), shape[-1]]


def _unpack(
    file: RandomAccessFile, unit: Unit, stored: np.dtype[Any], raw: Decompressed
) -> None:
    from astropy.io import fits

    of_storage = [
        record
        for name, record in _named(unit.records)
        if _STORAGE.fullmatch(name) or name in ("ZBITPIX", "ZNAXIS", "ZSIMPLE") or "ZNAXIS" in name
    ]
    legible = [
        record for record in of_storage if VALUE.fullmatch(next(keywords_of([record])).value)
    ]
    header = header_text(EMPTY_PRIMARY) + header_text([*legible, *_blank(unit)])
    source: Any = _Spliced(header, FileBytes(file, unit.data, unit.size))
    try:
        with (
            _ONE_AT_A_TIME,
            fits.open(source, memmap=False, do_not_scale_image_data=True) as units,
        ):
            section = units[1].section
            for place in _places(unit.shape, _steps(unit, stored)):
                samples = np.ascontiguousarray(section[place], stored)
                if _is_shifted(unit):
                    samples ^= np.int16(-32768)
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


def pack(samples: np.ndarray, records: Sequence[str]) -> tuple[list[str], BytesInMemory]:
    """Compress an image in tiles, without loss.

    Parameters
    ----------
    samples : ndarray
        The samples as they are stored.
    records : sequence of str
        The cards of the image.

    Returns
    -------
    list of str
        The cards of the unit; checksums are those of the image.
    BytesInMemory
        Its data, without padding.
    """
    from astropy.io import fits

    # RICE would round floats.
    codec, exact = ("GZIP_2", 0) if samples.dtype.kind == "f" else ("RICE_1", None)
    stored = io.BytesIO()
    with _ONE_AT_A_TIME:
        unit = fits.CompImageHDU(samples, compression_type=codec, quantize_level=exact)
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(stored)
    raw = np.frombuffer(stored.getbuffer(), np.uint8)
    table = list(units_of(_Bytes(raw)))[1]
    of_storage = [record for name, record in _named(table.records) if _STORAGE.fullmatch(name)]
    place = next(at for at, record in enumerate(of_storage) if record.startswith("ZIMAGE")) + 1
    own, others = [], []
    for name, record in _named(records):
        if name in _IN_TABLE:
            own.append(f"{_IN_TABLE[name]:<8}{record[8:]}")
        elif not (_STORAGE.fullmatch(name) or name in _IN_IMAGE):
            others.append(record)
    if not any(record.startswith("EXTNAME ") for record in others):
        of_storage.append(record_of("EXTNAME", "'COMPRESSED_IMAGE'"))
    data = BytesInMemory(raw[table.data : table.data + table.size])
    return [*of_storage[:place], *own, *of_storage[place:], *others], data


def _named(records: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((record[:8].rstrip(), record) for record in records)


def _blank(unit: Unit) -> list[str]:
    """The card BLANK of an image that tells it elsewhere in its table."""
    bits = whole_number({"ZBITPIX": unit.values.get("ZBITPIX", "0").lstrip("-")}, "ZBITPIX", 0)
    if "BLANK" in unit.values or unit.values.get("ZBITPIX", "-").startswith("-"):
        return []
    if "ZBLANK" in unit.values:
        return [record_of("BLANK", unit.values["ZBLANK"])]
    columns = (text(unit.values, name) for name in unit.values if name.startswith("TTYPE"))
    # A column has it for each tile, and the usual value has to do for all.
    return [record_of("BLANK", -(1 << (bits - 1)))] if bits and "ZBLANK" in columns else []


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


class _Bytes:
    """Bytes in memory, in which units are found."""

    def __init__(self, raw: np.ndarray) -> None:
        self._raw = raw

    def size(self) -> float:
        return self._raw.size

    def read_into(self, start: int, out: np.ndarray) -> int:
        found = self._raw[start : start + out.size]
        out[: found.size] = found
        return found.size


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

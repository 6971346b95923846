"""The data blocks of XISF files: where they lie, their checksums and their compression."""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any, Literal

import numpy as np

from ...errors import InputError
from ..blocks import Block, BytesInMemory, FileBytes, PackedBytes
from ..random_access import RandomAccessFile
from ..temporary import Decompressed
from . import codecs
from .shuffle import ShuffledBytes

_CHECKSUMS = {
    "sha1": "sha1",
    "sha256": "sha256",
    "sha512": "sha512",
    "sha3256": "sha3_256",
    "sha3512": "sha3_512",
}
"""Names that files use, without hyphens, and those of hashlib."""

_LARGEST_ITEM = 16
"""Bytes of a sample: complex float64."""

_PIECE = 1 << 18
"""Bytes that are read at a time for their checksum alone."""


def stored_dtype(element: ET.Element, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in the byte order of the element's data block."""
    attributes, _ = _description(element)
    order: Literal["big", "little"] = "big" if attributes.get("byteOrder") == "big" else "little"
    return dtype.newbyteorder(order)


def open_block(file: RandomAccessFile, element: ET.Element, expected: int | None = None) -> Block:
    """The data block of an element. Its checksum is verified now, or while it is decompressed.

    `expected` is the size that the bytes must have: it is compared before anything is decompressed.
    """
    return opened(element, stored_block(file, element), expected)


def opened(element: ET.Element, stored: Block, expected: int | None = None) -> Block:
    """The data block of an element of which these are the stored bytes: see `open_block`."""
    attributes, _ = _description(element)
    if "compression" not in attributes:
        verify(element, stored)
        _check_size(stored.size, expected)
        return stored
    codec, size, item = _compression(attributes["compression"])
    parts = _parts(attributes.get("subblocks", ""), stored.size, size)
    _check_size(size, expected)
    begin = np.empty(min(codecs.WINDOW_TOLD, stored.size), np.uint8)
    stored.read_into(0, begin)
    working = codecs.window(codec, begin.tobytes(), max(part[1] for part in parts))

    def unpack(files: ExitStack) -> Block:
        raw = files.enter_context(closing(Decompressed(size)))
        reader = _Reader(element, stored)
        try:
            _decompress(reader, codec, parts, raw)
        except Exception as error:  # each codec's library has errors of its own
            reader.verify()
            if isinstance(error, InputError | OSError):
                raise
            raise InputError(
                f"has a {codec} block that cannot be decompressed ({error or 'out of memory'}): "
                "copy or save it again"
            ) from error
        reader.verify()
        return raw if item == 1 else ShuffledBytes(raw, item)

    return PackedBytes(size, stored.size, working, unpack)


def verify(element: ET.Element, stored: Block) -> None:
    """Raise InputError if the stored bytes of an element's block differ from its checksum."""
    _Reader(element, stored).verify()


def _check_size(size: int, expected: int | None) -> None:
    if expected not in (None, size):
        raise InputError(
            f"has a block of {size} bytes where {expected} belong: copy or save it again"
        )


def _description(element: ET.Element) -> tuple[Mapping[str, str], str]:
    """The attributes of an element's data block and its encoded text, if it lies in the header."""
    if element.get("location") != "embedded":
        return element.attrib, element.text or ""
    data = element.find("Data")
    if data is None:
        raise InputError("has an embedded block without data: save it again")
    return {**element.attrib, **data.attrib}, data.text or ""


def stored_block(file: RandomAccessFile | None, element: ET.Element) -> FileBytes | BytesInMemory:
    """The bytes of an element's data block as they are stored.

    Those of a block within the header need no file.
    """
    attributes, text = _description(element)
    method, *rest = attributes["location"].split(":")
    encoding = rest[0] if method == "inline" and rest else attributes.get("encoding")
    try:
        if method == "attachment" and file:
            start, length = (int(number) for number in rest)
            if start < 0 or length < 0:
                raise ValueError
            if start + length > file.size():
                raise InputError("is truncated: copy or download it again")
            return FileBytes(file, start, length)
        if method in ("inline", "embedded") and encoding == "base64":
            return BytesInMemory(np.frombuffer(base64.b64decode(text), np.uint8))
        if method in ("inline", "embedded") and encoding == "hex":
            return BytesInMemory(np.frombuffer(bytes.fromhex(text), np.uint8))
    except ValueError:
        raise InputError("has a block that cannot be located or decoded: save it again") from None
    raise InputError(
        f"has a block stored as {attributes['location']}: "
        "save everything in one file, with attached blocks"
    )


class _Reader:
    """The bytes of an element's block in their order, and their checksum."""

    def __init__(self, element: ET.Element, block: Block) -> None:
        self._block, self._place, self.stop = block, 0, block.size
        algorithm, self._digest = checksum(_description(element)[0].get("checksum", ""))
        self._hash = hashlib.new(algorithm) if algorithm else None

    def read(self, size: int) -> bytearray:
        """The next bytes before `stop`."""
        piece = bytearray(min(size, self.stop - self._place))
        self._block.read_into(self._place, np.frombuffer(piece, np.uint8))
        self._place += len(piece)
        if self._hash:
            self._hash.update(piece)
        return piece

    def verify(self) -> None:
        """Raise InputError if the block, with what was not read yet, has another checksum."""
        self.stop = self._block.size
        while self._hash and self.read(_PIECE):
            pass
        if self._hash and self._hash.hexdigest() != self._digest:
            raise InputError(
                "has a block that differs from its checksum: copy or download it again"
            )


def checksum(attribute: str) -> tuple[str | None, str]:
    """The algorithm as hashlib knows it, None for others or for none, and the digest."""
    name, _, digest = attribute.lower().partition(":")
    return _CHECKSUMS.get(name.replace("-", "")), digest


def _compression(attribute: str) -> tuple[str, int, int]:
    """The codec, the uncompressed size in bytes and the size of the shuffled items, 1 for none."""
    name, *numbers = attribute.split(":")
    codec, shuffling, _ = name.partition("+sh")
    try:
        size, *rest = (int(number) for number in numbers)
        item = rest[0] if shuffling else 1
        if codec not in codecs.DECOMPRESS or size < 0 or not 1 <= item <= _LARGEST_ITEM:
            raise ValueError
    except (ValueError, IndexError):
        raise InputError(
            f"is compressed in an unknown way ({attribute}): "
            "save it uncompressed, or with zlib, lz4 or zstd"
        ) from None
    return codec, size, item


def _parts(subblocks: str, stored: int, size: int) -> list[tuple[int, int]]:
    """The stored and the uncompressed size in bytes of each part that is compressed on its own."""
    if not subblocks:
        return [(stored, size)]
    try:
        parts = [(int(c), int(u)) for c, u in (pair.split(",") for pair in subblocks.split(":"))]
    except ValueError:
        parts = []
    sums = sum(c for c, _ in parts), sum(u for _, u in parts)
    if sums != (stored, size) or any(number < 0 for part in parts for number in part):
        raise InputError("has sub-blocks that do not make up its block: copy or save it again")
    return parts


def _decompress(
    reader: _Reader, codec: str, parts: list[tuple[int, int]], raw: Decompressed
) -> None:
    at = begin = 0
    for length, size in parts:
        reader.stop = at = at + length
        # PixInsight stores a sub-block as it is where compression would not make it smaller.
        is_plain = length == size and len(parts) > 1
        found = 0
        for piece in (codecs.plain if is_plain else codecs.DECOMPRESS[codec])(reader, size):
            fitting = np.frombuffer(piece, np.uint8)[: size - found]
            raw.write(begin + found, fitting)
            found += len(piece)
            if found > size:
                break
        if found != size:
            raise InputError(
                f"has a {codec} block of {found if found < size else 'more'} bytes "
                f"where {size} belong: copy or save it again"
            )
        begin += size

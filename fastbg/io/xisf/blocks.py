"""The data blocks of XISF files: where they lie, their checksums and their compression."""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ...errors import InputError
from ..blocks import Block, BytesInMemory, FileBytes, PackedBytes
from ..random_access import RandomAccessFile
from .codecs import DECOMPRESS, take_plain
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
"""Bytes that are hashed at a time."""


def stored_dtype(element: ET.Element, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in the byte order of the element's data block."""
    attributes, _ = _description(element)
    order: Literal["big", "little"] = "big" if attributes.get("byteOrder") == "big" else "little"
    return dtype.newbyteorder(order)


def open_block(file: RandomAccessFile, element: ET.Element, expected: int | None = None) -> Block:
    """The data block of an element, its checksum verified.

    `expected` is the size that the bytes must have: it is compared before any memory is taken.
    """
    attributes, _ = _description(element)
    stored = stored_block(file, element)
    verify(element, stored)
    if "compression" not in attributes:
        _check_size(stored.size, expected)
        return stored
    codec, size, item = _compression(attributes["compression"])
    parts = _parts(attributes.get("subblocks", ""), stored.size, size)
    _check_size(size, expected)

    def unpack() -> Block:
        try:
            raw = _decompressed(stored, codec, parts)
        except (InputError, OSError):
            raise
        except Exception as error:  # each codec's library has errors of its own
            raise InputError(
                f"has a {codec} block that cannot be decompressed ({error or 'out of memory'}): "
                "copy or save it again"
            ) from error
        return BytesInMemory(raw) if item == 1 else ShuffledBytes(raw, item)

    return PackedBytes(size, stored.size, unpack)


def verify(element: ET.Element, stored: Block) -> None:
    """Raise InputError if the stored bytes of an element's block differ from its checksum."""
    attributes, _ = _description(element)
    algorithm, digest = checksum(attributes.get("checksum", ""))
    if algorithm and _digest(algorithm, stored) != digest:
        raise InputError("has a block that differs from its checksum: copy or download it again")


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


def stored_block(file: RandomAccessFile, element: ET.Element) -> FileBytes | BytesInMemory:
    """The bytes of an element's data block as they are stored."""
    attributes, text = _description(element)
    method, *rest = attributes["location"].split(":")
    encoding = rest[0] if method == "inline" and rest else attributes.get("encoding")
    try:
        if method == "attachment":
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
    """The bytes of a block from `start` to `stop`, in their order."""

    def __init__(self, block: Block, start: int, stop: int) -> None:
        self._block, self._start, self._stop = block, start, stop

    def read(self, size: int = -1) -> bytearray:
        left = self._stop - self._start
        piece = bytearray(left if size < 0 else min(size, left))
        self._block.read_into(self._start, np.frombuffer(piece, np.uint8))
        self._start += len(piece)
        return piece


def _digest(algorithm: str, stored: Block) -> str:
    digest, reader = hashlib.new(algorithm), _Reader(stored, 0, stored.size)
    while piece := reader.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


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
        if codec not in DECOMPRESS or size < 0 or not 1 <= item <= _LARGEST_ITEM:
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


def _decompressed(stored: Block, codec: str, parts: list[tuple[int, int]]) -> np.ndarray:
    raw = np.empty(sum(size for _, size in parts), np.uint8)
    at = begin = 0
    for length, size in parts:
        # PixInsight stores a sub-block as it is where compression would not make it smaller.
        fill = take_plain if length == size and len(parts) > 1 else DECOMPRESS[codec]
        found = fill(_Reader(stored, at, at + length), raw[begin : begin + size])
        _check_found(codec, found, size)
        at, begin = at + length, begin + size
    return raw


def _check_found(codec: str, found: int, size: int) -> None:
    if found != size:
        raise InputError(
            f"has a {codec} block of {found if found < size else 'more'} bytes "
            f"where {size} belong: copy or save it again"
        )

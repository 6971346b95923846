"""The data blocks of XISF files: where they lie, their checksums, compression and byte order."""

from __future__ import annotations

import base64
import hashlib
import os
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Literal

import numpy as np

from ..errors import InputError

_CODECS = ("zlib", "lz4", "lz4hc", "zstd")

_CHECKSUMS = {
    "sha1": "sha1",
    "sha256": "sha256",
    "sha512": "sha512",
    "sha3256": "sha3_256",
    "sha3512": "sha3_512",
}
"""Names that files use, without hyphens, and those of hashlib."""


def file_size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def array(file: BinaryIO, element: ET.Element, dtype: np.dtype[Any], count: int) -> np.ndarray:
    """The data block of an element, (count,), in native byte order."""
    attributes, text = description(element)
    raw = block(file, attributes, text, count * dtype.itemsize)
    order: Literal["big", "little"] = "big" if attributes.get("byteOrder") == "big" else "little"
    return np.frombuffer(raw, dtype.newbyteorder(order)).astype(dtype, copy=False)


def description(element: ET.Element) -> tuple[Mapping[str, str], str]:
    """The attributes of an element's data block and its encoded text, if it lies in the header."""
    if element.get("location") != "embedded":
        return element.attrib, element.text or ""
    data = element.find("Data")
    if data is None:
        raise InputError("has an embedded block without data: save it again")
    return {**element.attrib, **data.attrib}, data.text or ""


def block(
    file: BinaryIO, attributes: Mapping[str, str], text: str, expected: int | None = None
) -> bytes | np.ndarray:
    """The bytes of a data block, verified, decompressed and unshuffled.

    `expected` is the size that the bytes must have: it is compared before they are decompressed.
    """
    stored = _stored_block(file, attributes, text)
    algorithm, digest = checksum(attributes.get("checksum", ""))
    if algorithm and hashlib.new(algorithm, stored).hexdigest() != digest:
        raise InputError("has a block that differs from its checksum: copy or download it again")
    if "compression" in attributes:
        codec, size, item = _compression(attributes["compression"])
        if ":" in attributes.get("subblocks", ""):
            raise InputError("is compressed in several sub-blocks: save it uncompressed")
    else:
        codec, size, item = "", len(stored), 1
    if expected not in (None, size):
        raise InputError(
            f"has a block of {size} bytes where {expected} belong: copy or save it again"
        )
    if not codec:
        return stored
    try:
        raw = _decompressed(stored, codec, size)
    except Exception as error:  # each codec's library has errors of its own
        raise InputError(
            f"has a {codec} block that cannot be decompressed ({error or 'out of memory'}): "
            "copy or save it again"
        ) from error
    if len(raw) != size:
        raise InputError(
            f"has a {codec} block of {len(raw)} bytes where {size} belong: copy or save it again"
        )
    # Not needed any more, and unshuffling takes a second copy of the decompressed bytes.
    del stored
    return raw if item == 1 else _unshuffled(raw, item)


def _stored_block(file: BinaryIO, attributes: Mapping[str, str], text: str) -> bytes:
    method, *rest = attributes["location"].split(":")
    encoding = rest[0] if method == "inline" and rest else attributes.get("encoding")
    try:
        if method == "attachment":
            start, length = (int(number) for number in rest)
            if start < 0 or length < 0:
                raise ValueError
            if start + length > file_size(file):
                raise InputError("is truncated: copy or download it again")
            file.seek(start)
            return file.read(length)
        if method in ("inline", "embedded") and encoding == "base64":
            return base64.b64decode(text)
        if method in ("inline", "embedded") and encoding == "hex":
            return bytes.fromhex(text)
    except ValueError:
        raise InputError("has a block that cannot be located or decoded: save it again") from None
    raise InputError(
        f"has a block stored as {attributes['location']}: "
        "save everything in one file, with attached blocks"
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
        if codec not in _CODECS or size < 0 or item < 1:
            raise ValueError
    except (ValueError, IndexError):
        raise InputError(
            f"is compressed in an unknown way ({attribute}): "
            "save it uncompressed, or with zlib, lz4 or zstd"
        ) from None
    return codec, size, item


def _decompressed(stored: bytes, codec: str, size: int) -> bytes:
    from xisf import XISF

    if codec == "zlib":
        # The package does not tell zlib the size, which then needs the memory twice.
        return zlib.decompress(stored, bufsize=size or 1)
    raw: bytes = XISF._decompress(stored, {"compression": (codec, size, None)})
    return raw


def _unshuffled(raw: bytes, item: int) -> np.ndarray:
    shuffled = np.frombuffer(raw, np.uint8)
    out = np.empty_like(shuffled)
    whole = len(raw) // item * item
    out[:whole].reshape(-1, item)[...] = shuffled[:whole].reshape(item, -1).T
    out[whole:] = shuffled[whole:]
    return out

"""The compression codecs of XISF, piece by piece."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from ..blocks import Block
from . import lz4

LEVELS = {"lz4hc": 9, "zstd": 3}
"""The compression levels of the codecs that are used for writing."""

LZ4_LIMIT = 0x7E000000
"""Bytes; LZ4 cannot compress a larger block."""

_PIECE = 1 << 18
"""Bytes that are taken and given at a time."""


WINDOW_TOLD, _SINGLE_SEGMENT = 6, 1 << 5
"""The first bytes of a zstd frame, which tell its window; the flag that it is the whole frame."""


class Stored(Protocol):
    """Stored bytes in their order."""

    def read(self, size: int) -> bytearray:
        """The next bytes, none at the end."""


def compress(raw: Block, codec: str) -> Iterator[bytes | memoryview]:
    """Compress a block with one of `LEVELS`."""
    return lz4.compress(raw, LEVELS[codec]) if codec == "lz4hc" else _compress_zstd(raw)


def _compress_zstd(raw: Block) -> Iterator[bytes]:
    codec = zstd.ZstdCompressor(LEVELS["zstd"])
    for at in range(0, raw.size, _PIECE):
        piece = np.empty(min(_PIECE, raw.size - at), np.uint8)
        raw.read_into(at, piece)
        yield codec.compress(piece.data)
    yield codec.flush()


def plain(stored: Stored, _: int) -> Iterator[bytearray]:
    """Bytes that are stored as they are."""
    while piece := stored.read(_PIECE):
        yield piece


def _lz4(stored: Stored, size: int) -> Iterator[bytes | np.ndarray]:
    return lz4.decompress(plain(stored, size), size)


def _zlib(stored: Stored, _: int) -> Iterator[bytes]:
    codec = zlib.decompressobj()
    while not codec.eof:
        packed = codec.unconsumed_tail or stored.read(_PIECE)
        yield codec.decompress(packed, _PIECE) if packed else codec.flush()
        if not packed and not codec.eof:
            raise zlib.error("it ends too early")


def _zstd(stored: Stored, _: int) -> Iterator[bytes]:
    codec = zstd.ZstdDecompressor()
    while not codec.eof:
        packed = stored.read(_PIECE) if codec.needs_input else b""
        if codec.needs_input and not packed:
            raise zstd.ZstdError("it ends too early")
        yield codec.decompress(packed, _PIECE)


DECOMPRESS: dict[str, Callable[[Stored, int], Iterator[bytes | np.ndarray]]] = {
    "zlib": _zlib,
    "lz4": _lz4,
    "lz4hc": _lz4,
    "zstd": _zstd,
}
"""By codec: the decompressed bytes in pieces, each valid until the next one is asked for.

The second argument is how many they should be.
"""


def window(codec: str, begin: bytes, size: int) -> int:
    """Bytes in memory while so many bytes are decompressed, of which the stored ones begin so.

    Only zstd can look back over more than a piece: its frames tell how far (RFC 8878, 3.1.1.1).
    """
    if codec != "zstd":
        return 0
    if len(begin) < WINDOW_TOLD or begin[4] & _SINGLE_SEGMENT:
        return size
    least = 1 << 10 + (begin[5] >> 3)
    return min(size, least + least // 8 * (begin[5] & 7))

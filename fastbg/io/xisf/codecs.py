"""The compression codecs of XISF."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

import numpy as np

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LEVELS = {"lz4hc": 9, "zstd": 3}
"""The compression levels of the codecs that are used for writing."""

LZ4_LIMIT = 0x7E000000
"""Bytes; LZ4 cannot compress a larger block."""

_PIECE = 1 << 18
"""Bytes that zlib and zstd take and give at a time."""


class Stored(Protocol):
    """Stored bytes in their order."""

    def read(self, size: int = -1) -> bytearray:
        """The next bytes, all that are left for -1, none at the end."""


def compress(raw: np.ndarray, codec: str) -> bytes:
    """Compress bytes, (n,) uint8, with one of `LEVELS`."""
    import lz4.block

    if codec == "zstd":
        return zstd.compress(raw.data, LEVELS[codec])
    packed: bytes = lz4.block.compress(
        raw, mode="high_compression", compression=LEVELS[codec], store_size=False
    )
    return packed


def _lz4(stored: Stored, out: np.ndarray) -> int:
    import cramjam

    return cramjam.lz4.decompress_block_into(stored.read(), out.data, output_len=out.size)


def take_plain(stored: Stored, out: np.ndarray) -> int:
    """Fill `out`, (n,) uint8, with bytes that are stored as they are."""
    out[:] = np.frombuffer(stored.read(), np.uint8)
    return out.size


def _zlib(stored: Stored) -> Iterator[bytes]:
    codec = zlib.decompressobj()
    while not codec.eof:
        packed = codec.unconsumed_tail or stored.read(_PIECE)
        yield codec.decompress(packed, _PIECE) if packed else codec.flush()
        if not packed and not codec.eof:
            raise zlib.error("it ends too early")


def _zstd(stored: Stored) -> Iterator[bytes]:
    codec = zstd.ZstdDecompressor()
    while not codec.eof:
        packed = stored.read(_PIECE) if codec.needs_input else b""
        if codec.needs_input and not packed:
            raise zstd.ZstdError("it ends too early")
        yield codec.decompress(packed, _PIECE)


def _fill(pieces: Callable[[Stored], Iterator[bytes]], stored: Stored, out: np.ndarray) -> int:
    found = 0
    for raw in pieces(stored):
        fitting = raw[: out.size - found]
        out[found : found + len(fitting)] = np.frombuffer(fitting, np.uint8)
        found += len(raw)
        if found > out.size:
            break
    return found


DECOMPRESS: dict[str, Callable[[Stored, np.ndarray], int]] = {
    "zlib": partial(_fill, _zlib),
    "lz4": _lz4,
    "lz4hc": _lz4,
    "zstd": partial(_fill, _zstd),
}
"""By codec: fills (n,) uint8 and returns the count of bytes found.

A count above n says that there are more than n. Beside the array, only small pieces are in memory,
but of LZ4 all stored bytes.
"""

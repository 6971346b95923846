"""The compression codecs of XISF."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import IO, Protocol, cast

import numpy as np

LEVELS = {"lz4hc": 9, "zstd": 3}
"""The compression levels of the codecs that are used for writing."""

LZ4_LIMIT = 0x7E000000
"""Bytes; LZ4 cannot compress a larger block."""

_PIECE = 1 << 18
"""Bytes that zlib takes and gives at a time."""


class Stored(Protocol):
    """Stored bytes in their order."""

    def read(self, size: int = -1) -> bytearray:
        """The next bytes, all that are left for -1, none at the end."""


def compress(raw: np.ndarray, codec: str) -> bytes:
    """Compress bytes, (n,) uint8, with one of `LEVELS`."""
    import lz4.block
    import zstandard

    if codec == "zstd":
        return zstandard.compress(raw.data, LEVELS[codec])
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


def _zlib(stored: Stored, out: np.ndarray) -> int:
    codec = zlib.decompressobj()
    found = 0
    while not codec.eof and found <= out.size:
        packed = codec.unconsumed_tail or stored.read(_PIECE)
        raw = codec.decompress(packed, _PIECE) if packed else codec.flush()
        if not packed and not codec.eof:
            raise zlib.error("it ends too early")
        fitting = raw[: out.size - found]
        out[found : found + len(fitting)] = np.frombuffer(fitting, np.uint8)
        found += len(raw)
    return found


def _zstd(stored: Stored, out: np.ndarray) -> int:
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(cast(IO[bytes], stored)) as stream:
        found = 0
        while found < out.size and (count := stream.readinto(out[found:])):
            found += count
        # This also makes the library verify the checksum at the end.
        return found + len(stream.read(1))


DECOMPRESS: dict[str, Callable[[Stored, np.ndarray], int]] = {
    "zlib": _zlib,
    "lz4": _lz4,
    "lz4hc": _lz4,
    "zstd": _zstd,
}
"""By codec: fills (n,) uint8 and returns the count of bytes found.

A count above n says that there are more than n. Beside the array, only small pieces are in memory,
but of LZ4 all stored bytes.
"""

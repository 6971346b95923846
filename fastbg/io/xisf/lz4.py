"""Raw LZ4 blocks, piece by piece. The library has them as a whole only: so they are without C.

https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ... import compiled
from ..blocks import Block, whole

_HISTORY = 1 << 16
"""Bytes that a match may look back, and one more."""

_PIECE = 1 << 20
"""Bytes that are decompressed at a time."""

_COMPRESSED = 1 << 22
"""Bytes that are compressed at a time."""

_SEQUENCE, _IS_COMPLETE = 5, 6
"""Fields of the decoder's state: fbg_lz4 of fastbg.h."""

_HC: dict[str, Any] = {"mode": "high_compression", "store_size": False}

_FULL = 15
"""The half of a token that says that further bytes of a length follow."""


def decompress(packed: Iterable[bytearray], size: int) -> Iterator[bytes | np.ndarray]:
    """The bytes of a block, which should be so many.

    Yields
    ------
    bytes or ndarray, (n,) uint8
        Overwritten when the next one is made.

    Raises
    ------
    Exception
        If the block is damaged.
    """
    if compiled.unavailable():
        import lz4.block

        yield lz4.block.decompress(b"".join(packed), uncompressed_size=size)
        return
    state = np.zeros(_IS_COMPLETE + 1, np.uint64)
    memory, start = np.empty(_HISTORY + _PIECE, np.uint8), 0
    for piece in packed:
        rest = np.frombuffer(piece, np.uint8)
        while True:
            used, stop = compiled.c.lz4_decode(state, rest, memory, start)
            rest = rest[used:]
            yield memory[start:stop]
            start = min(stop, _HISTORY)
            memory[:start] = memory[stop - start : stop]
            if stop < memory.size:  # it waits for more
                break
    if not state[_IS_COMPLETE]:
        raise ValueError("it ends too early")


def compress(raw: Block, level: int) -> Iterator[bytes | memoryview]:
    """Compress as one block with lz4hc.

    Each piece is compressed with what lies before it in view. It ends with literals, of which the
    first sequence of the next piece is made a part.
    """
    import lz4.block

    if compiled.unavailable():
        yield lz4.block.compress(whole(raw), **_HC, compression=level)
        return
    literals = 0  # that are not in any sequence yet
    for start in range(0, raw.size, _COMPRESSED):
        before = min(start, _HISTORY)
        seen = np.empty(before + min(_COMPRESSED, raw.size - start), np.uint8)
        raw.read_into(start - before, seen)
        packed = lz4.block.compress(
            seen[before:], **_HC, compression=level, dict=seen[:before].tobytes()
        )
        first, begin = _literals(packed, 0)
        last = _last_sequence(packed, seen, before)
        if last:
            yield _token(literals + first, packed[0] % (_FULL + 1))
            yield from _pieces(raw, start - literals, start + first)
            yield memoryview(packed)[begin + first : last]
            literals = _literals(packed, last)[0]
        else:
            literals += first
    yield _token(literals, 0)
    yield from _pieces(raw, raw.size - literals, raw.size)


def _last_sequence(packed: bytes, decompressed: np.ndarray, start: int) -> int:
    """Where the last sequence of a block begins, which is decompressed onto itself for that."""
    state = np.zeros(_IS_COMPLETE + 1, np.uint64)
    compiled.c.lz4_decode(state, np.frombuffer(packed, np.uint8), decompressed, start)
    return int(state[_SEQUENCE])


def _literals(packed: bytes, at: int) -> tuple[int, int]:
    """How many literals the sequence there has, and where they begin."""
    count, at = packed[at] >> 4, at + 1
    more = count == _FULL
    while more:
        count, more, at = count + packed[at], packed[at] == 255, at + 1
    return count, at


def _token(literals: int, match: int) -> bytes:
    """The beginning of a sequence with so many literals, and with this half of its token."""
    if literals < _FULL:
        return bytes([literals << 4 | match])
    full, rest = divmod(literals - _FULL, 255)
    return bytes([_FULL << 4 | match]) + b"\xff" * full + bytes([rest])


def _pieces(raw: Block, start: int, stop: int) -> Iterator[memoryview]:
    for at in range(start, stop, _PIECE):
        piece = np.empty(min(_PIECE, stop - at), np.uint8)
        raw.read_into(at, piece)
        yield piece.data

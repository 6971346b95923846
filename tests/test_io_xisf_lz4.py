"""Raw LZ4 blocks in pieces, judged by the library that has them as a whole."""

from __future__ import annotations

import lz4.block
import numpy as np
import pytest
from cases import diagonal
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbg import compiled
from fastbg.io.blocks import BytesInMemory
from fastbg.io.xisf import lz4 as in_pieces
from fastbg.io.xisf.codecs import window, zstd

KINDS = {
    "nothing": lambda rng, size: np.zeros(size, np.uint8),
    "noise": lambda rng, size: rng.integers(0, 256, size, np.uint8),
    "few values": lambda rng, size: rng.integers(0, 3, size, np.uint8),
    "steps": lambda rng, size: (np.arange(size) // 7 % 251).astype(np.uint8),
    "far matches": lambda rng, size: np.resize(rng.integers(0, 256, 65535, np.uint8), size),
    "too far": lambda rng, size: np.resize(rng.integers(0, 256, 65537, np.uint8), size),
}
SIZES = (0, 1, 5, 12, 13, 14, 15, 300, 65536, 70_000, 200_000)


def packed(raw: bytes, mode: str = "default") -> bytes:
    return lz4.block.compress(raw, mode=mode, store_size=False)


def decompressed(block: bytes, step: int, size: int = 0) -> bytes:
    pieces = (bytearray(block[at : at + step]) for at in range(0, len(block), step))
    return b"".join(map(bytes, in_pieces.decompress(pieces, size)))


@pytest.mark.parametrize(("size", "kind"), diagonal(SIZES, KINDS))
def test_pieces_decompress_as_the_whole(kind, size, monkeypatch):
    raw = KINDS[kind](np.random.default_rng(size), size).tobytes()
    for mode in ("default", "high_compression"):
        for room, step in ((1, 1000), (1000, 7), (1 << 20, 1), (1 << 20, 1 << 18)):
            if room * step > 1000 or size < 1000:
                monkeypatch.setattr(in_pieces, "_PIECE", room)
                assert decompressed(packed(raw, mode), step, size) == raw


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_compress_to_one_block(kind, size, monkeypatch):
    raw = KINDS[kind](np.random.default_rng(size), size)
    for piece in (1000, 65536, 1 << 22):
        monkeypatch.setattr(in_pieces, "_COMPRESSED", piece)
        block = b"".join(map(bytes, in_pieces.compress(BytesInMemory(raw), 9)))
        assert lz4.block.decompress(block, uncompressed_size=size) == raw.tobytes()
        assert len(block) <= 1.1 * len(packed(raw, "high_compression")) + 16 * (1 + size // piece)


def test_without_c_the_library_has_the_whole(monkeypatch):
    raw = KINDS["few values"](np.random.default_rng(0), 5000)
    monkeypatch.setattr(compiled, "_import_error", "it was not built")
    monkeypatch.setattr(compiled, "c", None)
    block = b"".join(map(bytes, in_pieces.compress(BytesInMemory(raw), 9)))
    assert decompressed(block, 1000, 5000) == raw.tobytes()


@settings(max_examples=300, deadline=None)
@given(block=st.binary(max_size=60), room=st.integers(1, 40))
def test_what_the_library_takes_is_decompressed_alike(block, room):
    """It refuses some more: blocks whose last literals are fewer than it writes itself."""
    try:
        expected = lz4.block.decompress(block, uncompressed_size=20_000)
    except lz4.block.LZ4BlockError:
        expected = None
    kept, in_pieces._PIECE = in_pieces._PIECE, room
    try:
        found = decompressed(block, 7)
    except ValueError:
        found = None
    finally:
        in_pieces._PIECE = kept
    assert expected is None or found == expected


@pytest.mark.parametrize(
    ("block", "cause"),
    [
        (b"", "too early"),
        (b"\x40abc", "too early"),
        (b"\xf0\xff\xff", "too early"),
        (b"\x10a", None),
        (b"\x10a\x01", "too early"),
        (b"\x10a\x01\0", "too early"),
        (b"\x10a\x01\0\x10b", None),
        (b"\x10a\0\0\x10b", "before the beginning"),
        (b"\x10a\x02\0\x10b", "before the beginning"),
    ],
)
def test_how_a_block_may_end_and_how_far_it_may_look_back(block, cause):
    if cause is None:
        decompressed(block, 3)
        return
    with pytest.raises(ValueError, match=cause):
        decompressed(block, 3)


@pytest.mark.parametrize(("level", "size"), diagonal([1, 22, 19, 3], [1, 300, 70_000, 3_000_000]))
def test_the_window_of_a_frame_is_what_its_library_needs(size, level):
    raw = np.random.default_rng(0).integers(0, 3, size, np.uint8).tobytes()
    frame = zstd.compress(raw, level)
    needed = window("zstd", frame[:6], size)
    assert needed <= size
    log = max(10, int(np.ceil(np.log2(max(needed, 1)))))
    limited = {zstd.DecompressionParameter.window_log_max: log}
    assert zstd.decompress(frame, options=limited) == raw
    assert window("lz4", b"", size) == 0

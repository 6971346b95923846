"""Rows of XISF images: from the file or from decompressed blocks, in any order, from any thread."""

from __future__ import annotations

import hashlib
import itertools
import os
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from xml.sax.saxutils import quoteattr

import lz4.block
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbg.errors import InputError
from fastbg.io import xisf
from fastbg.io.blocks import whole as bytes_of
from fastbg.io.random_access import RandomAccessFile
from fastbg.io.temporary import Decompressed
from fastbg.io.xisf import codecs as xisf_codecs
from fastbg.io.xisf.shuffle import ShuffledBytes

START = 4096
FORMATS = {"UInt8": "u1", "UInt16": "u2", "UInt32": "u4", "Float32": "f4", "Float64": "f8"}
COMPRESS = {
    "zlib": zlib.compress,
    "lz4": lambda raw: lz4.block.compress(raw, store_size=False),
    "lz4hc": lambda raw: lz4.block.compress(raw, mode="high_compression", store_size=False),
    "zstd": xisf_codecs.zstd.compress,
}


def shuffled(raw, item):
    whole = len(raw) // item * item
    return b"".join(raw[lane:whole:item] for lane in range(item)) + raw[whole:]


def noise(shape, dtype="f4", seed=0, top=200):
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


def save(
    path, planes, *, order="little", storage="Planar", codec=None, item=1, cuts=(), checksum=None
):
    """Write (K, H, W) by hand, as `item` > 1 shuffled, in sub-blocks that begin at `cuts`."""
    channels, height, width = planes.shape
    stored = planes.transpose(1, 2, 0) if storage == "Normal" else planes
    raw = stored.astype(planes.dtype.newbyteorder(order)).tobytes()
    name = next(n for n, code in FORMATS.items() if np.dtype(code) == planes.dtype)
    attributes = {"geometry": f"{width}:{height}:{channels}", "sampleFormat": name}
    attributes |= {"byteOrder": order, "pixelStorage": storage}
    block = raw
    if codec:
        block = shuffled(raw, item) if item > 1 else raw
        edges = [0, *cuts, len(raw)]
        parts = [block[a:b] for a, b in itertools.pairwise(edges)]
        # As PixInsight does: a sub-block that would not become smaller is stored as it is.
        packed = [
            min(part, COMPRESS[codec](part), key=len) if cuts else COMPRESS[codec](part)
            for part in parts
        ]
        block = b"".join(packed)
        attributes["compression"] = (
            f"{codec}+sh:{len(raw)}:{item}" if item > 1 else f"{codec}:{len(raw)}"
        )
        if cuts:
            pairs = zip(packed, parts, strict=True)
            attributes["subblocks"] = ":".join(f"{len(c)},{len(u)}" for c, u in pairs)
    if checksum:
        attributes["checksum"] = f"{checksum}:{hashlib.new(checksum, block).hexdigest()}"
    attributes["location"] = f"attachment:{START}:{len(block)}"
    text = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
    header = f"<xisf version='1.0'><Image {text}/></xisf>".encode()
    head = b"XISF0100" + len(header).to_bytes(4, "little") + bytes(4) + header
    path.write_bytes(head.ljust(START, b"\0") + block)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.xisf"


def assert_rows(source, rows, expected):
    """With memory of its own, and with memory that holds something else."""
    found = source.read_rows(rows)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype == source.dtype
    assert found.dtype.isnative
    channels, count, width = expected.shape
    room = np.full((channels, count + 2, width), 77, expected.dtype)
    out = source.read_rows(rows, room)
    assert out.base is room
    np.testing.assert_array_equal(out, expected)
    assert (room[:, count:] == 77).all()


@pytest.mark.parametrize("storage", ["Planar", "Normal"])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("packing", ["plain", *COMPRESS, *(f"{codec}+sh" for codec in COMPRESS)])
@pytest.mark.parametrize("dtype", FORMATS.values())
def test_rows_of_every_stored_form_are_those_of_the_image(path, dtype, packing, order, storage):
    planes = noise((3, 11, 7), dtype)
    codec, shuffling, _ = packing.partition("+sh")
    save(
        path,
        planes,
        order=order,
        storage=storage,
        codec=None if packing == "plain" else codec,
        item=planes.itemsize if shuffling else 1,
    )
    with xisf.open_image(path) as source:
        assert source.shape == planes.shape
        assert source.dtype == planes.dtype
        assert source.bytes_in_memory == 0
        for rows in (slice(3, 5), slice(10, 11), slice(0, 1), slice(None), slice(9, 99)):
            assert_rows(source, rows, planes[:, rows])
        np.testing.assert_array_equal(source.to_array(), planes.transpose(1, 2, 0))
        assert_rows(source, slice(4, 4), planes[:, 4:4])
        assert_rows(source, slice(11, 20), planes[:, :0])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_rows_of_any_shape(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.xisf"
    dtype = data.draw(st.sampled_from(list(FORMATS.values())))
    shape = tuple(data.draw(st.integers(1, top)) for top in (4, 12, 12))
    planes = noise(
        shape, dtype, data.draw(st.integers(0, 99)), data.draw(st.sampled_from([2, 200]))
    )
    codec = data.draw(st.sampled_from([None, *COMPRESS]))
    cuts = data.draw(st.lists(st.integers(1, planes.nbytes), max_size=3).map(sorted))
    save(
        path,
        planes,
        order=data.draw(st.sampled_from(["little", "big"])),
        storage=data.draw(st.sampled_from(["Planar", "Normal"])),
        codec=codec,
        # Also items that are not the samples, so that rows begin within an item.
        item=data.draw(st.integers(1, 9)),
        cuts=cuts if codec else (),
    )
    with xisf.open_image(path) as source:
        for _ in range(3):
            rows = slice(*sorted(data.draw(st.integers(0, shape[1])) for _ in range(2)))
            assert_rows(source, rows, planes[:, rows])


@pytest.mark.parametrize(("codec", "item"), [(None, 1), ("zstd", 4)])
@pytest.mark.parametrize("storage", ["Planar", "Normal"])
def test_threads_in_any_order_read_the_whole(path, codec, item, storage):
    planes = noise((3, 97, 61), top=1 << 24)
    with xisf.open_image(save(path, planes, codec=codec, item=item, storage=storage)) as source:
        starts = np.random.default_rng(0).permutation(np.repeat(np.arange(0, 97, 5), 10))

        def differs(start):
            rows = slice(int(start), int(start) + 5)
            return not np.array_equal(source.read_rows(rows), planes[:, rows])

        with ThreadPoolExecutor(4) as pool:
            assert not any(pool.map(differs, starts))


def test_systems_without_positional_reading_give_the_same(path, monkeypatch):
    monkeypatch.delattr(os, "preadv", raising=False)
    planes = noise((3, 97, 61), top=1 << 24)
    with xisf.open_image(save(path, planes)) as source, ThreadPoolExecutor(4) as pool:
        bands = [slice(row, row + 2) for row in range(97)] * 5
        for rows, found in zip(bands, pool.map(source.read_rows, bands), strict=True):
            np.testing.assert_array_equal(found, planes[:, rows])


def test_the_system_may_give_less_than_it_was_asked_for(path, monkeypatch):
    if not hasattr(os, "preadv"):
        pytest.skip("this system has no preadv")
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, to, at: real(fd, [b[:13] for b in to], at))
    planes = noise((3, 5, 6), top=1 << 24)
    with xisf.open_image(save(path, planes)) as source:
        assert_rows(source, slice(1, 4), planes[:, 1:4])


def test_what_does_not_fit_is_refused(path):
    with xisf.open_image(save(path, noise((3, 5, 6)))) as source:
        room = np.empty((3, 4, 6), np.float32)
        for out in (room[:, :1], room[:2], room[..., :5], room[..., ::-1], room.astype("f8")):
            with pytest.raises(ValueError, match="does not fit"):
                source.read_rows(slice(0, 2), out)
        with pytest.raises(ValueError, match="does not fit"):
            source.read_rows(slice(0, 4, 2))
        # Every other plane, or some rows of each, are as good as any.
        wide = np.empty((6, 9, 6), np.float32)[::2, 3:7]
        np.testing.assert_array_equal(source.read_rows(slice(0, 2), wide), noise((3, 5, 6))[:, :2])


def test_what_is_read_is_the_callers_own(path):
    planes = noise((1, 5, 6))
    for codec in (None, "zlib", "lz4"):
        with xisf.open_image(save(path, planes, codec=codec)) as source:
            source.read_rows(slice(None))[:] = -1
            assert_rows(source, slice(None), planes)


def test_a_file_that_shrinks_or_closes_is_an_input_error(path):
    source = xisf.open_image(save(path, noise((3, 50, 60))))
    os.truncate(path, START + 2 * 50 * 60 * 4 + 100)
    with pytest.raises(InputError, match="was truncated while it was read") as caught:
        source.read_rows(slice(49, 50))
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)
    source.close()
    with pytest.raises(InputError, match="cannot be read"):
        source.read_rows(slice(0, 1))


@pytest.mark.parametrize("codec", [None, "zlib", "lz4", "zstd"])
def test_a_file_that_shrinks_while_it_is_opened(path, codec, monkeypatch):
    size = save(path, noise((3, 50, 60), top=1 << 24), codec=codec, checksum="sha1").stat().st_size
    monkeypatch.setattr("fastbg.io.random_access.RandomAccessFile.size", lambda _: size)
    os.truncate(path, size - 10)
    with pytest.raises(InputError, match="was truncated while it was read"):
        xisf.read(path)


def test_a_disk_that_fails_is_an_input_error(path, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    save(path, noise((3, 5, 6)))
    with xisf.open_image(path) as source:
        monkeypatch.setattr("fastbg.io.random_access.RandomAccessFile._read_some", fail)
        with pytest.raises(InputError, match=r"cannot be read \(Input/output error\)"):
            source.read_rows(slice(0, 1))


@pytest.mark.parametrize("codec", [None, *COMPRESS])
def test_checksums_are_of_the_stored_bytes(path, codec):
    # Longer than the pieces that are hashed.
    planes = noise((3, 300, 301), "u2", top=1 << 16)
    cuts = (1000, 400_000) if codec else ()
    save(path, planes, codec=codec, cuts=cuts, checksum="sha256")
    with xisf.open_image(path) as source:
        assert_rows(source, slice(290, 300), planes[:, 290:])
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="checksum"):
        xisf.read(path)


@pytest.mark.parametrize("codec", COMPRESS)
def test_a_damaged_block_is_said_to_differ_from_its_checksum(path, codec):
    """That is what can be told for sure, wherever decompression ends."""
    save(path, noise((3, 300, 301), "u2", top=9), codec=codec, checksum="sha1")
    raw = bytearray(path.read_bytes())
    raw[START : START + 200] = b"\xff" * 200
    path.write_bytes(raw)
    with pytest.raises(InputError, match="checksum"):
        xisf.read(path)


@pytest.mark.parametrize("checksum", ["", "sha256"])
@pytest.mark.parametrize("codec", COMPRESS)
def test_a_block_is_read_once_and_lies_in_no_memory(path, codec, checksum, monkeypatch):
    planes, places = noise((3, 300, 301), top=1 << 24), []
    save(path, planes, codec=codec, item=4, checksum=checksum)
    read = RandomAccessFile.read_into

    def counted(self, start, out):
        if self is source._file:
            places.append((start, start + out.size))
        return read(self, start, out)

    with xisf.open_image(path) as source:
        monkeypatch.setattr(RandomAccessFile, "read_into", counted)
        for start in range(0, 300, 7):
            assert_rows(source, slice(start, start + 7), planes[:, start : start + 7])
        assert source.bytes_in_memory == 0
    assert places[0][0] == START
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(places))


def test_a_full_disk_leaves_nothing_and_says_what_to_do(path, tmp_path, monkeypatch):
    def full(self, start, data):
        raise OSError(28, "No space left on device")

    save(path, noise((3, 30, 30)), codec="lz4", item=4)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with xisf.open_image(path) as source:
        with monkeypatch.context() as patch:
            patch.setattr(RandomAccessFile, "write", full)
            with pytest.raises(InputError, match=r"No space left.* TMPDIR") as caught:
                source.load()
        assert f"into {tmp_path} " in str(caught.value)
        assert "\n" not in str(caught.value)
        assert [*tmp_path.iterdir()] == [path]
        source.load()  # there is space now
        # Its name is gone as soon as it is made, so that nothing stays of a killed process.
        assert os.name != "posix" or [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    "subblocks",
    [
        "",
        "0,0",
        "6",
        "6,48:6",
        "a,b:c,d",
        "-1,24:13,24",
        "6,-1:6,49",
        "6,24:6,23",
        "6,24:7,24",
        "::",
    ],
)
def test_sub_blocks_that_do_not_make_up_the_block_are_refused(path, subblocks):
    planes = np.zeros((1, 3, 4), np.float32)
    save(path, planes, codec="zlib", cuts=(24,))
    header = path.read_bytes()
    begin = header.index(b'subblocks="') + 11
    end = header.index(b'"', begin)
    changed = header[:begin] + subblocks.encode() + header[end:]
    changed = (
        changed[:8] + (changed.index(b"</xisf>") + 7 - 16).to_bytes(4, "little") + changed[12:]
    )
    header, block = changed[: changed.index(b"</xisf>") + 7], header[START:]
    path.write_bytes(header.ljust(START, b"\0") + block)
    # Without the attribute, it is one zlib stream with something behind it.
    with pytest.raises(InputError, match=r"12 bytes|24 bytes|sub-blocks") as caught:
        xisf.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("change", [-1, 1, 1 << 20])
def test_blocks_of_another_size_than_they_say_are_refused(path, codec, change):
    # More than a piece, so that what is too much comes late.
    planes = np.zeros((1, 700, 700), np.uint8)
    packed = COMPRESS[codec](bytes(planes.size + change))
    header = (
        f'<xisf><Image geometry="700:700:1" sampleFormat="UInt8" '
        f'compression="{codec}:{planes.size}" location="attachment:{START}:{len(packed)}"/></xisf>'
    ).encode()
    head = b"XISF0100" + len(header).to_bytes(4, "little") + bytes(4) + header
    path.write_bytes(head.ljust(START, b"\0") + packed)
    with pytest.raises(InputError, match=r"bytes where 490000 belong|cannot be decompressed"):
        xisf.read(path)


@pytest.mark.parametrize("codec", ["zlib", "zstd"])
def test_a_bomb_takes_no_more_memory_than_the_image(path, codec):
    packed = COMPRESS[codec](bytes(100_000_000))
    header = (
        f'<xisf><Image geometry="1000:1000:1" sampleFormat="UInt8" '
        f'compression="{codec}:1000000" location="attachment:{START}:{len(packed)}"/></xisf>'
    ).encode()
    head = b"XISF0100" + len(header).to_bytes(4, "little") + bytes(4) + header
    path.write_bytes(head.ljust(START, b"\0") + packed)
    tracemalloc.start()
    with pytest.raises(InputError, match="more bytes where 1000000 belong"):
        xisf.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_memory_is_what_is_asked_for_and_what_is_held(path):
    planes = noise((3, 1000, 500), top=1 << 24)
    cases = [
        # packing, and what may be needed: pieces, of an image that is larger
        ((None, 1), 200_000),
        (("zlib", 1), 2_000_000),
        (("zlib", 4), 2_000_000),
        (("zstd", 4), 2_000_000),
        (("lz4", 1), 3_000_000),
        (("lz4", 4), 3_000_000),
    ]
    out = np.empty((3, 50, 500), np.float32)
    for (codec, item), most in cases:
        save(path, planes, codec=codec, item=item)
        xisf.open_image(path).close()
        tracemalloc.start()
        with xisf.open_image(path) as source:
            for row in range(0, 1000, 50):
                source.read_rows(slice(row, row + 50), out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most, codec


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_shuffled_bytes_read_and_write_as_plain_ones(data):
    item, size = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 60))
    plain = noise(size, "u1", data.draw(st.integers(0, 9)))
    start, stop = sorted(data.draw(st.integers(0, size)) for _ in range(2))
    out = np.empty(stop - start, np.uint8)
    with closing(Decompressed(size)) as stored:
        stored.write(0, np.frombuffer(shuffled(plain.tobytes(), item), np.uint8))
        ShuffledBytes(stored, item).read_into(start, out)
    np.testing.assert_array_equal(out, plain[start:stop])
    whole = size // item * item
    with closing(Decompressed(whole)) as stored:
        for begin in range(0, whole, 2 * item):
            piece = plain[begin : min(begin + 2 * item, whole)]
            ShuffledBytes(stored, item).write(begin, piece)
        assert bytes_of(stored).tobytes() == shuffled(plain[:whole].tobytes(), item)


@pytest.mark.parametrize("codec", xisf_codecs.DECOMPRESS)
def test_pieces_of_any_size_decompress_alike(codec, monkeypatch):
    monkeypatch.setattr(xisf_codecs, "_PIECE", 7)
    raw = noise(5000, "u1", top=3).tobytes()

    class Stored:
        rest = COMPRESS[codec](raw)

        def read(self, size):
            piece, self.rest = self.rest[: min(size, 5)], self.rest[min(size, 5) :]
            return bytearray(piece)

    assert b"".join(map(bytes, xisf_codecs.DECOMPRESS[codec](Stored(), 5000))) == raw


def test_rows_of_the_variants(shared_data):
    folder = shared_data / "xisf_variants"
    truth = np.load(folder / "truth.npz")
    for name in truth.files:
        with xisf.open_image(folder / f"{name}.xisf") as source:
            for rows in (slice(40, 43), slice(0, 1), slice(95, 96)):
                np.testing.assert_array_equal(source.read_rows(rows), truth[name][:, rows], name)

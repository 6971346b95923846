"""Writing XISF files row by row."""

from __future__ import annotations

import errno
import itertools
import os
import platform
import re
import tracemalloc
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xisf import XISF

from fastbg.errors import OutputError
from fastbg.io import xisf
from fastbg.io.blocks import BytesInMemory
from fastbg.io.random_access import RandomAccessFile
from fastbg.io.xisf import XisfHeader
from fastbg.io.xisf import codecs as xisf_codecs

NAMESPACE = "{http://www.pixinsight.com/xisf}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.xisf"


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(0.1, 1, shape).astype(np.float32)


def header_of(path):
    raw = path.read_bytes()
    text = raw[16 : 16 + int.from_bytes(raw[8:12], "little")]
    assert raw[:8] == b"XISF0100"
    assert raw[12:16] == bytes(4)
    assert text.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    return ET.fromstring(text)


def without_time(path):
    return re.sub(rb"\d{4}-\d\d-\d\dT[^\"]*", b"", path.read_bytes())


@pytest.mark.parametrize("compress", [False, True])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_rows_in_any_order_are_the_whole_image(tmp_path_factory, compress, data):
    path = tmp_path_factory.getbasetemp() / f"rows{compress}.xisf"
    shape = tuple(
        data.draw(sizes) for sizes in (st.sampled_from([1, 3]), *[st.integers(1, 15)] * 2)
    )
    planes = noise(shape).round(data.draw(st.sampled_from([0, 9])))
    edges = sorted({0, shape[1], *data.draw(st.lists(st.integers(0, shape[1]), max_size=4))})
    bands = [slice(*pair) for pair in itertools.pairwise(edges)]
    with xisf.create(path, shape, compress=compress) as target:
        for rows in data.draw(st.permutations(bands)):
            target.write_rows(rows, planes[:, rows])
    with xisf.open_image(path) as source:
        np.testing.assert_array_equal(source.read_rows(slice(None)), planes)
        assert source.bounds == (0, 1)
        assert source.header.root.find("Image").get("id") == "image"
        assert source.warnings == ()
    np.testing.assert_array_equal(XISF(str(path)).read_image(0, "channels_first"), planes)
    whole = path.with_name(f"whole{compress}.xisf")
    xisf.write(whole, planes.transpose(1, 2, 0), compress=compress)
    assert without_time(whole) == without_time(path)


@pytest.mark.parametrize("positional", [True, False])
@pytest.mark.parametrize("compress", [False, True])
def test_threads_write_in_any_order(path, compress, positional, monkeypatch):
    if not positional:
        monkeypatch.delattr(os, "pwrite", raising=False)
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    planes = noise((3, 203, 31))
    starts = np.random.default_rng(0).permutation(np.arange(0, 203, 2))
    with (
        xisf.create(path, planes.shape, compress=compress) as target,
        ThreadPoolExecutor(4) as pool,
    ):

        def work(start):
            rows = slice(int(start), min(int(start) + 2, 203))
            target.write_rows(rows, planes[:, rows])

        list(pool.map(work, starts))
    np.testing.assert_array_equal(xisf.read(path).read_rows(slice(None)), planes)


def test_any_floats_in_any_layout_are_written(path):
    planes = noise((3, 8, 5))
    layouts = [
        planes.astype(">f4"),
        planes.astype(np.float64),
        np.asfortranarray(planes),
        np.repeat(planes, 2, axis=2)[:, :, ::2],
    ]
    for layout in layouts:
        before = layout.copy()
        with xisf.create(path, planes.shape) as target:
            target.write_rows(slice(None), layout)
        np.testing.assert_array_equal(layout, before)
        np.testing.assert_array_equal(xisf.read(path).read_rows(slice(None)), planes)


def test_what_does_not_fit_or_is_forgotten_is_refused(path):
    with xisf.create(path, (3, 8, 5)) as target:
        for rows, shape in [
            (slice(0, 2), (3, 3, 5)),
            (slice(0, 2), (1, 2, 5)),
            (slice(0, 2), (2, 5)),
            (slice(7, 9), (3, 2, 5)),
            (slice(0, 4, 2), (3, 2, 5)),
        ]:
            with pytest.raises(ValueError, match="cannot be an array"):
                target.write_rows(rows, np.zeros(shape, np.float32))
        target.write_rows(slice(0, 8), np.zeros((3, 8, 5), np.float32))
    with (
        pytest.raises(ValueError, match=r"5 rows of .* have not been written"),
        xisf.create(path, (3, 8, 5)) as target,
    ):
        target.write_rows(slice(2, 5), np.zeros((3, 3, 5), np.float32))
    for shape in ((4, 8, 5), (2, 8, 5), (8, 5)):
        with pytest.raises(OutputError, match="shape"), xisf.create(path, shape):
            pass


def test_an_error_in_between_is_not_hidden(path):
    with pytest.raises(KeyboardInterrupt), xisf.create(path, (1, 8, 5)):
        raise KeyboardInterrupt
    with pytest.raises(OSError, match="elsewhere"), xisf.create(path, (1, 8, 5), compress=True):
        raise OSError("elsewhere")


@pytest.mark.parametrize("method", ["allocate", "write"])
@pytest.mark.parametrize("compress", [False, True])
def test_a_full_disk_is_an_output_error(path, compress, method, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def write():
        with xisf.create(path, (1, 8, 5), compress=compress) as target:
            target.write_rows(slice(None), np.zeros((1, 8, 5), np.float32))

    monkeypatch.setattr(RandomAccessFile, method, full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSPC])
def test_room_is_taken_at_once_where_the_file_system_can(path, code, monkeypatch):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    if code == errno.ENOSPC:
        with pytest.raises(OutputError, match="No space"), xisf.create(path, (1, 800, 500)):
            pass
        return
    with xisf.create(path, (1, 800, 500)) as target:
        assert path.stat().st_size == 4096 + 800 * 500 * 4
        target.write_rows(slice(None), np.zeros((1, 800, 500), np.float32))


def test_the_size_is_there_from_the_start(path):
    with xisf.create(path, (3, 800, 500)) as target:
        stat = path.stat()
        assert stat.st_size == 4096 + 3 * 800 * 500 * 4
        target.write_rows(slice(None), np.zeros((3, 800, 500), np.float32))
    assert path.stat().st_size == stat.st_size


def test_the_system_may_take_less_than_it_is_given(path, monkeypatch):
    if not hasattr(os, "pwrite"):
        pytest.skip("this system has no pwrite")
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:13], at))
    planes = noise((3, 8, 5))
    xisf.write(path, planes.transpose(1, 2, 0))
    np.testing.assert_array_equal(xisf.read(path).read_rows(slice(None)), planes)


def test_blocks_are_aligned_and_do_not_overlap(path):
    # As many attached blocks as it takes to make the header outgrow its first guess.
    raws = [noise(n).tobytes() for n in (0, 768, 769, 2000, *[1025] * 40)]
    for keywords in range(0, 60, 3):
        header = XisfHeader(attached={})
        image = header.root.find("Image")
        for _ in range(keywords):
            ET.SubElement(image, "FITSKeyword", name="COMMENT", value="", comment="x" * 20)
        for raw in raws:
            block = BytesInMemory(np.frombuffer(raw, np.uint8))
            header.attached[ET.SubElement(image, "ICCProfile")] = block
        xisf.write(path, noise((5, 6, 1)), header=header)
        root, size = header_of(path), path.stat().st_size
        end = 16 + int.from_bytes(path.read_bytes()[8:12], "little")
        places = [
            tuple(int(n) for n in text.split(":")[1:])
            for item in root.iter()
            if (text := item.get("location", "")).startswith("attachment")
        ]
        assert len(places) == 1 + len(raws)
        for start, length in places:
            assert start % 4096 == 0
            assert end <= start
            end = start + length
        assert end == size
        found = [path.read_bytes()[start : start + length] for start, length in places[1:]]
        assert found == raws


def test_the_file_says_what_it_is(path):
    xisf.write(path, np.zeros((20, 30, 1), np.float32), compress=True)
    about = xisf.read(path).header.root.findall("Metadata/Property")
    values = {
        item.get("id"): {**item.attrib, "value": item.get("value", item.text)} for item in about
    }
    created = values["XISF:CreationTime"]
    assert created["type"] == "TimePoint"
    assert datetime.fromisoformat(created["value"]).utcoffset().total_seconds() == 0
    assert values["XISF:CreatorOS"]["value"] == platform.system().replace("Darwin", "macOS")
    assert values["XISF:CompressionCodecs"]["value"] == "lz4hc"
    assert values["XISF:CompressionLevel"]["value"] == "9"
    image = header_of(path).find(f"{NAMESPACE}Image")
    assert image.get("colorSpace") == "Gray"
    assert image.get("sampleFormat") == "Float32"
    assert image.get("compression") == "lz4hc+sh:2400:4"


def test_what_compression_cannot_make_smaller_is_written_as_it_is(path, monkeypatch):
    bits = np.random.default_rng(0).integers(0, 1 << 24, (50, 60, 3), np.uint32)
    pixels = (bits * np.uint32(97)).view(np.float32)
    monkeypatch.setattr(xisf_codecs, "compress", lambda raw, _: iter([bytes(raw.size)]))
    xisf.write(path, pixels, compress=True)
    plain = path.with_name("plain.xisf")
    xisf.write(plain, pixels)
    assert without_time(path) == without_time(plain)


def test_memory_does_not_grow_with_the_image(path):
    band = noise((3, 20, 500))

    def write(height):
        tracemalloc.start()
        with xisf.create(path, (3, height, 500)) as target:
            for row in range(0, height, 20):
                target.write_rows(slice(row, row + 20), band)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    write(20)
    assert write(2000) < write(20) + band.nbytes // 4


def test_compressing_holds_the_samples_once(path):
    pixels = noise((1000, 1000, 1)).round(1)
    tracemalloc.start()
    xisf.write(path, pixels, compress=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Beside them, the library takes room for the worst case, and the result.
    assert peak < 2 * pixels.nbytes + path.stat().st_size + 300_000

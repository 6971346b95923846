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
from fastbg.io import xisf, xisf_codecs
from fastbg.io.random_access import RandomAccessFile
from fastbg.io.xisf import Keyword, XisfMetadata

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
        assert source.metadata.image_id == "image"
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
    values = [noise(n) for n in (0, 768, 769, 2000, *[1025] * 40)]
    properties = tuple(
        {"id": f"v{i}", "type": "F32Vector", "value": value} for i, value in enumerate(values)
    )
    for keywords in range(0, 60, 3):
        lines = (Keyword("COMMENT", "", "x" * 20),) * keywords
        metadata = XisfMetadata(keywords=lines, properties=properties)
        xisf.write(path, noise((5, 6, 1)), metadata=metadata)
        root, size = header_of(path), path.stat().st_size
        end = 16 + int.from_bytes(path.read_bytes()[8:12], "little")
        places = [
            tuple(int(n) for n in text.split(":")[1:])
            for item in root.iter()
            if (text := item.get("location", "")).startswith("attachment")
        ]
        assert len(places) == 1 + 42
        for start, length in places:
            assert start % 4096 == 0
            assert end <= start
            end = start + length
        assert end == size
        again = xisf.read(path).metadata
        assert again.keywords == lines
        for found, value in zip(again.properties, values, strict=True):
            np.testing.assert_array_equal(found["value"], value)


PROPERTIES = (
    {"id": "a:b", "type": "Boolean", "value": "true"},
    {"id": "f", "type": "Float64", "value": "0.10000000000000000555"},
    {"id": "t", "type": "TimePoint", "value": "2026-01-01T00:00:00.123456Z"},
    {"id": "s", "type": "String", "value": " kept <&> \"'\n— ψ "},
    {"id": "r", "type": "String", "value": "DOS\r\nMac\rUnix\n"},
    {"id": "e", "type": "String", "value": ""},
    {"id": "l", "type": "String", "value": "PCL — ψ\r\n" * 999},
    {"id": "v", "type": "I16Vector", "value": np.arange(5, dtype=np.int16)},
    {"id": "m", "type": "F64Matrix", "value": np.arange(6.0).reshape(2, 3)},
    {"id": "b", "type": "F64Matrix", "value": np.arange(3000.0).reshape(1000, 3)},
    {"id": "c", "type": "C32Vector", "value": np.array([1 + 2j, 3], np.complex64)},
)


@pytest.mark.parametrize("compress", [False, True])
def test_the_package_reads_what_is_written(path, compress, capfd):
    keywords = (
        Keyword("OBJECT", "'M 94'", 'target & <xml> "quotes"'),
        Keyword("HISTORY", "", "one"),
        Keyword("GAIN", "1.5", "café\tand\nmore"),
        Keyword("HISTORY", "", ""),
    )
    metadata = XisfMetadata("master", keywords, PROPERTIES, PROPERTIES)
    pixels = noise((30, 41, 3)).round(2)
    xisf.write(path, pixels, metadata=metadata, history=["done"], compress=compress)

    again = xisf.read(path)
    assert again.warnings == ()
    assert again.metadata.keywords == (*keywords, ("HISTORY", "", "done"))
    file_properties = {item["id"]: item for item in again.metadata.file_properties}
    for found in ({item["id"]: item for item in again.metadata.properties}, file_properties):
        for item in PROPERTIES:
            assert found[item["id"]]["type"] == item["type"]
            np.testing.assert_array_equal(found[item["id"]]["value"], item["value"])

    package = XISF(str(path))
    [meta] = package.get_images_metadata()
    np.testing.assert_array_equal(package.read_image(0), pixels)
    assert (meta["id"], meta["colorSpace"], meta["geometry"]) == ("master", "RGB", (41, 30, 3))
    assert meta["FITSKeywords"]["HISTORY"] == [
        {"value": "", "comment": comment} for comment in ("one", "", "done")
    ]
    assert meta["FITSKeywords"]["OBJECT"] == [{"value": "M 94", "comment": keywords[0].comment}]
    for found in (meta["XISFProperties"], package.get_file_metadata()):
        assert found["a:b"]["value"] is True
        assert found["f"]["value"] == 0.1
        for item in PROPERTIES[2:]:
            value = found[item["id"]]["value"]
            np.testing.assert_array_equal("" if value is None else value, item["value"])
    assert capfd.readouterr() == ("", "")


def test_the_file_says_what_it_is(path):
    xisf.write(path, np.zeros((20, 30, 1), np.float32), compress=True)
    values = {item["id"]: item for item in xisf.read(path).metadata.file_properties}
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
    monkeypatch.setattr(xisf_codecs, "compress", lambda raw, _: raw.tobytes())
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

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import threading
import zlib
from xml.sax.saxutils import quoteattr

import lz4.block
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xisf import XISF
from xisf_structure import difference, header_of, structure

from fastbg.errors import InputError, OutputError
from fastbg.io import xisf
from fastbg.io.xisf import codecs as xisf_codecs

START = 8192
FORMATS = {
    "UInt8": np.uint8,
    "UInt16": np.uint16,
    "UInt32": np.uint32,
    "Float32": np.float32,
    "Float64": np.float64,
}
COMPRESS = {
    "zlib": zlib.compress,
    "lz4": lambda raw: lz4.block.compress(raw, store_size=False),
    "lz4hc": lambda raw: lz4.block.compress(raw, mode="high_compression", store_size=False),
    "zstd": xisf_codecs.zstd.compress,
}
NAMESPACE = 'xmlns="http://www.pixinsight.com/xisf"'


def save(path, attributes, block=b"", *, children="", rest="<Metadata/>", root=NAMESPACE):
    """Write a file by hand, independently of the package; a None attribute is left out."""
    attributes = {
        "geometry": "4:3:1",
        "sampleFormat": "UInt8",
        "location": f"attachment:{START}:{len(block)}",
    } | attributes
    text = " ".join(f"{k}={quoteattr(v)}" for k, v in attributes.items() if v is not None)
    header = f"<xisf version='1.0' {root}><Image {text}>{children}</Image>{rest}</xisf>".encode()
    return save_raw(path, header, block)


def save_raw(path, header, block=b"", signature=b"XISF0100"):
    head = signature + len(header).to_bytes(4, "little") + bytes(4) + header
    path.write_bytes(head.ljust(START, b"\0") + block)
    return path


def shuffled(raw, item):
    lanes = [raw[: len(raw) // item * item][lane::item] for lane in range(item)]
    return b"".join(lanes) + raw[len(raw) // item * item :]


def noise(shape, dtype, seed=0):
    values = np.random.default_rng(seed).integers(0, 200, shape)
    return values.astype(dtype)


def read_keywords(path):
    return list(xisf.read(path).header.keywords)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "image.xisf"


@pytest.mark.parametrize("storage", ["Planar", "Normal"])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("codec", [None, *COMPRESS])
@pytest.mark.parametrize("sample_format", FORMATS)
def test_every_stored_form_of_the_same_samples_reads_alike(
    path, sample_format, codec, shuffle, order, storage
):
    dtype = np.dtype(FORMATS[sample_format])
    expected = noise((5, 7, 3), dtype)
    stored = expected if storage == "Normal" else expected.transpose(2, 0, 1)
    raw = stored.astype(dtype.newbyteorder(order[0])).tobytes()
    attributes = {"geometry": "7:5:3", "sampleFormat": sample_format, "colorSpace": "RGB"}
    attributes |= {"pixelStorage": storage, "byteOrder": order}
    block = raw
    if codec:
        block = COMPRESS[codec](shuffled(raw, dtype.itemsize) if shuffle else raw)
        attributes["compression"] = (
            f"{codec}+sh:{len(raw)}:{dtype.itemsize}" if shuffle else f"{codec}:{len(raw)}"
        )
    image = xisf.read(save(path, attributes, block))
    assert image.to_array().dtype == dtype
    assert image.to_array().dtype.isnative
    np.testing.assert_array_equal(image.to_array(), expected)
    assert image.bounds is None
    assert image.warnings == ()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("method", ["inline:base64", "inline:hex", "embedded"])
def test_pixels_in_the_header_are_read(path, channels, method):
    expected = noise((3, 4, channels), np.uint16)
    raw = expected.transpose(2, 0, 1).tobytes()
    children = raw.hex() if method == "inline:hex" else base64.encodebytes(raw).decode()
    if method == "embedded":
        block = base64.b64encode(zlib.compress(raw)).decode()
        children = f'<Data encoding="base64" compression="zlib:{len(raw)}">\n{block}\n</Data>'
    attributes = {"geometry": f"4:3:{channels}", "sampleFormat": "UInt16", "location": method}
    image = xisf.read(save(path, attributes, children=children))
    np.testing.assert_array_equal(image.to_array(), expected)
    assert image.warnings == ()


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("sha-1", "sha1"),
        ("sha1", "sha1"),
        ("SHA-1", "sha1"),
        ("sha-256", "sha256"),
        ("sha256", "sha256"),
        ("sha-512", "sha512"),
        ("sha3-256", "sha3_256"),
        ("sha3-512", "sha3_512"),
    ],
)
def test_checksums_are_verified(path, name, algorithm):
    block = zlib.compress(bytes(range(12)))
    digest = hashlib.new(algorithm, block).hexdigest()
    attributes = {"compression": "zlib:12", "checksum": f"{name}:{digest}"}
    image = xisf.read(save(path, attributes, block))
    assert image.to_array().ravel().tolist() == list(range(12))
    assert image.warnings == ()
    spoiled = zlib.compress(bytes(12)).ljust(len(block), b"\0")
    with pytest.raises(InputError, match="checksum"):
        xisf.read(save(path, attributes, spoiled))


def test_the_upper_case_digest_and_the_unknown_algorithm(path):
    digest = hashlib.sha1(bytes(12)).hexdigest().upper()
    assert xisf.read(save(path, {"checksum": f"sha-1:{digest}"}, bytes(12))).warnings == ()
    [warning] = xisf.read(save(path, {"checksum": "crc32:00"}, bytes(12))).warnings
    assert "crc32" in warning


def test_bounds_belong_to_float_images(path):
    raw = bytes(48)
    floats = {"sampleFormat": "Float32", "bounds": "-1:65535.5"}
    assert xisf.read(save(path, floats, raw)).bounds == (-1.0, 65535.5)
    assert xisf.read(save(path, floats | {"bounds": None}, raw)).bounds is None
    assert xisf.read(save(path, {"bounds": "0:255"}, bytes(12))).bounds is None


def test_a_header_padded_with_zeros_or_without_namespace_is_read(path):
    header = (
        b'<xisf><Image geometry="2:1:1" sampleFormat="UInt8" location="inline:hex">0a0B</Image>'
    )
    image = xisf.read(save_raw(path, header + b"</xisf>" + bytes(100)))
    assert image.to_array().tolist() == [[[10], [11]]]
    assert image.header.keywords == ()


FOREIGN = 'xmlns="http://www.w3.org/2000/09/xmldsig#"'
WARNED = [
    ("", {}, '<Image geometry="1:1:1"/>', "only the first of 2 images"),
    ("", {}, f"<Signature {FOREIGN}/>", "Signature is not carried over"),
    (f'<ICCProfile location="attachment:{START}:99"/>', {}, "", "ICCProfile is not .*truncated"),
    ('<Property id="p" location="attachment:1"/>', {}, "", "Property p is not carried over"),
    ('<Property id="p" location="url(http://a.b/c)"/>', {}, "", "Property p lies in another"),
]


@pytest.mark.parametrize(("children", "attributes", "rest", "warning"), WARNED)
def test_what_is_not_understood_is_said_in_one_line(
    path, capfd, children, attributes, rest, warning
):
    image = xisf.read(save(path, attributes, bytes(12), children=children, rest=rest))
    assert any(re.search(warning, line) for line in image.warnings)
    assert all("\n" not in line for line in image.warnings)
    xisf.write(path, np.ones((3, 4, 1), np.float32), header=image.header)
    assert capfd.readouterr() == ("", "")


def test_gray_with_two_more_channels_is_pointed_out(path):
    attributes = {"geometry": "2:2:3", "colorSpace": "Gray"}
    assert "taken as RGB" in xisf.read(save(path, attributes, bytes(12))).warnings[0]


ONE_BLOCK = zlib.compress(bytes(12))
REFUSED = [
    # attributes of the image, its block, its children, what the message must say
    ({"geometry": None}, bytes(12), "", "without geometry"),
    ({"sampleFormat": None}, bytes(12), "", "without sampleFormat"),
    ({"location": None}, bytes(12), "", "without location"),
    ({"geometry": "12:1"}, bytes(12), "", "geometry 12:1"),
    ({"geometry": "2:2:3:1"}, bytes(12), "", "only 2-D"),
    ({"geometry": "0:3:1"}, b"", "", "geometry 0:3:1"),
    ({"geometry": "4:3:0"}, b"", "", "geometry 4:3:0"),
    ({"geometry": "-4:-3:1"}, bytes(12), "", "geometry"),
    ({"geometry": "wide"}, bytes(12), "", "geometry"),
    ({"sampleFormat": "UInt64"}, bytes(96), "", "UInt64"),
    ({"sampleFormat": "Int16"}, bytes(24), "", "Int16"),
    ({"sampleFormat": "Complex32"}, bytes(96), "", "Complex32"),
    ({"colorSpace": "CIELab", "geometry": "2:2:3"}, bytes(12), "", "CIELab: convert it to RGB"),
    ({"pixelStorage": "diagonal"}, bytes(12), "", "pixel storage"),
    ({"location": f"attachment:{START}:13"}, bytes(12), "", "truncated"),
    ({"location": f"attachment:{START + 1}:12"}, bytes(12), "", "truncated"),
    ({"location": f"attachment:{10**18}:12"}, bytes(12), "", "truncated"),
    ({"location": "attachment:-4:12"}, bytes(12), "", "cannot be located"),
    ({"location": "attachment:12"}, bytes(12), "", "cannot be located"),
    ({"location": "attachment:a:b"}, bytes(12), "", "cannot be located"),
    ({"location": "inline:hex"}, b"", "0g", "cannot be located or decoded"),
    ({"location": "inline:base64"}, b"", "AAA", "cannot be located or decoded"),
    ({"location": "inline:base91"}, b"", "AAA", "stored as inline:base91"),
    ({"location": "embedded"}, b"", "", "without data"),
    ({"location": "url(https://example.org/a.xisb)"}, b"", "", "in one file"),
    ({}, bytes(13), "", "13 bytes where 12 belong"),
    ({}, bytes(11), "", "11 bytes where 12 belong"),
    ({"compression": "zlib:13"}, ONE_BLOCK, "", "13 bytes where 12 belong"),
    ({"compression": f"zlib:{10**15}"}, ONE_BLOCK, "", f"{10**15} bytes where 12 belong"),
    ({"compression": "zlib:12", "geometry": "4:4:1"}, ONE_BLOCK, "", "12 bytes where 16 belong"),
    ({"compression": "zlib:13", "geometry": "13:1:1"}, ONE_BLOCK, "", "12 bytes where 13 belong"),
    ({"compression": "zlib:12"}, ONE_BLOCK[:-3], "", "cannot be decompressed"),
    ({"compression": "zlib:12"}, b"garbage", "", "cannot be decompressed"),
    ({"compression": "lz4:12"}, b"garbage", "", "6 bytes where 12 belong"),
    ({"compression": "lz4:12"}, b"\xff" * 9, "", "cannot be decompressed"),
    ({"compression": "lz4hc+sh:12:1"}, b"\xff" * 9, "", "cannot be decompressed"),
    ({"compression": "zstd:12"}, b"garbage", "", "cannot be decompressed"),
    ({"compression": "rar:12"}, ONE_BLOCK, "", r"unknown way \(rar:12\)"),
    ({"compression": "zlib"}, ONE_BLOCK, "", "unknown way"),
    ({"compression": "zlib:x"}, ONE_BLOCK, "", "unknown way"),
    ({"compression": "zlib+sh:12"}, ONE_BLOCK, "", "unknown way"),
    ({"compression": "zlib+sh:12:0"}, ONE_BLOCK, "", "unknown way"),
    ({"compression": "zlib:12", "subblocks": "9,6:9,6"}, ONE_BLOCK, "", "sub-blocks"),
    ({"sampleFormat": "Float32", "bounds": "1:0"}, bytes(48), "", "bounds 1:0"),
    ({"sampleFormat": "Float32", "bounds": "0:0"}, bytes(48), "", "bounds 0:0"),
    ({"sampleFormat": "Float32", "bounds": "0:inf"}, bytes(48), "", "bounds"),
    ({"sampleFormat": "Float32", "bounds": "nan:1"}, bytes(48), "", "bounds"),
    ({"sampleFormat": "Float32", "bounds": "black"}, bytes(48), "", "bounds black"),
]


def assert_refused(path, cause):
    with pytest.raises(InputError, match=cause) as caught:
        xisf.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path} ".replace("\0", "\ufffd"))
    assert "\n" not in message


@pytest.mark.parametrize(("attributes", "block", "children", "cause"), REFUSED)
def test_unusable_images_are_refused_in_one_line(path, attributes, block, children, cause):
    assert_refused(save(path, attributes, block, children=children), cause)


HEADER = b"<xisf><Metadata/></xisf>"
NOT_XISF = [
    (b"", "not an XISF file"),
    (b"XISF", "not an XISF file"),
    (b"random rubbish, long enough for a header", "not an XISF file"),
    (b"XISF0100", "truncated inside its header"),
    (b"XISF0100\xff\xff\xff\xff" + bytes(4) + HEADER, "truncated inside its header"),
    (b"XISF0100" + bytes(8), "damaged XML header"),
    (b"XISF0100\x18" + bytes(7) + HEADER, "holds no image"),
    (b"XISF0100\x17" + bytes(7) + HEADER, "damaged XML header"),
    (b"XISF0100\x10" + bytes(7) + b"\xff\xfe\x00\xd8" * 4, "damaged XML header"),
]


@pytest.mark.parametrize(("content", "cause"), NOT_XISF)
def test_other_files_are_refused_in_one_line(path, content, cause):
    path.write_bytes(content)
    assert_refused(path, cause)


def test_what_is_no_file_is_refused_in_one_line(tmp_path, path, monkeypatch):
    assert_refused(tmp_path, "is a directory")
    assert_refused(tmp_path / "missing.xisf", "does not exist")
    assert_refused(tmp_path / "nul\0", "cannot be read")
    assert_refused(tmp_path / ("x" * 300), "cannot be read")
    os.mkfifo(tmp_path / "pipe")
    assert_refused(tmp_path / "pipe", "not a regular file")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    # Permissions do not bind the superuser, so the refusal of the system is imitated.
    save(path, {}, bytes(12))
    monkeypatch.setattr("builtins.open", refuse)
    assert_refused(path, "no permission")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_damage_raises_anything_else(tmp_path_factory, data):
    whole = tmp_path_factory.getbasetemp() / "whole.xisf"
    if not whole.exists():
        keyword = '<FITSKeyword name="A" value="1" comment=""/>'
        matrix = (
            f'<Property id="m" type="Matrix" rows="1" columns="1" location="attachment:{START}:8"/>'
        )
        attributes = {"compression": "zlib:12"}
        save(whole, attributes, ONE_BLOCK, children=keyword + matrix)
    raw = bytearray(whole.read_bytes())
    length = 16 + int.from_bytes(raw[8:12], "little")
    positions = [*range(length), *range(START, len(raw))]
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.sampled_from(positions))] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))
    damaged = whole.with_name("damaged.xisf")
    damaged.write_bytes(raw[:end])
    message = ""
    try:
        xisf.read(damaged)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


KEYWORDS = [
    ("SIMPLE", "T", "file does conform"),
    ("OBJECT", "'M 94'", "target & <xml> \"quotes\" 'too'"),
    ("COMMENT", "", "café — first"),
    ("OBSERVER", "'O''Neill  '", ""),
    ("FRAME", "'Light   '", ""),
    ("EXPTIME", "10.", "[s]"),
    ("HISTORY", "", "calibrated"),
    ("GAIN", "1.7870e+04", ""),
    ("COMMENT", "", "second,\nafter others"),
    ("EMPTY", "''", ""),
    ("HISTORY", "", "registered"),
]


def test_keywords_come_back_as_they_were_and_history_is_appended(path):
    children = (
        "".join(
            f"<FITSKeyword name={quoteattr(n)} value={quoteattr(v)} comment={quoteattr(c)}/>"
            for n, v, c in KEYWORDS
        )
        + '<FITSKeyword name="NOCOMM" value="1"/>'
    )
    source = xisf.read(save(path, {}, bytes(12), children=children))
    expected = [*KEYWORDS, ("NOCOMM", "1", "")]
    assert list(source.header.keywords) == expected
    history = ["fastbg 1.0: order 2", "& <settings> \x00 \ud800"]
    xisf.write(path, np.ones((3, 4, 1), np.float32), header=source.header, history=history)
    written = [("HISTORY", "", history[0]), ("HISTORY", "", "& <settings> \ufffd \ufffd")]
    assert read_keywords(path) == expected + written
    assert list(source.header.keywords) == expected


def test_letters_beyond_ascii_can_be_read_by_any_parser(path):
    # The package declares an encoding name that not even its own reader understands.
    children = '<FITSKeyword name="OBSERVER" value="\'Žofie\'" comment="café — ψ"/>'
    declaration = "<?xml version='1.0' encoding='utf8'?>\n"
    attributes = 'geometry="2:1:1" sampleFormat="UInt8" location="inline:hex"'
    header = f"{declaration}<xisf><Image {attributes}>0a0b{children}</Image></xisf>"
    source = xisf.read(save_raw(path, header.encode()))
    xisf.write(path, np.ones((3, 4, 1), np.float32), header=source.header)
    assert read_keywords(path) == [("OBSERVER", "'Žofie'", "café — ψ")]
    assert XISF(str(path)).get_images_metadata()[0]["FITSKeywords"]["OBSERVER"] == [
        {"value": "Žofie", "comment": "café — ψ"}
    ]


PROPERTIES = (
    '<Property id="a" type="Boolean" value="true" comment="a comment" format="%x"/>',
    '<Property id="b" type="Float64" value="0.10000000000000000555"/>',
    '<Property id="c" type="UInt128" value="340282366920938463463374607431768211455"/>',
    '<Property id="d" type="Complex32" value="(1,2)"/>',
    '<Property id="e" type="TimePoint" value="2026-01-01T00:00:00.123456Z"/>',
    '<Property id="f" type="String"> kept &lt;&amp;&gt; "\'\n— ψ </Property>',
    '<Property id="g" type="String">DOS&#13;\nMac&#13;</Property>',
    '<Property id="h" type="String" value="two&#10;lines&#13;&#9;"/>',
    '<Property id="i" type="I16Vector" length="2" location="inline:hex">01020304</Property>',
    '<Property id="j" type="F64Matrix" rows="1" columns="1" location="embedded">'
    '<Data encoding="base64" compression="zlib:8">eJxjYIAAAAAIAAE=</Data></Property>',
    '<Property id="k" type="Table"><Structure><Field id="x" type="Int32"/></Structure></Property>',
    "<Property/>",
)
OTHERS = (
    '<Resolution horizontal="72" vertical="72" unit="inch"/>',
    '<DisplayFunction m="0.1:0.1:0.1:0.1" s="0:0:0:0" h="1:1:1:1" l="0:0:0:0" r="1:1:1:1"/>',
    '<RGBWorkingSpace x="0.6:0.2:0.1" y="0.3:0.7:0.0" Y="0.2:0.7:0.1" gamma="sRGB"/>',
    '<v:Thing xmlns:v="http://vendor.example/x" v:a="1"><v:Part/></v:Thing>',
    "<Unheard>of<Inside/>it</Unheard>",
)


def with_everything(path):
    """A file whose first image is accompanied by all that can be, in attached blocks and not."""
    pixels, blocks = bytes(range(12)), bytearray()

    def attach(raw):
        blocks.extend(raw)
        return f'location="attachment:{START + 12 + len(blocks) - len(raw)}:{len(raw)}"'

    profile, wide = b"profile" * 999, np.arange(5000.0).astype(">f8").tobytes()
    digest = hashlib.sha1(profile).hexdigest()
    children = "".join(
        f"<FITSKeyword name={quoteattr(n)} value={quoteattr(v)} comment={quoteattr(c)}/>"
        for n, v, c in KEYWORDS
    )
    children += "".join(PROPERTIES + OTHERS)
    children += f'<ICCProfile checksum="sha-1:{digest}" {attach(profile)}/>'
    children += (
        '<Thumbnail geometry="2:2:1" sampleFormat="UInt8" colorSpace="Gray" '
        f"{attach(bytes(4))}/>"
        f'<Property id="m" type="F64Vector" length="5000" byteOrder="big" '
        f'compression="zlib:{len(wide)}" {attach(zlib.compress(wide))}/>'
    )
    image = {"id": "master", "imageType": "Light", "offset": "0.1", "orientation": "90;flip"}
    image |= {"uuid": "12-34", "location": f"attachment:{START}:12"}
    second = (
        f'<Image id="second" geometry="4:1:1" sampleFormat="UInt8" {attach(b"last")}>'
        f'<FITSKeyword name="A" value="1"/><ICCProfile {attach(b"another")}/></Image>'
    )
    about = '<Metadata><Property id="XISF:Title" type="String">kept</Property></Metadata>'
    rest = f'{second}<Property id="at:root" type="Int32" value="1"/>{about}<!-- a comment -->'
    return save(path, image, pixels + bytes(blocks), children=children, rest=rest)


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize("compress", [False, True])
def test_everything_but_the_pixels_passes_through(tmp_path, path, compress, in_memory):
    source = with_everything(path)
    assert len(structure(source)) > 35
    target, again = tmp_path / "target.xisf", tmp_path / "again.xisf"
    for one, other in ((source, target), (target, again)):
        with xisf.read(one) if in_memory else xisf.open_image(one) as image:
            assert [line for line in image.warnings if "2 images" not in line] == []
            pixels = np.zeros((50, 60, 3), np.float32)
            xisf.write(other, pixels, header=image.header, history=["done"], compress=compress)
        lost, added = difference(one, other)
        assert lost == []
        history = {"name": "HISTORY", "value": "", "comment": "done"}
        assert added == [("/xisf/Image/FITSKeyword", tuple(sorted(history.items())), "", b"")]
    assert b"<!-- a comment -->" in again.read_bytes()


def test_history_follows_the_other_keywords(path):
    source = xisf.read(with_everything(path))
    xisf.write(path, np.ones((3, 4, 1), np.float32), header=source.header, history=["one", "two"])
    image = header_of(path).find(f"{{{XISF._xml_ns['xisf']}}}Image")
    names = [item.get("name") for item in image if item.tag.endswith("FITSKeyword")]
    assert names == [name for name, *_ in KEYWORDS] + ["HISTORY", "HISTORY"]
    kinds = [item.tag.endswith("FITSKeyword") for item in image]
    assert kinds == sorted(kinds, reverse=True), "they stay together"


def test_a_damaged_companion_is_an_error(path):
    block = b"profile"
    wrong = hashlib.sha1(b"other").hexdigest()
    place = f'location="attachment:{START + 12}:{len(block)}"'
    children = f'<ICCProfile checksum="sha-1:{wrong}" {place}/>'
    save(path, {"location": f"attachment:{START}:12"}, bytes(12) + block, children=children)
    assert_refused(path, "differs from its checksum")


@pytest.mark.parametrize("compress", [False, True])
@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["<f4", ">f4", "<f8"]),
    planar=st.booleans(),
)
def test_pixels_survive(tmp_path_factory, compress, height, width, channels, seed, dtype, planar):
    path = tmp_path_factory.getbasetemp() / f"round{compress}.xisf"
    rng = np.random.default_rng(seed)
    pixels = rng.normal(0.1, 1, (height, width, channels)).astype(np.float32).astype(dtype)
    pixels[0, 0, 0] = rng.choice([np.nan, np.inf, -0.0, 1e-40])
    if planar:
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    before = pixels.copy()
    xisf.write(path, pixels, compress=compress)
    np.testing.assert_array_equal(pixels, before)
    image = xisf.read(path)
    assert image.to_array().dtype == np.float32
    assert image.bounds == (0.0, 1.0)
    expected = before.astype(np.float32)
    np.testing.assert_array_equal(image.to_array(), expected)
    np.testing.assert_array_equal(XISF(str(path)).read_image(0), expected)


def test_compression_is_lz4hc_with_shuffling(path, monkeypatch):
    pixels = np.full((30, 40, 3), 0.25, np.float32)
    image = f"{{{XISF._xml_ns['xisf']}}}Image"
    xisf.write(path, pixels, compress=True)
    assert header_of(path).find(image).get("compression") == "lz4hc+sh:14400:4"
    xisf.write(path, pixels)
    assert header_of(path).find(image).get("compression") is None
    monkeypatch.setattr(xisf_codecs, "LZ4_LIMIT", 14399)
    xisf.write(path, pixels, compress=True)
    assert header_of(path).find(image).get("compression") == "zstd+sh:14400:4"
    np.testing.assert_array_equal(xisf.read(path).to_array(), pixels)


def test_the_file_says_who_wrote_it_and_drops_what_is_no_longer_true(path):
    stale = (
        '<Property id="XISF:CreatorApplication" type="String">PixInsight</Property>'
        '<Property id="XISF:BlockAlignmentSize" type="UInt32" value="1000000000"/>'
        '<Property id="XISF:MaxInlineBlockSize" type="UInt32" value="0"/>'
        '<Property id="XISF:CompressionCodecs" type="String">zstd</Property>'
        '<Property id="XISF:CompressionLevel" type="Int" value="22"/>'
        '<Property id="XISF:Title" type="String">kept</Property>'
    )
    source = xisf.read(
        save(path, {"id": "master"}, bytes(12), rest=f"<Metadata>{stale}</Metadata>")
    )
    xisf.write(path, np.ones((3, 4, 1), np.float32), header=source.header)
    assert path.stat().st_size < 10_000
    values = {name: item["value"] for name, item in XISF(str(path)).get_file_metadata().items()}
    assert values["XISF:CreatorApplication"].startswith("fastbg ")
    assert values["XISF:Title"] == "kept"
    assert values["XISF:BlockAlignmentSize"] == 4096
    assert "XISF:CompressionCodecs" not in values
    assert XISF(str(path)).get_images_metadata()[0]["id"] == "master"


def test_a_file_that_cannot_be_written_is_an_output_error(tmp_path, path, monkeypatch):
    pixels = np.ones((3, 4, 1), np.float32)
    with pytest.raises(OutputError, match="No such file or directory"):
        xisf.write(tmp_path / "missing" / "a.xisf", pixels)
    for shape in ((3, 4), (3, 4, 2), (3, 4, 4)):
        with pytest.raises(OutputError, match="shape"):
            xisf.write(path, np.ones(shape, np.float32))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        xisf.write(path, pixels)
    assert "\n" not in str(caught.value)


def test_several_threads_read_and_write_the_same_source(tmp_path, path):
    children = '<FITSKeyword name="HISTORY" value="" comment="old"/>'
    pixels = noise((3, 4, 1), np.uint8)
    source = xisf.read(save(path, {}, pixels.tobytes(), children=children))
    problems = []

    def work(number):
        try:
            for _ in range(20):
                target = tmp_path / f"{number}.xisf"
                image = np.full((3, 4, 1), number, np.float32)
                xisf.write(target, image, header=source.header, history=[f"thread {number}"])
                comments = [keyword.comment for keyword in read_keywords(target)]
                assert comments == ["old", f"thread {number}"]
                assert (xisf.read(target).to_array() == number).all()
                np.testing.assert_array_equal(xisf.read(path).to_array(), pixels)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


# Real files.


def test_every_variant_equals_its_truth(shared_data, capfd):
    folder = shared_data / "xisf_variants"
    truth = np.load(folder / "truth.npz")
    files = sorted(set(folder.glob("*.xisf")) - set(folder.glob("BAD_*")))
    assert {file.stem for file in files} == set(truth.files)
    for file in files:
        image = xisf.read(file)
        expected = truth[file.stem].transpose(1, 2, 0)
        assert image.to_array().dtype == expected.dtype, file.stem
        np.testing.assert_array_equal(image.to_array(), expected, err_msg=file.stem)
    assert capfd.readouterr() == ("", "")


def test_declared_bounds_of_the_variants(shared_data):
    folder = shared_data / "xisf_variants"
    assert xisf.read(folder / "rgb_f32_bounds_0_65535.xisf").bounds == (0, 65535)
    assert xisf.read(folder / "rgb_f32_bounds_neg.xisf").bounds == (-1, 1)
    assert xisf.read(folder / "gray_f32_nobounds.xisf").bounds is None


@pytest.mark.parametrize(
    ("name", "cause"), [("BAD_checksum_mismatch", "checksum"), ("BAD_truncated", "truncated")]
)
def test_bad_variants_are_refused(shared_data, name, cause):
    assert_refused(shared_data / "xisf_variants" / f"{name}.xisf", cause)


@pytest.mark.parametrize(
    ("name", "shape", "keywords"),
    [
        ("embedded_gray", (10, 8, 1), 53),
        ("embedded_lz4", (10, 8, 1), 53),
        ("embedded_2_channels", (10, 4, 2), 53),
        ("no_metadata_element", (480, 640, 1), 7),
        ("tiny_color_u16", (5, 6, 3), 0),
        ("tiny_mono_f32", (5, 6, 1), 0),
    ],
)
def test_odd_files_are_read(shared_data, name, shape, keywords):
    image = xisf.read(shared_data / "odd" / f"{name}.xisf")
    assert image.to_array().shape == shape
    assert len(image.header.keywords) == keywords


def test_the_same_pixels_embedded_in_three_ways(shared_data):
    plain, packed, split = (
        xisf.read(shared_data / "odd" / f"embedded_{name}.xisf").to_array()
        for name in ("gray", "lz4", "2_channels")
    )
    np.testing.assert_array_equal(plain, packed)
    assert plain[0, :4, 0].tolist() == [5, 7, 4, 2]
    np.testing.assert_array_equal(plain.ravel(), split.transpose(2, 0, 1).ravel())


def test_every_real_file_survives_a_round_trip(shared_data, tmp_path, capfd):
    files = [*shared_data.glob("*.xisf"), *(shared_data / "odd").glob("*.xisf")]
    files.append(shared_data / "xisf_variants" / "rgb_f32_keywords_props.xisf")
    assert len(files) >= 13
    for file in files:
        target = tmp_path / file.name
        with xisf.open_image(file) as source:
            pixels = np.full((3, 4, 1), 0.5, np.float32)
            xisf.write(target, pixels, header=source.header, history=["done"])
        lost, added = difference(file, target)
        told = [line for line in source.warnings if "is not carried over" in line]
        assert len(lost) == len(told) <= file.stem.startswith("embedded"), file.name
        added = [item for item in added if item[0] != "/xisf/Metadata"]
        assert [dict(item[1]).get("comment") for item in added] == ["done"], file.name
        assert math.isclose(float(xisf.read(target).to_array().mean()), 0.5)
        if file.stem != "no_metadata_element":  # see test_xisf_package.py
            assert XISF(str(target)).read_image(0).shape == (3, 4, 1)
    assert capfd.readouterr() == ("", "")

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
import threading
import xml.etree.ElementTree as ET
import zlib
from xml.sax.saxutils import quoteattr

import lz4.block
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from xisf import XISF

from fastbg.errors import InputError, OutputError
from fastbg.io import xisf, xisf_codecs

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
    "zstd": zstandard.compress,
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
    return list(xisf.read(path).metadata.keywords)


def header_of(path):
    raw = path.read_bytes()
    return ET.fromstring(raw[16 : 16 + int.from_bytes(raw[8:12], "little")])


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
    assert image.metadata.keywords == ()
    assert image.metadata.file_properties == ()


WARNED = [
    ('<ColorFilterArray pattern="GRBG" width="2" height="2"/>', {}, "", "treated as mono"),
    ('<Resolution horizontal="72"/>', {}, "", "not carried over: Resolution"),
    ("<Thumbnail/><ICCProfile/><Thumbnail/>", {}, "", "Thumbnail, ICCProfile"),
    ("", {"orientation": "90", "offset": "-50"}, "", "not carried over: offset, orientation"),
    ("", {}, "<Property/>", "not carried over: Property"),
    ("", {}, '<Image geometry="1:1:1"/>', "only the first of 2 images"),
    ('<Property id="p" type="Table"/>', {}, "", "property p .*Table"),
    ('<Property id="p" type="Complex32" value="(1,2)"/>', {}, "", "property p .*Complex32"),
    ('<Property id="p" type="Int32"/>', {}, "", "property p .*value"),
    (f'<Property id="p" type="String" location="attachment:{START}:99"/>', {}, "", "property p"),
    ('<Property id="p" type="F64Vector" length="3"/>', {}, "", "property p .*location"),
    ('<Property type="Int32" value="1"/>', {}, "", "property None"),
]


@pytest.mark.parametrize(("children", "attributes", "rest", "warning"), WARNED)
def test_what_is_not_understood_is_said_in_one_line(
    path, capfd, children, attributes, rest, warning
):
    image = xisf.read(save(path, attributes, bytes(12), children=children, rest=rest))
    assert any(re.search(warning, line) for line in image.warnings)
    assert all("\n" not in line for line in image.warnings)
    xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=image.metadata)
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
    assert message.startswith(f"{path} ")
    assert "\n" not in message


@pytest.mark.parametrize(("attributes", "block", "children", "cause"), REFUSED)
def test_unusable_images_are_refused_in_one_line(path, attributes, block, children, cause):
    assert_refused(save(path, attributes, block, children=children), cause)


HEADER = b"<xisf><Metadata/></xisf>"
NOT_XISF = [
    (b"SIMPLE  =                    T".ljust(2880), "FITS file: convert it to XISF first"),
    (b"II*\0" + bytes(20), "TIFF"),
    (b"MM\0*" + bytes(20), "TIFF"),
    (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG"),
    (b"\xff\xd8\xff\xe0" + bytes(20), "JPEG"),
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
    assert list(source.metadata.keywords) == expected
    history = ["fastbg 1.0: order 2", "& <settings> \x00 \ud800"]
    xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata, history=history)
    written = [("HISTORY", "", history[0]), ("HISTORY", "", "& <settings> \ufffd \ufffd")]
    assert read_keywords(path) == expected + written
    assert list(source.metadata.keywords) == expected


def test_letters_beyond_ascii_can_be_read_by_any_parser(path):
    # The package declares an encoding name that not even its own reader understands.
    children = '<FITSKeyword name="OBSERVER" value="\'Žofie\'" comment="café — ψ"/>'
    declaration = "<?xml version='1.0' encoding='utf8'?>\n"
    attributes = 'geometry="2:1:1" sampleFormat="UInt8" location="inline:hex"'
    header = f"{declaration}<xisf><Image {attributes}>0a0b{children}</Image></xisf>"
    source = xisf.read(save_raw(path, header.encode()))
    xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata)
    assert read_keywords(path) == [("OBSERVER", "'Žofie'", "café — ψ")]
    assert XISF(str(path)).get_images_metadata()[0]["FITSKeywords"]["OBSERVER"] == [
        {"value": "Žofie", "comment": "café — ψ"}
    ]


BLOCK_TYPES = {
    "I8": np.int8,
    "UI8": np.uint8,
    "I16": np.int16,
    "UI16": np.uint16,
    "I32": np.int32,
    "UI32": np.uint32,
    "I64": np.int64,
    "UI64": np.uint64,
    "F32": np.float32,
    "F64": np.float64,
    "C32": np.complex64,
    "C64": np.complex128,
}


@pytest.mark.parametrize("place", ["attachment", "inline", "embedded"])
@pytest.mark.parametrize("packing", ["plain", "zlib", "zstd+sh", "big"])
@pytest.mark.parametrize("kind", BLOCK_TYPES)
def test_vectors_and_matrices_survive(path, kind, packing, place):
    dtype = np.dtype(BLOCK_TYPES[kind])
    vector, matrix = noise(5, dtype), noise((400, 3), dtype, seed=1)
    pixels = bytes(12)
    attached = bytearray(pixels)
    children = ""
    for value, form in ((vector, "Vector"), (matrix, "Matrix")):
        raw = value.astype(dtype.newbyteorder(">")).tobytes() if packing == "big" else b""
        raw = raw or value.tobytes()
        extra, block = "", raw
        if packing == "big":
            extra = 'byteOrder="big"'
        elif packing == "zlib":
            extra, block = f'compression="zlib:{len(raw)}"', zlib.compress(raw)
        elif packing == "zstd+sh":
            block = zstandard.compress(shuffled(raw, dtype.itemsize))
            extra = f'compression="zstd+sh:{len(raw)}:{dtype.itemsize}"'
        size = (
            f'length="{value.size}"'
            if form == "Vector"
            else f'rows="{value.shape[0]}" columns="{value.shape[1]}"'
        )
        text = base64.b64encode(block).decode()
        head = f'<Property id="{form}" type="{kind}{form}" {size}'
        if place == "attachment":
            location = f"attachment:{START + len(attached)}:{len(block)}"
            children += f'{head} {extra} location="{location}"/>'
            attached += block
        elif place == "inline":
            children += f'{head} {extra} location="inline:base64">{text}</Property>'
        else:
            data = f'<Data encoding="base64" {extra}>{text}</Data>'
            children += f'{head} location="embedded">{data}</Property>'
    location = {"location": f"attachment:{START}:12"}
    source = xisf.read(save(path, location, bytes(attached), children=children))
    assert source.warnings == ()
    for _ in range(2):
        found = {item["id"]: item for item in source.metadata.properties}
        for form, value in (("Vector", vector), ("Matrix", matrix)):
            assert found[form]["type"] == kind + form
            assert found[form]["value"].dtype == dtype
            np.testing.assert_array_equal(found[form]["value"], value)
        xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata)
        source = xisf.read(path)


SCALARS = [
    ("Boolean", "true", "Boolean"),
    ("Boolean", "false", "Boolean"),
    ("Int8", "-128", "Int8"),
    ("Byte", "255", "Byte"),
    ("Short", "-1", "Short"),
    ("UShort", "65535", "UShort"),
    ("Int", "-1", "Int"),
    ("UInt32", "4294967295", "UInt32"),
    ("Int64", "-9223372036854775808", "Int64"),
    ("UInt64", "18446744073709551615", "UInt64"),
    ("UInt128", "340282366920938463463374607431768211455", "UInt128"),
    ("Float32", "0.1", "Float32"),
    ("Float64", "1.7976931348623157e+308", "Float64"),
    ("Float64", "0.10000000000000000555", "Float64"),
    ("Float64", "nan", "Float64"),
    ("Double", "-1.50", "Float64"),
    ("Quad", "1.5", "Float128"),
    ("TimePoint", "2026-01-01T00:00:00.123456Z", "TimePoint"),
]


@pytest.mark.parametrize("place", ["image", "file"])
@pytest.mark.parametrize(("kind", "text", "written"), SCALARS)
def test_scalars_keep_their_exact_text(path, kind, text, written, place):
    item = f'<Property id="My:Value" type="{kind}" value="{text}"/>'
    children, rest = (item, "") if place == "image" else ("", f"<Metadata>{item}</Metadata>")
    source = xisf.read(save(path, {}, bytes(12), children=children, rest=rest))
    xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata)
    elements = [element for element in header_of(path).iter() if element.get("id") == "My:Value"]
    assert [(item.get("type"), item.get("value")) for item in elements] == [(written, text)]


LONG = "PCL rotation — ψ " * 1000


@pytest.mark.parametrize("text", ["", "text", " spaces kept ", "<&>\"'", "two\nlines", LONG])
@pytest.mark.parametrize("place", ["text", "attribute", "block"])
def test_strings_survive(path, text, place):
    raw = text.encode()
    block = zlib.compress(raw)
    start = '<Property id="s" type="String"'
    child = {
        "text": f"{start}>{text.replace('&', '&amp;').replace('<', '&lt;')}</Property>",
        "attribute": f"{start} value={quoteattr(text)}/>",
        "block": f'{start} compression="zlib:{len(raw)}"'
        f' location="attachment:{START + 12}:{len(block)}"/>',
    }[place]
    location = {"location": f"attachment:{START}:12"}
    source = xisf.read(save(path, location, bytes(12) + block, children=child))
    for _ in range(2):
        assert [item["value"] for item in source.metadata.properties] == [text]
        xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata)
        source = xisf.read(path)


def test_the_other_names_of_vector_types(path):
    inline = 'location="inline:hex">'
    children = (
        f'<Property id="a" type="ByteArray" length="2" {inline}0102</Property>'
        f'<Property id="b" type="Vector" length="1" {inline}{bytes(8).hex()}</Property>'
        f'<Property id="c" type="IVector" length="1" {inline}{bytes(4).hex()}</Property>'
        f'<Property id="d" type="Matrix" rows="1" columns="1" {inline}{bytes(8).hex()}</Property>'
        f'<Property id="e" type="F64Vector" length="0" {inline}</Property>'
    )
    source = xisf.read(save(path, {}, bytes(12), children=children))
    assert source.warnings == ()
    xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata)
    again = xisf.read(path)
    assert again.warnings == ()
    kinds = [item["type"] for item in again.metadata.properties]
    assert kinds == ["UI8Vector", "F64Vector", "I32Vector", "F64Matrix", "F64Vector"]
    assert again.metadata.properties[0]["value"].tolist() == [1, 2]


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
    xisf.write(path, np.ones((3, 4, 1), np.float32), metadata=source.metadata)
    assert path.stat().st_size < 10_000
    values = {item["id"]: item["value"] for item in xisf.read(path).metadata.file_properties}
    assert values["XISF:CreatorApplication"].startswith("fastbg ")
    assert values["XISF:Title"] == "kept"
    assert values["XISF:BlockAlignmentSize"] == "4096"
    assert "XISF:CompressionCodecs" not in values
    assert xisf.read(path).metadata.image_id == "master"


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
                xisf.write(target, image, metadata=source.metadata, history=[f"thread {number}"])
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
    assert len(image.metadata.keywords) == keywords


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
        source = xisf.read(file)
        pixels = np.full((3, 4, 1), 0.5, np.float32)
        target = tmp_path / file.name
        xisf.write(target, pixels, metadata=source.metadata, history=["done"])
        again = xisf.read(target)
        expected = (*source.metadata.keywords, ("HISTORY", "", "done"))
        assert again.metadata.keywords == expected, file.name
        assert [dict(item) for item in again.metadata.properties] == [
            dict(item) for item in source.metadata.properties
        ], file.name
        assert math.isclose(float(again.to_array().mean()), 0.5)
        assert XISF(str(target)).read_image(0).shape == (3, 4, 1)
    assert capfd.readouterr() == ("", "")

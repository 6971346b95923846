"""XISF files. The first byte of an input tells if the rest is a file, or the XML of its header."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import lz4.block
import numpy as np

from fastbg.io import xisf
from fastbg.io.xisf import codecs

from .harness import use

SUFFIX = ".xisf"

TOKENS = (
    *(b'location="attachment:4096:96"', b'location="inline:base64"', b'location="embedded"'),
    *(b'location="path(/etc/passwd)"', b'location="url(http://localhost/)"', b"<Data>", b"</Data>"),
    *(b'geometry="4:4:1"', b'geometry="4:2:3"', b'compression="zlib+sh:96:4"', b'subblocks="1,96"'),
    *(b'compression="lz4:96"', b'compression="zstd:96"', b'checksum="sha-1:00"', b"<Image", b"/>"),
    *(b'sampleFormat="UInt16"', b'sampleFormat="Float64"', b'pixelStorage="Normal"', b"bounds="),
    *(b'byteOrder="big"', b"<!DOCTYPE x [", b'<!ENTITY a "b">', b"&a;", b"&#10;", b"<a>", b"<!--"),
    *(b"<FITSKeyword", b'name="BAYERPAT"', b"<ColorFilterArray", b"<Property", b"<Metadata>"),
    *(b'colorSpace="RGB"', b'encoding="hex"', b"xmlns=", b"-1", b"99999999999999999999"),
)

BLOCK = 4096
"""Where the block of a file from XML begins."""

SAMPLES = np.linspace(0.1, 0.9, 24, dtype=np.float32).tobytes()

HEADER = b"""<?xml version="1.0" encoding="UTF-8"?>
<xisf version="1.0" xmlns="http://www.pixinsight.com/xisf">
<Image geometry="4:2:3" sampleFormat="Float32" bounds="0:1" colorSpace="RGB" %s>
<FITSKeyword name="OBJECT" value="'M 94'" comment="what it is"/>
<FITSKeyword name="HISTORY" value="" comment="fastbg settings: seed=1"/>%s
</Image>%s<Metadata><Property id="XISF:CreatorOS" type="String">none</Property></Metadata></xisf>"""


def seeds() -> Iterator[bytes]:
    for attributes, inside, beside in (
        (b'location="attachment:4096:96"', b"", b""),
        (b'location="inline:hex"', SAMPLES.hex().encode(), b""),
        (b'location="embedded"', b'<Data encoding="hex">%s</Data>' % SAMPLES.hex().encode(), b""),
        (b'location="attachment:4096:96"', b'<ICCProfile location="attachment:4192:8"/>', b""),
        (
            b'location="attachment:4096:96"',
            b'<Property location="path(/etc/passwd)"/>',
            b"<a><b/></a>",
        ),
        (
            b'location="attachment:4096:96" checksum="sha-1:0"',
            b'<ColorFilterArray pattern="RGGB"/>',
            b"",
        ),
    ):
        yield b"\1" + HEADER % (attributes, inside, beside)
    for codec, packed in (
        ("zlib", zlib.compress(SAMPLES)),
        ("lz4", lz4.block.compress(SAMPLES, store_size=False)),
        ("zstd", codecs.zstd.compress(SAMPLES)),
    ):
        block = f'location="attachment:4096:{len(packed)}" compression="{codec}:96"'
        yield b"\0" + _file(HEADER % (block.encode(), b"", b""), packed)
    with tempfile.TemporaryDirectory() as name:
        for compress in (False, True):
            path = Path(name, "seed.xisf")
            pixels = np.frombuffer(SAMPLES, np.float32).reshape(2, 4, 3)
            xisf.write(path, pixels, history=["of a seed"], compress=compress)
            yield b"\0" + path.read_bytes()


def content(data: bytes) -> bytes:
    if data[:1] == b"\1":
        return _file(data[1:], SAMPLES + bytes(8))
    return data[1:]


def read(path: Path) -> None:
    use(xisf.open_image(path), path)


def _file(header: bytes, block: bytes) -> bytes:
    begin = xisf.SIGNATURE + len(header).to_bytes(4, "little") + bytes(4) + header
    return begin.ljust(BLOCK, b"\0") + block

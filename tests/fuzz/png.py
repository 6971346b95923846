"""Masks that are PNG files. Checksums of chunks are mended: all damage would be found there."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from fastbg.io import png

SUFFIX = ".png"

TOKENS = (
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"PLTE",
    b"tRNS",
    b"iCCP",
    b"zTXt",
    b"iTXt",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"gAMA",
    b"pHYs",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x0d",
    b"\x10",
    b"\x03",
)


def seeds() -> Iterator[bytes]:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    for picture in (
        Image.fromarray(grey),
        Image.fromarray(grey.astype(np.uint16) * 256),
        Image.fromarray(np.dstack([grey] * 3)),
        Image.fromarray(np.dstack([grey] * 4)),
        Image.fromarray(grey).convert("P"),
        Image.fromarray(grey).convert("1"),
        Image.fromarray(grey).convert("LA"),
    ):
        said, file = PngImagePlugin.PngInfo(), BytesIO()
        said.add_text("Comment", "a seed", zip=True)
        picture.save(file, "PNG", pnginfo=said)
        yield file.getvalue()


def content(data: bytes) -> bytes:
    mended, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunk = data[at + 4 : at + 8 + length]
        mended += data[at : at + 4] + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        at += 12 + length
    return mended + data[at:]


def read(path: Path) -> None:
    with png.open_image(path) as file:
        file.read_rows(slice(None))

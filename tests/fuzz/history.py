"""The settings in the HISTORY of an image; an input is its lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import fastbg
from fastbg.io import xisf
from fastbg.settings.text import to_history

from .preset import TOKENS as _TOKENS
from .xisf import SAMPLES

SUFFIX = ".xisf"

MARK = b"fastbg settings: "

TOKENS = (*_TOKENS, MARK, b"\n" + MARK)


def seeds() -> Iterator[bytes]:
    for settings in (fastbg.Settings(), fastbg.Settings(control_points=9, pedestal="none")):
        yield "\n".join(["taken", *to_history(settings.to_dict()), "done"]).encode()


def content(data: bytes) -> bytes:
    lines = data.decode("utf-8", "replace").split("\n")
    words = "".join(
        f'<FITSKeyword name="HISTORY" value="" comment={quoteattr(legible(line))}/>'
        for line in lines
    )
    image = f'geometry="4:2:3" sampleFormat="Float32" location="inline:hex">{SAMPLES.hex()}'
    header = f'<xisf version="1.0"><Image {image}{words}</Image></xisf>'.encode()
    return xisf.SIGNATURE + len(header).to_bytes(4, "little") + bytes(4) + header


def legible(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(letter for letter in text if letter.isprintable())


def read(path: Path) -> None:
    fastbg.load_preset(path)

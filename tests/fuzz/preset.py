"""Presets: TOML files. An input that begins with { is the JSON report of a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fastbg

from .ds9 import content as content

SUFFIX = ".toml"

NAMES = tuple(fastbg.Settings().to_dict())

TOKENS = (
    *(f"{name.replace('_', '-')} = ".encode() for name in NAMES),
    b"nan",
    b"inf",
    b"1e308",
    b"true",
    b'"grid"',
    b"[" * 999,
    b"a." * 99,
    b"[[x]]\n",
    b'"""',
    b"'",
    b"\\u0000",
    b"# ",
    b"99999999999999999999",
    b"-1",
    b"0x",
    b"{",
    b"1979-05-27",
    b"\n",
    b'{"settings": {',
)


def seeds() -> Iterator[bytes]:
    yield b'description = "of a seed"\ncontrol-points = 16\ninitializer = "grid"\npedestal = 0.1\n'
    yield b'quantile = 0.9\nmode = "divide"\ninvert_mask = true\nthreads = 2\n'
    yield b'{"settings": {"quantile": 0.9, "seed": 3, "pedestal": "none"}}'


def read(path: Path) -> None:
    if path.read_bytes().startswith(b"{"):
        path = path.rename(path.with_suffix(".json"))
    try:
        fastbg.load_preset(path)
    finally:
        path.rename(path.with_suffix(SUFFIX))

"""Masks that are DS9 region files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fastbg.io import regions

SUFFIX = ".reg"

SHAPE = 24, 32
"""The shape of the image."""

TOKENS = (
    b"circle(",
    b"ellipse(",
    b"box(",
    b"polygon(",
    b"annulus(",
    b"-",
    b"!",
    b"image\n",
    b";",
    b"physical\n",
    b"fk5\n",
    b"global ",
    b"point(",
    b"# include",
    b"{",
    b"}",
    b'"',
    b"1e308",
    b"nan",
    b"inf",
    b"||",
    b"composite(",
    b"i,",
    b"p,",
    b"\n",
    b"include(/etc/passwd)",
    b"\xff",
)


def seeds() -> Iterator[bytes]:
    yield b"""# Region file format: DS9 version 4.1
global color=green font="helvetica 10" move=1
image
circle(10,12,4) # text={a star}
-ellipse(16,8,6,3,20)
box(20,20,5,4,0);polygon(1,1,8,2,4,9)
annulus(16,12,2,4,6)
"""
    yield b"physical;circle 10 12 4i || # composite=1\nbox(5p,5p,3p,3p,45)\npoint(1,2)"


def content(data: bytes) -> bytes:
    return data


def read(path: Path) -> None:
    image = regions.open_regions(path, SHAPE)
    assert set(image.planes().ravel().tolist()) <= {0.0, 1.0}

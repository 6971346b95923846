"""Regions of DS9 files (https://ds9.si.edu/doc/ref/region.html) in image coordinates.

The `regions` package knows the shapes. It skips what it does not know, so that all of a file is
looked at here before.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import InputError
from .areas import LARGEST, Area, Polygon

_COUNTS = {
    "circle": range(3, 4),
    "annulus": range(4, sys.maxsize),
    "ellipse": range(5, sys.maxsize, 2),
    "box": range(5, sys.maxsize, 2),
    "polygon": range(6, sys.maxsize, 2),
}
"""How many numbers each shape may have; the package leaves surplus ones out."""

_FRAMES = {"image", "physical"}

_WITHOUT_AREA = {
    *("global", "point", "line", "text"),
    *("vector", "ruler", "compass", "projection", "segment"),
}

_QUOTED = re.compile(r"""=\s*(\{[^{}]*\}|"[^"]*"|'[^']*')""")
_STATEMENT = re.compile(r"([-+!]?)\s*(\w+)(.*)")


def read(data: bytes) -> Iterator[tuple[Area, bool]]:
    """The regions of a file.

    Composite regions count as their parts. Points, lines, text and the like enclose nothing and are
    left out. Physical coordinates are taken as image coordinates, which they are but in cut-outs.

    Yields
    ------
    (Area, excluded)

    Raises
    ------
    InputError
        If there are other coordinates or shapes, or the package is missing.
    """
    try:
        import regions
    except ImportError as error:
        raise InputError(
            "is a DS9 file, which needs the package regions: pip install regions"
        ) from error

    for number, sign, shape, rest in _statements(data.decode("utf-8-sig", "replace")):
        if shape in _WITHOUT_AREA or (shape in _FRAMES and not rest):
            continue
        if shape not in _COUNTS:
            raise InputError(
                f"has {(shape + rest)[:40]!r} in line {number}: save it in image coordinates, "
                f"with no other shapes than {', '.join(_COUNTS)}"
            )
        try:
            text = f"image;{shape}({_numbers(shape, rest)})"
            areas = [_area(region) for region in regions.Regions.parse(text, format="ds9")]
        # It is nowhere documented which errors the package raises.
        except Exception as error:
            raise InputError(
                f"has a {shape} that cannot be used in line {number} ({str(error)[:80]}): "
                "save it in image coordinates"
            ) from error
        yield from ((area, sign in ("-", "!")) for area in areas)


def _statements(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Line, sign, first word in lower case and what follows it."""
    for number, line in enumerate(text.splitlines(), 1):
        # Some lines that begin like comments are shapes, but none of them has an area.
        if line.lstrip().startswith("#"):
            continue
        for statement in _QUOTED.sub("=", line).split(";"):
            bare = statement.partition("#")[0].strip()
            if bare:
                match = _STATEMENT.match(bare)
                sign, word, rest = match.groups() if match else ("", bare, "")
                yield number, sign, word.lower(), rest


def _numbers(shape: str, rest: str) -> str:
    """The numbers of a shape as the package likes them; i and p say that they are pixels."""
    fields = re.split(r"[\s,()|]+", rest.strip(" \t,()|"))
    numbers = [float(field.rstrip("ip")) for field in fields]
    if len(numbers) not in _COUNTS[shape]:
        raise ValueError(f"{len(numbers)} numbers")
    if not all(abs(number) <= LARGEST for number in numbers):
        raise ValueError(f"numbers must be finite and within {LARGEST:g}")
    return ",".join(map(repr, numbers))


def _area(region: Any) -> Area:
    vertices = getattr(region, "vertices", None)
    if vertices is None:
        return _Shape(region)
    # The package looks at every edge for every pixel: 10 s where this takes 0.1.
    return Polygon([np.stack([vertices.x, vertices.y], axis=1)])


class _Shape:
    """An area for any region of the package; pixels whose centres lie on its edge are outside."""

    def __init__(self, region: Any) -> None:
        box = region.bounding_box
        self.bounds = float(box.ixmin), float(box.iymin), float(box.ixmax), float(box.iymax)
        self._region = region

    def work(self, rows: slice, columns: slice) -> int:
        """See `Area`; the package takes several steps for each pixel."""
        return 8 * (rows.stop - rows.start) * (columns.stop - columns.start)

    def inside(self, rows: slice, columns: slice) -> np.ndarray:
        """See `Area`."""
        from regions import PixCoord

        y, x = np.mgrid[rows, columns].astype(np.float64)
        return self._region.contains(PixCoord(x, y))

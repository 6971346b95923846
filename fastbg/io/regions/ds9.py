"""Regions of DS9 files (https://ds9.si.edu/doc/ref/region.html) in image coordinates.

The `regions` package knows the shapes. It skips what it does not know, so that all of a file is
looked at here before.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import InputError
from .areas import LARGEST, Area, Polygon, Wedge, direction

_SIZES = {"circle": 1, "annulus": 1, "panda": 1, "ellipse": 2, "epanda": 2, "box": 2, "bpanda": 2}
"""How many numbers tell a size: a radius, or two semi-axes, or a width and a height."""

_OF_PANDA = {"panda": "annulus", "epanda": "ellipse", "bpanda": "box"}
"""The annulus of which a panda, a pie and annulus, is a wedge."""

_OTHER_NAMES = {"rotbox": "box", "circle3d": "circle", "cpanda": "panda"}

_FRAMES = {"image", "physical"}

_WITHOUT_AREA = {
    *("global", "point", "line", "text", "composite", "version"),
    *("vector", "ruler", "compass", "projection", "segment"),
}

_OLD_POINT = re.compile(r"(circle|box|diamond|cross|x|arrow|boxcircle)\s+point\b", re.IGNORECASE)
_RINGS = re.compile(r"\bn\s*=\s*[1-9]\d*", re.IGNORECASE)

_QUOTED = re.compile(r"""=\s*(\{[^{}]*\}|"[^"]*"|'[^']*')""")
_INCLUDE = re.compile(r"\binclude\s*=\s*(\w+)", re.IGNORECASE)
_STATEMENT = re.compile(r"([-+!]?)\s*(\w+)(.*)")


def read(data: bytes) -> Iterator[tuple[Area, bool]]:
    """The regions of a file.

    Composite regions count as their parts. Points, lines, text and the like enclose nothing and are
    left out. Physical coordinates are taken as image coordinates, which they are but in cut-outs.
    Rings that touch are one area, so it makes no difference how many of them an annulus has.

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
        if shape != "polygon" and shape not in _SIZES:
            raise InputError(
                f"has {(shape + rest)[:40]!r} in line {number}: save it in image coordinates, "
                f"with no other shapes than {', '.join(_SIZES)} and polygon"
            )
        try:
            area = _area(shape, rest, regions.Regions)
        # It is nowhere documented which errors the package raises.
        except Exception as error:
            raise InputError(
                f"has a {shape} that cannot be used in line {number} ({str(error)[:80]}): "
                "save it in image coordinates"
            ) from error
        yield area, sign in ("-", "!")


def _statements(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Line, sign, first word in lower case and what follows it.

    The property ``include`` of a region is a sign, too, and that of all is the sign of the rest.
    """
    usual = ""
    for number, line in enumerate(text.splitlines(), 1):
        # Some lines that begin like comments are shapes, but none of them has an area.
        if line.lstrip().startswith("#"):
            continue
        for statement in _QUOTED.sub("=", line).split(";"):
            bare, _, properties = statement.partition("#")
            bare = bare.strip()
            if bare and not _OLD_POINT.match(bare):
                match = _STATEMENT.match(bare)
                sign, word, rest = match.groups() if match else ("", bare, "")
                word = _OTHER_NAMES.get(word.lower(), word.lower())
                if word == "global":
                    usual = _sign(rest) or usual
                yield number, _sign(properties) or sign or usual, word, rest


def _sign(properties: str) -> str:
    """The sign that some properties give; empty if they give none."""
    found = _INCLUDE.search(properties)
    if not found:
        return ""
    return "-" if found[1].lower() in ("0", "n", "no", "off", "false") else "+"


def _area(shape: str, rest: str, package: Any) -> Area:
    """The area of a shape, from what follows its name."""
    told = _RINGS.sub(" ", rest) if shape in _OF_PANDA.values() else rest
    fields = re.split(r"[\s,()|]+", told.strip(" \t,()|"))
    if shape == "polygon":
        if len(fields) < 6 or len(fields) % 2:
            raise ValueError(f"{len(fields)} numbers")
        return Polygon([np.reshape([_number(field) for field in fields], (-1, 2)) - 1])
    size = _SIZES[shape]
    angle = 0.0
    # The angle may be missing, and is the only number without a partner.
    if size == 2 and len(fields) % 2:
        angle = _degrees(fields.pop())
    if shape not in _OF_PANDA:
        return _between(shape, [_number(field) for field in fields], angle, package)
    if len(fields) != 6 + 2 * size:
        raise ValueError(f"{len(fields)} numbers")
    start, stop = (angle + _degrees(field) for field in fields[2:4])
    x, y, _, *sizes, _ = (_number(field) for field in (*fields[:2], *fields[4:]))
    annulus = _between(_OF_PANDA[shape], [x, y, *sizes], angle, package)
    return Wedge(annulus, (x - 1, y - 1), start, stop)


def _between(shape: str, numbers: list[float], angle: float, package: Any) -> Area:
    """The area between the smallest and the largest of several sizes, or inside the only one."""
    size = _SIZES[shape]
    x, y, *sizes = numbers
    count = len(sizes) // size
    enough = count == 1 if shape == "circle" else count >= (2 if shape == "annulus" else 1)
    if not enough or len(sizes) % size:
        raise ValueError(f"{len(numbers)} numbers")
    edges = np.reshape(sizes, (-1, size))
    inner, outer = edges.min(axis=0), edges.max(axis=0)
    has_hole = count > 1 and inner.any()
    if size == 1 and not has_hole:
        shape = "circle"
    text = [x, y, *(inner.tolist() if has_hole else []), *outer.tolist()]
    text += [angle] if size == 2 else []
    [region] = package.parse(f"image;{shape}({','.join(map(repr, text))})", format="ds9")
    if shape == "box":
        # Of centres on edges, the package takes none, and DS9 those on two of the four sides.
        boxes = [inner, outer] if has_hole else [outer]
        return Polygon([_corners(x - 1, y - 1, box / 2, direction(angle)) for box in boxes])
    return _Shape(region)


def _corners(x: float, y: float, half: np.ndarray, turn: tuple[float, float]) -> np.ndarray:
    """The corners (x, y) of a box of half the width and height, turned by an angle."""
    u, v = (half * [[-1, -1], [1, -1], [1, 1], [-1, 1]]).T
    cosine, sine = turn
    return np.stack([x + u * cosine - v * sine, y + u * sine + v * cosine], axis=1)


def _number(field: str) -> float:
    """A coordinate or a size; i and p say that it is in pixels."""
    number = float(field.rstrip("ip"))
    if not abs(number) <= LARGEST:
        raise ValueError(f"numbers must be finite and within {LARGEST:g}")
    return number


def _degrees(field: str) -> float:
    """An angle from the axis x towards y; d and r say that it is in degrees, or in radians."""
    if field.endswith("r"):
        return math.degrees(_number(field[:-1]))
    return _number(field.removesuffix("d"))


class _Shape:
    """A round region of the package; pixels whose centres lie on its outer edge are outside."""

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

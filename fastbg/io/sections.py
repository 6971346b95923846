"""The sections of a sensor that FITS keywords tell: DATASEC, TRIMSEC and BIASSEC.

They are those of IRAF, ``[x1:x2,y1:y2]``: pixels count from 1, and the last ones are included.
Numbered ones are of several amplifiers. DETSEC and CCDSEC tell places on the detector, not in the
image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..image.border import Box, remaining
from .image_file import ImageFile
from .keywords import Keyword, text_of

SECTION = re.compile(r"(DATASEC|TRIMSEC|BIASSEC)[0-9A-Z]?")
"""The names of the keywords."""

_RANGE = r"\s*(?:(\d{1,9})\s*:\s*(\d{1,9})|\*)\s*"
_TEXT = re.compile(rf"\[{_RANGE},{_RANGE}(?:,[^,\]]*)?\]")

_BINNING = (("XBINNING", "YBINNING"), ("CCDXBIN", "CCDYBIN"), ("BINX", "BINY"))
"""The keywords of binning along x and y, in the spellings of several programs."""

_LONGEST = 40
"""The characters of a section that are shown."""

LARGEST = 0.5
"""Sections that leave out more of the image than this are not obeyed."""


@dataclass(frozen=True)
class Sections:
    """What the keywords of an image tell.

    Attributes
    ----------
    boxes : tuple of Box
        Where the image, as it is read, shows no sky by its keywords; they do not overlap.
    names : tuple of str
        The keywords.
    warnings : tuple of str
        One line for each keyword that cannot be right.
    """

    boxes: tuple[Box, ...] = ()
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def sections_of(file: ImageFile) -> Sections:
    """The sections of an image, in the order in which its rows and columns are read."""
    _, height, width = file.shape
    shape, keywords = (height, width), file.header.keywords
    data: dict[str, list[Box]] = {}
    lines, names = [], []
    for keyword in keywords:
        found = SECTION.fullmatch(keyword.name.strip().upper())
        if found is None:
            continue
        told = keyword.value.strip().strip("'").strip()
        try:
            box = _box(told, shape, keywords)
        except ValueError as error:
            lines.append(f"{found[0]} is {told[:_LONGEST]}, {error}: it is not obeyed")
            continue
        if box:
            data.setdefault(found[1], []).append(box)
            names.append(found[0])
    bias = data.pop("BIASSEC", [])
    boxes = remaining(shape, [*data.values()], bias)
    if not boxes:
        return Sections(warnings=tuple(lines))
    share = sum(box.pixels for box in boxes) / (height * width)
    listed = " and ".join(names)
    if share > LARGEST:
        lines.append(
            f"{listed} would leave {100 * (1 - share):.2g} % of the image: not obeyed, for the "
            "image seems to have been cut since"
        )
        return Sections(warnings=tuple(lines))
    from_below = (file.header.format == "TIFF") ^ file.turn.rows
    boxes = [_reversed(box, shape, from_below, file.turn.columns) for box in boxes]
    return Sections(tuple(boxes), tuple(names), tuple(lines))


def reversed_section(text: str, axis: int, length: int) -> str:
    """A section, as a keyword has it, once the pixels of axis 1 or 2 count from the end."""
    found = _TEXT.search(text)
    place = 2 * axis - 1
    if found is None or found[place] is None:
        return text
    first, last = int(found[place]), int(found[place + 1])
    if not 1 <= min(first, last) <= max(first, last) <= length:
        return text
    mirrored = f"{length + 1 - last}:{length + 1 - first}"
    return text[: found.start(place)] + mirrored + text[found.end(place + 1) :]


def _box(told: str, shape: tuple[int, int], keywords: tuple[Keyword, ...]) -> Box | None:
    """What a section means; None where it tells nothing. ValueError says what is wrong."""
    if not told.startswith("["):
        return None  # UNKNOWN, N/A and the like
    found = _TEXT.fullmatch(told)
    if found is None:
        raise ValueError("which is no section [x1:x2,y1:y2]")
    given = [int(number) if number else None for number in found.groups()]
    if set(given) == {0}:
        return None
    sides = []
    for first, last, length, binning in zip(
        given[::2], given[1::2], shape[::-1], _binning(keywords), strict=True
    ):
        low, high = (1, length) if first is None or last is None else sorted((first, last))
        if first is not None and high > length and (low - 1) // binning < high // binning <= length:
            low, high = (low - 1) // binning + 1, high // binning
        if not 1 <= low <= high <= length:
            raise ValueError(f"outside of the image of {shape[1]} x {shape[0]} pixels")
        sides.append((low - 1, high))
    (left, right), (top, bottom) = sides
    return Box(top, bottom, left, right)


def _binning(keywords: tuple[Keyword, ...]) -> tuple[int, int]:
    """How many pixels of the sensor are one of the image along x and y; 1 where nobody tells."""
    return next(_told_binnings(keywords), (1, 1))


def _told_binnings(keywords: tuple[Keyword, ...]) -> Iterator[tuple[int, int]]:
    pairs = [(text_of(keywords, "CCDSUM") or "").replace(",", " ").split()]
    pairs += [[text_of(keywords, name) or "" for name in names] for names in _BINNING]
    for pair in pairs:
        if len(pair) == 2 and all(re.fullmatch(r"[1-9]\d?(\.0*)?", each) for each in pair):
            yield int(float(pair[0])), int(float(pair[1]))


def _reversed(box: Box, shape: tuple[int, int], rows: bool, columns: bool) -> Box:
    height, width = shape
    top, bottom, left, right = box
    if rows:
        top, bottom = height - bottom, height - top
    if columns:
        left, right = width - right, width - left
    return Box(top, bottom, left, right)

"""FITS keywords, which FITS files and XISF files both hold."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Keyword(NamedTuple):
    """A FITS keyword as the file spells it: string values keep their single quotes."""

    name: str
    value: str
    comment: str


class Header(Protocol):
    """The metadata of an image, in the form of its file format."""

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """The FITS keywords of the image, in the order of the file."""


STRUCTURAL = frozenset(
    {
        *("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "END"),
        *("BZERO", "BSCALE", "BLANK", "DATAMIN", "DATAMAX", "CHECKSUM", "DATASUM", "INHERIT"),
    }
)
"""Keywords, beside NAXISn, that tell how the samples of one file are stored: untrue of another."""


def is_structural(name: str) -> bool:
    """Whether a keyword tells of the storage in its file."""
    name = name.strip().upper()
    return name in STRUCTURAL or (name.startswith("NAXIS") and name[5:].isdigit())


def text_of(keywords: tuple[Keyword, ...], name: str) -> str | None:
    """The value of the first keyword of that name, without the quotes of a string."""
    found = (keyword.value for keyword in keywords if keyword.name == name)
    value = next(found, None)
    return value if value is None else value.strip().strip("'").strip()


def cfa_pattern(keywords: tuple[Keyword, ...]) -> str | None:
    """The colours of the first 2 x 2 pixels of a colour filter array, row by row as stored.

    It comes from BAYERPAT (or COLORTYP), XBAYROFF and YBAYROFF, which the programs of cameras
    write; ROWORDER tells whether the pattern begins at the other end of the file. The result is
    None where there is no pattern.
    """
    pattern = text_of(keywords, "BAYERPAT") or text_of(keywords, "COLORTYP")
    if not pattern:
        return None
    if len(pattern) != 4:
        return pattern
    rows = [pattern[:2], pattern[2:]]
    if _number(keywords, "XBAYROFF") % 2:
        rows = [row[::-1] for row in rows]
    flips = _number(keywords, "YBAYROFF") + (text_of(keywords, "ROWORDER") == "BOTTOM-UP")
    return "".join(rows[::-1] if flips % 2 else rows)


def _number(keywords: tuple[Keyword, ...], name: str) -> int:
    try:
        return int(float(text_of(keywords, name) or 0))
    except (ValueError, OverflowError):
        return 0

"""FITS keywords, which FITS files and XISF files both hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ..image.patterns import X_TRANS, shifted
from .names import Format


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

    @property
    def format(self) -> Format | None:
        """The format of the file; None where it is of no file, or of a mask."""

    @property
    def left_out(self) -> list[str]:
        """What an output in another format has no place for, in words."""


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
    found = (keyword.value for keyword in keywords if keyword.name.upper() == name)
    value = next(found, None)
    return value if value is None else value.strip().strip("'\"").strip()


_PATTERN = ("BAYERPAT", "COLORTYP")
_ROW_OFFSETS = ("YBAYROFF", "YBAYOFF", "BAYROFFY", "BAYOFFY")
_COLUMN_OFFSETS = ("XBAYROFF", "XBAYOFF", "BAYROFFX", "BAYOFFX")

OF_THE_ARRAY = frozenset({*_PATTERN, *_ROW_OFFSETS, *_COLUMN_OFFSETS})
"""Keywords that tell of a colour filter array, each in the spellings of several programs."""

_NO_PATTERN = frozenset(
    {"", "INVALID", "NONE", "MONO", "MONOCHROME", "UNKNOWN", "NULL", "N/A", "FALSE", "F", "0"}
)
"""What programs write of a camera without an array; INVALID is of MaxIm DL."""


def pattern_of(told: str) -> str | None:
    """A pattern in the spelling of fastbg; None where the file tells that there is none."""
    pattern = told.strip().upper()
    if pattern in _NO_PATTERN:
        return None
    letters = "".join(filter(str.isalnum, pattern))
    return X_TRANS if len(letters) == 36 or letters == X_TRANS else pattern


def cfa_pattern(keywords: tuple[Keyword, ...], top: int = 0, left: int = 0) -> str | None:
    """The colours of the first 2 x 2 pixels of a colour filter array, row by row as stored.

    It comes from BAYERPAT (or COLORTYP), and from XBAYROFF and YBAYROFF, which the programs of
    cameras write. They count from the top left pixel of the picture.

    Parameters
    ----------
    keywords : tuple of Keyword
    top, left : int
        The stored row and column of that pixel.

    Returns
    -------
    str or None
        None where there is no pattern. Others than Bayer patterns are given as they are told.
    """
    told = filter(None, (pattern_of(text_of(keywords, name) or "") for name in _PATTERN))
    pattern = next(told, None)
    if pattern is None or len(pattern) != 4:
        return pattern
    return shifted(
        pattern, top + _offset(keywords, _ROW_OFFSETS), left + _offset(keywords, _COLUMN_OFFSETS)
    )


def no_pattern(keywords: tuple[Keyword, ...]) -> Iterator[str]:
    """One line for each keyword that tells that there is no colour filter array."""
    for name in _PATTERN:
        told = text_of(keywords, name)
        if told is not None and pattern_of(told) is None:
            yield f"{name} is {told or 'blank'}, which is no pattern of colours: taken as mono"


def is_bottom_up(keywords: tuple[Keyword, ...]) -> bool | None:
    """Whether the first row of a FITS file is the bottom one; None where ROWORDER does not tell."""
    order = (text_of(keywords, "ROWORDER") or "").upper()
    return {"BOTTOM-UP": True, "TOP-DOWN": False}.get(order)


def _offset(keywords: tuple[Keyword, ...], names: Sequence[str]) -> int:
    told = next(filter(None, (text_of(keywords, name) for name in names)), "0")
    try:
        return int(float(told))
    except (ValueError, OverflowError):
        return 0

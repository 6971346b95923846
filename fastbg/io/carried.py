"""The keywords that an output in another format takes over, made true of that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ..image.patterns import BAYER_PATTERNS
from .image_file import ImageFile
from .keywords import OF_THE_ARRAY, Keyword, cfa_pattern, is_bottom_up, is_structural
from .names import Format
from .sections import SECTION, reversed_section


@dataclass(frozen=True)
class CarriedHeader:
    """Keywords on their way from one format to another."""

    keywords: tuple[Keyword, ...]

    @property
    def format(self) -> None:
        return None

    @property
    def left_out(self) -> list[str]:
        return []


def carried(source: ImageFile, before: Format, after: Format) -> CarriedHeader:
    """The header for an output in another format, which begins at the top left.

    An astrometric solution counts pixels from the first row that is stored, except in Astro-TIFF
    files: their keywords are those of a FITS file whose rows end at the top, and ROWORDER says so.

    Parameters
    ----------
    source : ImageFile
        Upright: see `ImageFile.turned`.
    before, after : {"XISF", "FITS", "TIFF"}
        The formats of the source and of the output.
    """
    keywords = [keyword for keyword in source.header.keywords if not is_structural(keyword.name)]
    _, height, width = source.shape
    if source.turn.rows ^ ("TIFF" in (before, after)):
        keywords = [*_reversed_axis(keywords, 2, height)]
    if source.turn.columns:
        keywords = [*_reversed_axis(keywords, 1, width)]
    bottom_up = is_bottom_up(tuple(keywords))
    if source.turn or bottom_up or (after == "TIFF" and (source.cfa or bottom_up is not None)):
        order = "BOTTOM-UP" if after == "TIFF" else "TOP-DOWN"
        keywords = _with(keywords, {"ROWORDER"}, Keyword("ROWORDER", f"'{order}'", "first row"))
    if source.cfa in BAYER_PATTERNS and source.cfa != cfa_pattern(tuple(keywords)):
        pattern = Keyword("BAYERPAT", f"'{source.cfa}'", "first 2 x 2 pixels, row by row")
        keywords = _with(keywords, OF_THE_ARRAY, pattern)
    return CarriedHeader(tuple(keywords))


def _with(keywords: list[Keyword], names: set[str] | frozenset[str], new: Keyword) -> list[Keyword]:
    """The keywords with one in the place of those of some names, or before the history."""
    places = [at for at, each in enumerate(keywords) if each.name in (*names, "HISTORY")]
    place = places[0] if places else len(keywords)
    rest = [each for each in keywords[place:] if each.name not in names]
    return [*keywords[:place], new, *rest]


def _reversed_axis(keywords: list[Keyword], axis: int, length: int) -> Iterator[Keyword]:
    """The keywords once the pixels along an axis count from its other end.

    The linear terms of the solution (Greisen and Calabretta 2002, A&A 395, 1061) change their
    signs, and so do those of the polynomials of the SIP convention (Shupe et al. 2005, ASPC 347,
    491) that are odd. All other distortions are functions of sky coordinates. Sections of the image
    are where they were.
    """
    matrices = {each.name[5:] for each in keywords if re.fullmatch(r"PC1_1[A-Z]?", each.name)}
    for keyword in keywords:
        text = keyword.value.strip()
        value = _number(text)
        if value is not None and re.fullmatch(rf"CRPIX{axis}[A-Z]?", keyword.name):
            text = f"{length + 1 - value}"
        elif value and _changes_sign(keyword.name, axis, matrices):
            text = text[1:] if value < 0 else f"-{text.removeprefix('+')}"
        elif SECTION.fullmatch(keyword.name):
            text = reversed_section(text, axis, length)
        yield keyword._replace(value=text)


def _changes_sign(name: str, axis: int, matrices: set[str]) -> bool:
    """Whether a term is odd in an axis; `matrices` are the solutions that have PCi_j and CDELTi."""
    if found := re.fullmatch(r"([AB])P?_(\d)_(\d)", name):
        corrected = "AB".index(found[1]) + 1
        return (int(found[axis + 1]) + (corrected == axis)) % 2 == 1
    if re.fullmatch(rf"CDELT{axis}[A-Z]?", name):
        return name[6:] not in matrices
    return re.fullmatch(rf"(?:CD|PC)\d_{axis}[A-Z]?", name) is not None


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(re.sub("[Dd]", "E", text))
    except InvalidOperation:
        return None

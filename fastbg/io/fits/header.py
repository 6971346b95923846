"""What accompanies the pixels of a FITS file, kept as the file has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..blocks import Block
from ..keywords import Header, Keyword, is_structural
from .scaling import Scaling
from .units import CARD, ignored_warnings

if TYPE_CHECKING:
    from astropy.io import fits

_COMMENTARY = ("", "COMMENT", "HISTORY")

_HISTORY_WIDTH = CARD - 8

_NAME = re.compile("[A-Z0-9_-]{1,8}")

_VALUE = re.compile(r"('([^']|'')*'|[TF]|[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?|)")
"""How a value is spelled: XISF files have strings without quotes, too."""


@dataclass(frozen=True)
class FitsHeader:
    """The header of the image, and the bytes of all other units.

    Attributes
    ----------
    records : tuple of str
        The cards of the image as they are, 80 characters of latin-1 each, without END. Where it
        is compressed in tiles, those that it has without.
    scaling : Scaling
        How its samples are stored.
    axes : tuple of int
        The shape as the header has it, in the order of numpy.
    before, after : Block or None
        The units around it, as they are stored.
    """

    records: tuple[str, ...]
    scaling: Scaling
    axes: tuple[int, ...]
    before: Block | None = None
    after: Block | None = None

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        with ignored_warnings():
            return tuple(map(_keyword, _whole_cards(self.records)))


def records_of(header: fits.Header) -> tuple[str, ...]:
    """The cards of a header of astropy."""
    with ignored_warnings():
        text = header.tostring(endcard=False, padding=False)
    return tuple(text[at : at + CARD] for at in range(0, len(text), CARD))


def new_records(header: Header | None, scaling: Scaling, axes: Sequence[int]) -> list[str]:
    """The cards of an image that is stored so, with the keywords of another format's header."""
    sizes = {f"NAXIS{n}": length for n, length in enumerate(reversed(axes), start=1)}
    records = [_record("SIMPLE", "T"), _record("BITPIX", scaling.bitpix)]
    records += [_record("NAXIS", len(axes)), *(_record(*size) for size in sizes.items())]
    records += _scaling_records(scaling)
    with ignored_warnings():
        for keyword in header.keywords if header else ():
            if not is_structural(keyword.name):
                records += _records_of(keyword)
    return records


def restored_records(header: FitsHeader, scaling: Scaling) -> list[str]:
    """The cards of a header for samples that are stored so."""
    if scaling == header.scaling:
        return [*header.records]
    changed = ("BITPIX", "BZERO", "BSCALE", "BLANK")
    records = [record for record in header.records if record[:8].rstrip() not in changed]
    place = max(at for at, record in enumerate(records) if record.startswith("NAXIS")) + 1
    # BITPIX is the second card of every header.
    records[place:place] = _scaling_records(scaling)
    records.insert(1, _record("BITPIX", scaling.bitpix))
    return records


def add_history(records: list[str], lines: Sequence[str]) -> None:
    """Add HISTORY cards behind those that are there, or at the end."""
    said = [at for at, record in enumerate(records) if record.startswith("HISTORY ")]
    used = [at for at, record in enumerate(records) if record.strip()]
    place = (said or used)[-1] + 1
    for line in lines:
        for start in range(0, len(line), _HISTORY_WIDTH):
            text = _ascii(line[start : start + _HISTORY_WIDTH])
            records.insert(place, f"HISTORY {text}".ljust(CARD))
            place += 1


def set_text(records: list[str], name: str, text: str) -> None:
    """Give a keyword that is there another string of at most 16 characters."""
    at = next(at for at, record in enumerate(records) if record[:8].rstrip() == name)
    comment = records[at][10:].partition("/")[2]
    told = f"{name:<8}= '{text}'".ljust(30)
    records[at] = (f"{told} /{comment}" if comment else told)[:CARD].ljust(CARD)


def _whole_cards(records: Sequence[str]) -> Iterator[str]:
    """Cards with those that continue them."""
    card = ""
    for record in records:
        if card and not record.startswith("CONTINUE"):
            yield card
            card = ""
        card += record
    if card:
        yield card


def _keyword(image: str) -> Keyword:
    from astropy.io import fits
    from astropy.io.fits.verify import VerifyError

    card = fits.Card.fromstring(image)
    try:
        name, value, comment = card.keyword, card.value, card.comment
    except (VerifyError, ValueError):
        return Keyword(image[:8].strip(), image[10:].strip(), "")
    if name in _COMMENTARY:
        return Keyword(name, "", str(value))
    if isinstance(value, str):
        return Keyword(name, "'" + value.replace("'", "''") + "'", comment)
    if isinstance(value, fits.card.Undefined):
        return Keyword(name, "", comment)
    # A number as the file spells it.
    return Keyword(name, image.partition("=")[2].partition("/")[0].strip(), comment)


def _records_of(keyword: Keyword) -> list[str]:
    """The cards of a keyword: several where it is long."""
    from astropy.io import fits

    name, value, comment = (_ascii(part).strip() for part in keyword)
    if name in _COMMENTARY:
        text = comment or value.strip("'")
        starts = range(0, max(1, len(text)), _HISTORY_WIDTH)
        return [f"{name:<8}{text[at : at + _HISTORY_WIDTH]}".ljust(CARD) for at in starts]
    if not _VALUE.fullmatch(value):
        value = "'" + value.replace("'", "''") + "'"
    standard = bool(_NAME.fullmatch(name))
    record = _record(name, value, comment)
    if standard and len(record) == CARD:
        return [record]
    if value.startswith("'"):
        meaning = value[1:-1].replace("''", "'")
    else:
        meaning = fits.Card.fromstring(_record("X", value)).value
    try:
        image = str(fits.Card(name if standard else f"HIERARCH {name}", meaning, comment))
    except ValueError:  # no card holds such a name, or so long a one
        return _records_of(Keyword("COMMENT", "", f"{name} = {value} / {comment}"))
    return [image[at : at + CARD] for at in range(0, len(image), CARD)]


def _record(name: str, value: object, comment: str = "") -> str:
    """One card, which is longer than 80 characters if it does not fit."""
    text = str(value)
    told = f"{name:<8}= {text:<20}" if text.startswith("'") else f"{name:<8}= {text:>20}"
    return (f"{told} / {comment}" if comment else told).ljust(CARD)


def _scaling_records(scaling: Scaling) -> list[str]:
    if not scaling.zero:
        return []
    return [_record("BZERO", int(scaling.zero), "unsigned integers"), _record("BSCALE", 1)]


def _ascii(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)

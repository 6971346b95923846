"""The metadata of a FITS file, kept as the file spells them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..blocks import Block
from ..keywords import Header, Keyword, is_structural
from ..names import Format
from .cards import CARD, commentary, keywords_of, printable, record_of, records_of
from .scaling import Scaling


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
        The units around it, as they are stored. Before a primary image, which begins with the
        card SIMPLE, there is one only if it is compressed in tiles.
    """

    format: ClassVar[Format] = "FITS"

    records: tuple[str, ...]
    scaling: Scaling
    axes: tuple[int, ...]
    before: Block | None = None
    after: Block | None = None

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        return tuple(keywords_of(self.records))

    @property
    def left_out(self) -> list[str]:
        return ["further HDUs"] if self.after else []


def new_records(header: Header | None, scaling: Scaling, axes: Sequence[int]) -> list[str]:
    """The cards of an image that is stored so, with the keywords of another format's header."""
    sizes = {f"NAXIS{n}": length for n, length in enumerate(reversed(axes), start=1)}
    records = [record_of("SIMPLE", "T"), record_of("BITPIX", scaling.bitpix)]
    records += [record_of("NAXIS", len(axes)), *(record_of(*size) for size in sizes.items())]
    records += _scaling_records(scaling)
    for keyword in header.keywords if header else ():
        if not is_structural(keyword.name):
            records += records_of(keyword)
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
    records.insert(1, record_of("BITPIX", scaling.bitpix))
    return records


def add_history(records: list[str], lines: Sequence[str]) -> None:
    """Add HISTORY cards behind those that are there, or at the end."""
    said = [at for at, record in enumerate(records) if record.startswith("HISTORY ")]
    used = [at for at, record in enumerate(records) if record.strip()]
    place = (said or used)[-1] + 1
    records[place:place] = [
        record for line in lines for record in commentary("HISTORY", printable(line))
    ]


def with_value(records: Sequence[str], *names: str) -> list[str]:
    """Those of the keywords that have a card with a value; COMMENT-like cards have none."""
    return [name for name in names if any(map(_value_of(name), records))]


def set_value(records: list[str], name: str, value: str) -> None:
    """Give a keyword that is there another value, spelled as a card has it: texts in quotes."""
    at = next(at for at, record in enumerate(records) if _value_of(name)(record))
    comment = records[at][10:].partition("/")[2]
    told = record_of(name, value).rstrip().ljust(30)
    records[at] = (f"{told} /{comment}" if comment else told)[:CARD].ljust(CARD)


def _value_of(name: str) -> Callable[[str], bool]:
    return lambda record: record.startswith(f"{name:<8}= ")


def _scaling_records(scaling: Scaling) -> list[str]:
    if not scaling.zero:
        return []
    return [record_of("BZERO", int(scaling.zero), "unsigned integers"), record_of("BSCALE", 1)]

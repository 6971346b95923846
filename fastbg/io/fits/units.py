"""The header and data units that a FITS file is made of (FITS standard 4.0, sections 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...errors import InputError
from .cards import BLOCK, CARD, first_values, meaning

_END = "END".ljust(CARD)

_LONGEST_HEADER = 10_000
"""Blocks. Pipelines that log into HISTORY write tens of thousands of cards, but not 360,000."""

_MOST_UNITS = 1000


@dataclass(frozen=True)
class Unit:
    """One header and its data.

    Attributes
    ----------
    records : tuple of str
        The header as the file spells it: 80 characters of latin-1 each, without END.
    values : dict of str to str
        The values in it by name, as they are spelled.
    start, data, stop : int
        Where the header and the data begin, and where the next unit does, in bytes.
    size : int
        Bytes of data without their padding.
    """

    records: tuple[str, ...]
    values: Mapping[str, str]
    start: int
    data: int
    size: int

    @property
    def stop(self) -> int:
        return self.data + padded(self.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes of the image in the order of numpy, also where the image is compressed."""
        prefix = "ZNAXIS" if self.is_compressed else "NAXIS"
        axes = whole_number(self.values, prefix, 0)
        return tuple(whole_number(self.values, f"{prefix}{n}", 0) for n in range(axes, 0, -1))

    @property
    def holds_image(self) -> bool:
        """Whether it is an image of at least two axes, compressed or not."""
        plain = text(self.values, "XTENSION") in ("", "IMAGE") and "GROUPS" not in self.values
        return (plain or self.is_compressed) and len(self.shape) > 1 and all(self.shape)

    @property
    def is_compressed(self) -> bool:
        """Whether it is an image in compressed tiles, which are stored as a table."""
        return text(self.values, "XTENSION") == "BINTABLE" and "ZIMAGE" in self.values


def padded(size: int) -> int:
    """A number of bytes, rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


class Bytes(Protocol):
    """A file, or bytes in memory, in which units are found."""

    def size(self) -> float:
        """The size in bytes; infinite if it becomes known only by reading."""

    def read_into(self, start: int, out: np.ndarray) -> int:
        """Fill `out`, (n,) uint8, with what begins at byte `start`; the count that is there."""


def units_of(file: Bytes) -> Iterator[Unit]:
    """Go through the units of a file.

    Raises
    ------
    InputError
        If it is damaged.
    """
    start, size, found = 0, file.size(), 0
    while start < size:
        records, data = _records(file, start)
        if not records:
            break  # bytes after the last unit, which the standard allows
        values = first_values(records)
        unit = Unit(records, values, start, data, _data_size(values))
        if (found := found + 1) > _MOST_UNITS:
            raise InputError(f"has more than {_MOST_UNITS} units: save the image alone")
        if unit.data + unit.size > size:
            raise InputError("is truncated: copy or download it again")
        yield unit
        start = unit.stop


def whole_number(values: Mapping[str, str], name: str, default: int) -> int:
    """A keyword that must be a whole number of at least zero; InputError if it is not."""
    value = _value(values, name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"has the impossible {name} {value}: save it again")
    return value


def number(values: Mapping[str, str], name: str, default: float) -> float:
    """A keyword that must be a finite number; InputError if it is not."""
    value = _value(values, name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"has the impossible {name} {value}: save it again")
    return value


def text(values: Mapping[str, str], name: str) -> str:
    """A keyword that is a string, without blanks at its end; empty where there is none."""
    value = _value(values, name, "")
    return value.strip() if isinstance(value, str) else ""


def _value(values: Mapping[str, str], name: str, default: object) -> object:
    try:
        return meaning(values[name]) if name in values else default
    except ValueError as error:
        raise InputError(f"has a {name} that cannot be read: save it again") from error


def _records(file: Bytes, start: int) -> tuple[tuple[str, ...], int]:
    """The cards of the header that begins there, none if there is none, and where it ends."""
    records: list[str] = []
    for place in range(start, start + _LONGEST_HEADER * BLOCK, BLOCK):
        block = np.empty(BLOCK, np.uint8)
        # Every byte is a character of latin-1: what breaks the rules passes through.
        text = block[: file.read_into(place, block)].tobytes().decode("latin-1")
        if not records and not text.startswith(("SIMPLE  =", "XTENSION=")):
            return (), start
        cards = [text[at : at + CARD] for at in range(0, len(text), CARD)]
        if _END in cards:
            return (*records, *cards[: cards.index(_END)]), place + BLOCK
        if len(text) < BLOCK:
            raise InputError("is truncated inside a header: copy or download it again")
        records += cards
    raise InputError("has a header without end: copy or save it again")


def _data_size(values: Mapping[str, str]) -> int:
    axes = [whole_number(values, f"NAXIS{n}", 0) for n in range(1, _axes(values) + 1)]
    if axes and axes[0] == 0 and "GROUPS" in values:
        axes = axes[1:]
    elements = math.prod(axes) if axes else 0
    bits = abs(int(number(values, "BITPIX", 8)))
    groups, parameters = whole_number(values, "GCOUNT", 1), whole_number(values, "PCOUNT", 0)
    return bits // 8 * groups * (parameters + elements)


def _axes(values: Mapping[str, str]) -> int:
    axes = whole_number(values, "NAXIS", 0)
    if axes > 999:
        raise InputError(f"has the impossible NAXIS {axes}: save it again")
    return axes

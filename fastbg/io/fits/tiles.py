"""The headers of images in compressed tiles (FITS standard 4.0, section 10).

The tiles are astropy's (`unpack` and `pack`), which gets no card but those that tell how the tiles
are stored. So it has nothing to warn about, which could only be kept from users by filters that the
whole process shares; and all other cards stay as they are spelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from threading import Lock

from .cards import VALUE, header_text, keywords_of, record_of
from .units import Unit, text, whole_number

ONE_AT_A_TIME = Lock()
"""Astropy itself swaps those filters and restores them, which two threads must not do at once."""

EMPTY_PRIMARY = (
    record_of("SIMPLE", "T", "conforms to FITS standard"),
    record_of("BITPIX", 8, "array data type"),
    record_of("NAXIS", 0, "number of array dimensions"),
    record_of("EXTEND", "T"),
)
"""The unit before an image in compressed tiles, which is an extension."""

_IN_TABLE = {
    **{name: f"Z{name}" for name in ("SIMPLE", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "EXTEND")},
    **{f"NAXIS{n}": f"ZNAXIS{n}" for n in range(1, 1000)},
    **{"XTENSION": "ZTENSION", "BLOCKED": "ZBLOCKED"},
}
"""The names under which the table keeps what the image tells of itself."""

_IN_IMAGE = {
    **{name: image for image, name in _IN_TABLE.items()},
    **{"ZHECKSUM": "CHECKSUM", "ZDATASUM": "DATASUM"},
}

_STORAGE = re.compile(
    "XTENSION|BITPIX|NAXIS[0-9]*|PCOUNT|GCOUNT|TFIELDS|THEAP|(TTYPE|TFORM|TSCAL|TZERO|TNULL)[0-9]+|"
    "ZIMAGE|ZCMPTYPE|ZMASKCMP|ZQUANTIZ|ZDITHER0|ZBLANK|ZSCALE|ZZERO|(ZTILE|ZNAME|ZVAL)[0-9]+"
)
"""Names that tell how the table and its tiles are stored."""

_ELSE_OF_THE_TABLE = re.compile("SIMPLE|EXTEND|CHECKSUM|DATASUM|(TUNIT|TDISP|TBCOL|TDIM)[0-9]+")
"""Further names that are not the image's."""


_OF_THE_PRIMARY = ("SIMPLE", "EXTEND", "BLOCKED")
"""Names that an extension must not have."""

_OF_AN_EMPTY_UNIT = re.compile(
    r"(SIMPLE|BITPIX|NAXIS|EXTEND|CHECKSUM|DATASUM|DATE) *=.*| *|"
    r"COMMENT +(FITS \(Flexible Image Transport System\)|and Astrophysics', volume 376).*"
)
"""Cards of the unit that programs which compress put before the image."""


def was_primary(unit: Unit, before: Sequence[Unit]) -> bool:
    """Whether the image was the primary one, so that the unit before it is due to the tiles.

    A first unit that tells something is kept, and the image then stays an extension.
    """
    return (
        "ZSIMPLE" in unit.values
        and len(before) == 1
        and before[0].size == 0
        and all(_OF_AN_EMPTY_UNIT.fullmatch(record) for record in before[0].records)
    )


def image_records(unit: Unit, primary: bool) -> tuple[str, ...]:
    """The cards that the image has once it is decompressed: as the primary one, or an extension."""
    own: dict[str, str] = {}
    for name, record in _named(unit.records):
        if name in _IN_IMAGE:
            own.setdefault(_IN_IMAGE[name], f"{_IN_IMAGE[name]:<8}{record[8:]}")
    axes = whole_number(unit.values, "ZNAXIS", 0)
    first = ["BITPIX", "NAXIS", *(f"NAXIS{n}" for n in range(1, axes + 1))]
    if primary:
        first.insert(0, "SIMPLE")
        own.pop("PCOUNT", None), own.pop("GCOUNT", None)
    else:
        first = ["XTENSION", *first, "PCOUNT", "GCOUNT"]
        own = {name: card for name, card in own.items() if name not in _OF_THE_PRIMARY}
        own["XTENSION"] = record_of("XTENSION", "'IMAGE   '")
        own.setdefault("PCOUNT", record_of("PCOUNT", 0))
        own.setdefault("GCOUNT", record_of("GCOUNT", 1))
    records = [own.pop(name) for name in first if name in own]
    kept = True  # decides for the cards that continue one, too
    for name, record in _named(unit.records):
        if name in _IN_IMAGE:
            kept = False
            records += [own.pop(_IN_IMAGE[name])] if _IN_IMAGE[name] in own else []
            continue
        if name != "CONTINUE":
            kept = not (
                _STORAGE.fullmatch(name)
                or _ELSE_OF_THE_TABLE.fullmatch(name)
                or (name == "EXTNAME" and text(unit.values, name) == "COMPRESSED_IMAGE")
            )
        records += [record] if kept else []
    return (*records, *_blank(unit))


def table_records(records: Sequence[str], of_storage: Sequence[str]) -> list[str]:
    """The cards of the table that holds an image with these cards.

    Parameters
    ----------
    of_storage : sequence of str
        The cards that tell how the table and its tiles are stored, and perhaps others.
    """
    kept = [record for name, record in _named(of_storage) if _STORAGE.fullmatch(name)]
    place = next(at for at, record in enumerate(kept) if record.startswith("ZIMAGE")) + 1
    own, others = [], []
    for name, record in _named(records):
        if name in _IN_TABLE:
            own.append(f"{_IN_TABLE[name]:<8}{record[8:]}")
        elif not (_STORAGE.fullmatch(name) or name in _IN_IMAGE):
            others.append(record)
    if not any(record.startswith("EXTNAME ") for record in others):
        kept.append(record_of("EXTNAME", "'COMPRESSED_IMAGE'"))
    return [*kept[:place], *own, *kept[place:], *others]


def storage_header(unit: Unit) -> bytes:
    """The headers of a file with this unit, of those cards alone that astropy needs."""
    of_storage = [
        record
        for name, record in _named(unit.records)
        if _STORAGE.fullmatch(name) or name in ("ZBITPIX", "ZNAXIS", "ZSIMPLE") or "ZNAXIS" in name
    ]
    legible = [
        record for record in of_storage if VALUE.fullmatch(next(keywords_of([record])).value)
    ]
    return header_text(EMPTY_PRIMARY) + header_text([*legible, *_blank(unit)])


def _named(records: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((record[:8].rstrip(), record) for record in records)


def _blank(unit: Unit) -> list[str]:
    """The card BLANK of an image that tells it elsewhere in its table."""
    bits = whole_number({"ZBITPIX": unit.values.get("ZBITPIX", "0").lstrip("-")}, "ZBITPIX", 0)
    if "BLANK" in unit.values or unit.values.get("ZBITPIX", "-").startswith("-"):
        return []
    if "ZBLANK" in unit.values:
        return [record_of("BLANK", unit.values["ZBLANK"])]
    columns = (text(unit.values, name) for name in unit.values if name.startswith("TTYPE"))
    # A column has it for each tile, and the usual value has to do for all.
    return [record_of("BLANK", -(1 << (bits - 1)))] if bits and "ZBLANK" in columns else []

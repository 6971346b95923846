"""The cards of FITS headers (FITS standard 4.0, section 4): names, values and comments.

Cards that break the rules pass through as they are spelled, so that nothing is lost and nobody is
warned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..keywords import Keyword

CARD = 80
"""Characters of a card."""

BLOCK = 2880
"""Bytes; headers and data fill a multiple of it."""

COMMENTARY = ("", "COMMENT", "HISTORY")
"""Names of cards that hold a text and no value."""

TEXT_WIDTH = CARD - 8
"""Characters of the text of such a card."""

_COMMENT_WIDTH = 64
"""Characters of a comment beside each further card of a long string."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EDed][+-]?\d+)?"
_STRING = r"'(?:[^']|'')*'"

VALUE = re.compile(rf"(?:{_STRING}|[TF]|{_NUMBER}|\( *{_NUMBER} *, *{_NUMBER} *\)|)")
"""How a value is spelled."""

_FIELD = re.compile(rf" *(?P<value>{VALUE.pattern}) *(?:/ *(?P<comment>.*?) *)?", re.DOTALL)

_NAME = re.compile("[A-Z0-9_-]{1,8}")


def keywords_of(records: Sequence[str]) -> Iterator[Keyword]:
    """The keywords of a header.

    Parameters
    ----------
    records : sequence of str
        Cards of 80 characters, without END; CONTINUE cards continue the string before them.
    """
    whole: list[str] = []
    for record in records:
        if whole and not record.startswith("CONTINUE"):
            yield _keyword(whole)
            whole = []
        whole.append(record)
    if whole:
        yield _keyword(whole)


def first_values(records: Sequence[str]) -> dict[str, str]:
    """The values by name, as they are spelled; of several of one name, the first."""
    found: dict[str, str] = {}
    for keyword in keywords_of(records):
        found.setdefault(keyword.name, keyword.value)
    return found


def meaning(value: str) -> bool | int | float | str | None:
    """The value that a card spells; None where it spells none, or one of another type.

    Raises
    ------
    ValueError
        If it is no value.
    """
    if not VALUE.fullmatch(value):
        raise ValueError(f"{value} is no value")
    if value.startswith("'"):
        return value[1:-1].replace("''", "'").rstrip()
    if value in ("T", "F"):
        return value == "T"
    if not value or value.startswith("("):
        return None
    try:
        return int(value)
    except ValueError:
        return float(re.sub("[Dd]", "E", value))


def record_of(name: str, value: object, comment: str = "") -> str:
    """One card, which is longer than 80 characters if it does not fit."""
    text = str(value)
    told = f"{name:<8}= {text:<20}" if text.startswith("'") else f"{name:<8}= {text:>20}"
    return (f"{told} / {comment}" if comment else told).ljust(CARD)


def records_of(keyword: Keyword) -> list[str]:
    """The cards of a keyword of any format: several where it is long."""
    name, value, comment = (printable(part).strip() for part in keyword)
    if name in COMMENTARY:
        return commentary(name, printable(keyword.comment).rstrip() or value.strip("'"))
    if not VALUE.fullmatch(value):
        value = "'" + value.replace("'", "''") + "'"
    elif not value.startswith("'"):
        value = value.upper()  # XISF files have exponents in small letters, which FITS forbids
    standard = bool(_NAME.fullmatch(name))
    if standard:
        record = record_of(name, value, comment)
        if len(record) == CARD:
            return [record]
        head = f"{name:<8}= "
    else:  # the convention HIERARCH, for names of several words or of small letters
        head = f"HIERARCH {name} = "
        if "=" in name or len(head) + min(len(value), 12) > CARD:
            return commentary("COMMENT", f"{name} = {value} / {comment}")
    told = f"{head}{value}"
    if value.startswith("'") and len(told) > CARD:
        return _continued(head, value[1:-1], comment)
    return [(f"{told} / {comment}" if comment else told)[:CARD].ljust(CARD)]


def commentary(name: str, text: str) -> list[str]:
    """The cards of a text, at least one."""
    starts = range(0, max(1, len(text)), TEXT_WIDTH)
    return [f"{name:<8}{text[at : at + TEXT_WIDTH]}".ljust(CARD) for at in starts]


def header_text(records: Sequence[str]) -> bytes:
    """A whole header, with its end, in blocks."""
    text = "".join([*records, "END".ljust(CARD)])
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("latin-1")


def printable(text: str) -> str:
    """The text in the characters that a card may have."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)


def _keyword(cards: Sequence[str]) -> Keyword:
    """The keyword of a card, with those that continue it."""
    card = cards[0]
    name, field = _split(card)
    if name in COMMENTARY:
        return Keyword(name, "", card[8:].rstrip())
    fields = [field, *(continued[8:] for continued in cards[1:])]
    found = [_FIELD.fullmatch(each) for each in fields]
    matches = [match for match in found if match]
    strings = [match["value"] for match in matches]
    whole = len(matches) == len(cards)
    if not whole or (len(cards) > 1 and not all(text.startswith("'") for text in strings)):
        return Keyword(card[:8].strip(), card[10:].strip(), "")
    comment = " ".join(match["comment"] for match in matches if match["comment"])
    value = strings[0]
    if value.startswith("'"):
        parts = [text[1:-1].rstrip() for text in strings]
        if len(parts) > 1:
            parts = [part.removesuffix("&") for part in parts]
        value = f"'{''.join(parts).rstrip()}'"
    return Keyword(name, value, comment)


def _split(card: str) -> tuple[str, str]:
    """The name, and the field of value and comment."""
    name = card[:8].strip().upper()
    if name == "HIERARCH" and card[8] == " " and "=" in card:
        name, _, field = card[9:].partition("=")
        return name.strip(), field
    sign = card.find("= ", 1, 10)
    if name in COMMENTARY or sign < 0:
        return name, card[8:]
    # Some programs write it too early.
    return name[:sign].rstrip(), card[sign + 2 :]


def _continued(head: str, text: str, comment: str) -> list[str]:
    """The cards of a long string (section 4.2.1.2): parts of it, then parts of its comment."""
    records = []
    while text:
        part = text[: CARD - len(head) - 3]
        if part.count("'") % 2:  # a quote is spelled twice, and stays together
            part = part[:-1]
        text = text[len(part) :]
        records.append(f"{head}'{part}{'&' if text or comment else ''}'")
        head = "CONTINUE  "
    while comment:
        part, comment = comment[:_COMMENT_WIDTH], comment[_COMMENT_WIDTH:]
        records.append(f"{head}'{'&' if comment else ''}' / {part}")
    return [record.ljust(CARD) for record in records]

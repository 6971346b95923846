"""Settings as text, and back: a TOML file, and the HISTORY of an image. Both keep every bit."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby
from numbers import Integral
from typing import Any

HISTORY_WIDTH = 70
"""Characters of a FITS HISTORY card."""

_LONGEST = 1 << 15
"""Characters of the settings of a job; the time to read them grows with the square of a key."""

_MARK = "fastbg settings: "

_GOES_ON = "+"
"""No name of a setting begins with it."""


def toml_value(value: object) -> str:
    """A bool, number or text, or several of them, as TOML spells it."""
    if isinstance(value, tuple | list):
        return f"[{','.join(map(toml_value, value))}]"
    if isinstance(value, str):
        # JSON's escapes are TOML's; but TOML forbids one character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Integral):
        return str(int(value))
    return repr(float(value))  # type: ignore[arg-type]


def to_toml(options: Mapping[str, Any]) -> str:
    """A line for each option, whose name is spelled as on the command line."""
    return "".join(
        f"{name.replace('_', '-')} = {toml_value(value)}\n" for name, value in options.items()
    )


def to_history(options: Mapping[str, Any]) -> list[str]:
    """Lines for the HISTORY of an image, each marked, so that others may stand before and behind.

    None is longer than a card.
    """
    # A word may not hold a space, at which lines are broken.
    words = (f"{k}={toml_value(v)}".replace(" ", "\\u0020") for k, v in options.items())
    return textwrap.wrap(
        " ".join(part for word in words for part in _parts(word)),
        HISTORY_WIDTH,
        initial_indent=_MARK,
        subsequent_indent=_MARK,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _parts(word: str) -> list[str]:
    """A word that is too long for a line in several; all but the first begin with `_GOES_ON`."""
    room = HISTORY_WIDTH - len(_MARK) - 1
    first, rest = word[: room + 1], word[room + 1 :]
    return [first, *(_GOES_ON + rest[at : at + room] for at in range(0, len(rest), room))]


def from_history(lines: Iterable[str]) -> dict[str, Any]:
    """The options of the last job in the HISTORY of an image; none where there was no job.

    Raises
    ------
    ValueError
        If they are not as `to_history` wrote them.
    """
    import tomllib

    # The settings of two jobs are separated by the line that tells what the second one did.
    jobs = [list(job) for marked, job in groupby(lines, lambda s: s.startswith(_MARK)) if marked]
    words = [word for line in jobs[-1:] for part in line for word in part[len(_MARK) :].split(" ")]
    text = "\n".join(words).replace(f"\n{_GOES_ON}", "")
    if len(text) > _LONGEST:
        raise ValueError(f"more than {_LONGEST} characters")
    return tomllib.loads(text)

"""How single values are checked: each check gives a plain one, or says what it must be."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from numbers import Integral, Real
from pathlib import Path
from reprlib import repr
from typing import Any

from ..errors import InputError, SettingsError
from ..image.patterns import BAYER_PATTERNS
from ..words import SIZE, bytes_of, did_you_mean
from .places import MEANING, places

MOST_SEAMS, MOST_BORDER, LARGEST_PEDESTAL = 16, 1 << 30, 1e9

LARGEST_SCALE = 1e9

PEDESTALS = ("model-median", "neutral", "none", "bgoptimizer")

_ALIASES = {"ancestor": "bgoptimizer"}
"""Other names of pedestals."""

Check = Callable[[Any], Any]
"""Gives a value as a plain number, bool or text of Python, or raises SettingsError."""


def number(
    name: str, possible: Callable[[float], bool] = lambda value: True, must: str = ""
) -> Check:
    def check(value: Any) -> float:
        if not isinstance(value, Real) or isinstance(value, bool) or not _is_finite(value):
            raise SettingsError(f"the {name} must be a finite number, not {_shown(value)}")
        plain = float(value)
        if not possible(plain):
            raise SettingsError(f"the {name} must {must}, not {plain:g}")
        return plain

    return check


def _is_finite(value: Real) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _shown(value: Any) -> Any:
    """A text in quotes, for "4" is no number, unlike 4."""
    return repr(value) if isinstance(value, str) else value


def within(name: str, low: float, high: float) -> Check:
    return number(name, lambda value: low <= value <= high, f"lie in {low:g} .. {high:g}")


def share(name: str) -> Check:
    """The check of a number from 0 to 1, which may be a text like 80%."""
    must = f"the {name} must be a number from 0 to 1, or a percentage like 80%, not"

    def check(value: Any) -> float:
        plain = value
        if isinstance(value, str):
            try:
                percent = value.strip().endswith("%")
                plain = float(value.replace("%", "", 1)) / (100 if percent else 1)
            except ValueError:
                raise SettingsError(f"{must} {_shown(value)}") from None
        is_number = isinstance(plain, Real) and not isinstance(plain, bool)
        if not is_number or not 0 <= plain <= 1:
            raise SettingsError(f"{must} {value}")
        return float(plain)

    return check


def whole(name: str, low: int, high: float = math.inf) -> Check:
    def check(value: Any) -> int:
        is_whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not is_whole or int(value) < low:
            raise SettingsError(
                f"the {name} must be a whole number of at least {low}, not {_shown(value)}"
            )
        if int(value) > high:
            raise SettingsError(f"the {name} must be at most {high}, not {value}")
        return int(value)

    return check


_scale = number(
    "scale of a reference",
    lambda value: 1 / LARGEST_SCALE <= value <= LARGEST_SCALE,
    f"lie in {1 / LARGEST_SCALE:g} .. {LARGEST_SCALE:g}",
)

_width = whole("width of the border", 0, MOST_BORDER)


def or_auto(check: Check, automatic: Any = 0) -> Check:
    """The check of a number that is fastbg's choice if the text "auto" is given, or 0."""

    def check_or_auto(value: Any) -> Any:
        if not isinstance(value, str):
            return check(value)
        if value == "auto":
            return automatic
        try:
            return check(value)
        except SettingsError as error:
            raise SettingsError(f"{error}; auto leaves it to fastbg") from error

    return check_or_auto


def memory(name: str) -> Check:
    """The check of a number of bytes, which may be a text like 2GB."""
    count = whole(name, 0)

    def check(value: Any) -> int:
        if not isinstance(value, str):
            return count(value)
        try:
            return bytes_of(value)
        except ValueError:
            raise SettingsError(
                f"the {name} must be a number of bytes or {SIZE}, not {value}"
            ) from None

    return check


def path_of(value: Any, name: str) -> Path:
    """A path that was given as one of its kinds; InputError for what is none."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise InputError(f"the {name} must be a path, not {repr(value)}")
    return Path(os.fsdecode(value))


def one_of(name: str, *choices: str | int | bool) -> Check:
    *most, last = map(str, choices)

    def check(value: Any) -> str | int | bool:
        for choice in choices:
            if _same_kind(value, choice) and value == choice:
                return choice
        asked = did_you_mean(value, (*most, last))
        raise SettingsError(f"the {name} must be {', '.join(most)} or {last}, not {value}{asked}")

    return check


def _same_kind(value: Any, choice: str | int | bool) -> bool:
    """Whether two equal values are of one kind: True is not 1, nor is 2.0 the whole number 2."""
    if isinstance(choice, bool):
        return type(value).__name__ in ("bool", "bool_")
    if isinstance(choice, int):
        return isinstance(value, Integral) and not isinstance(value, bool)
    return isinstance(value, str)


def border(value: Any) -> int | tuple[int, ...]:
    """The widths of the sides of an image that are no sky: one number where they are the same."""
    several = value
    if isinstance(value, str):
        words = value.replace(",", " ").split()
        several = [int(word) for word in words if word.isdecimal()]
        several = several if len(several) == len(words) else []
    elif isinstance(value, Integral) and not isinstance(value, bool):
        several = [value]
    try:
        widths = [_width(each) for each in several]
    except (TypeError, SettingsError):
        widths = []
    if len(widths) not in (1, 4):
        raise SettingsError(
            "the border must be a number of pixels, or four of them for LEFT,TOP,RIGHT,BOTTOM, not "
            f"{_shown(value)}"
        )
    return widths[0] if len(set(widths)) == 1 else tuple(widths)


def scales(value: Any) -> Any:
    """The scale of a reference: "auto", one number, or one for each of three channels."""
    several = [value]
    if isinstance(value, str):
        if value == "auto":
            return value
        several = value.replace(",", " ").split()
        with suppress(ValueError):
            several = [*map(float, several)]
    elif not isinstance(value, Real):
        with suppress(TypeError):
            several = [*value]
    if len(several) not in (1, 3) or not all(isinstance(each, Real) for each in several):
        raise SettingsError(
            "the scale of a reference must be auto, a number, or three of them for the channels, "
            f"not {_shown(value)}"
        )
    # In so many digits, three of them fit a line of HISTORY.
    found = tuple(float(f"{_scale(each):.6g}") for each in several)
    return found[0] if len(found) == 1 else found


def seams(value: Any) -> str:
    """Where the seams of a mosaic are, in one spelling."""
    words = value.replace(",", " ").lower().split() if isinstance(value, str) else []
    if words in (["auto"], ["off"]):
        return words[0]
    lines = [re.fullmatch(r"([xy])=([0-9]+)", word) for word in words]
    if not lines or not all(lines) or len(lines) > MOST_SEAMS:
        raise SettingsError(
            f"the seams must be auto, off, or at most {MOST_SEAMS} lines like x=1500 y=1000, not "
            f"{value!r}"
        )
    return " ".join(words)


def protect_at(value: Any) -> str:
    """Places of objects, in one spelling."""
    try:
        places(value)
    except (ValueError, AttributeError, TypeError):
        raise SettingsError(f"the places to protect must be {MEANING}, not {value!r}") from None
    parts = (" ".join(part.replace(",", " ").split()) for part in value.split(";"))
    return "; ".join(part for part in parts if part)


def pattern(value: Any) -> Any:
    """A choice of a Bayer pattern, in its spelling."""
    choices = ("auto", "off", *BAYER_PATTERNS)
    if isinstance(value, str):
        spellings = {choice.lower(): choice for choice in choices}
        value = spellings.get(value.strip().lower(), value)
    return one_of("Bayer pattern", *choices)(value)


def pedestal(value: Any) -> Any:
    """A policy for the level that is put back, or that level."""
    if isinstance(value, Real) and not isinstance(value, bool):
        return within("pedestal", -LARGEST_PEDESTAL, LARGEST_PEDESTAL)(value)
    policy = _ALIASES.get(value, value) if isinstance(value, str) else None
    if policy not in PEDESTALS:
        raise SettingsError(
            f"the pedestal must be {', '.join(PEDESTALS)} or a number, not {value}"
            f"{did_you_mean(value, PEDESTALS)}"
        )
    return policy

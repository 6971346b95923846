"""Numbers and names of channels as the page writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MINUS, TIMES, NONE = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EM DASH}"
SPACE = "\N{NO-BREAK SPACE}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits; a dash where it is missing or not finite."""
    if value is None or not math.isfinite(value):
        return NONE
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    if exponent:
        mantissa += f"{SPACE}{power(int(exponent))}"
    return mantissa.replace("-", MINUS)


def significant(value: float | None) -> str:
    """A number with three significant digits, trailing zeros included."""
    if value is None or not math.isfinite(value) or value == 0:
        return number(value)
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}".replace("-", MINUS)


def power(exponent: int) -> str:
    """Times a power of ten, to be written after a number."""
    return f"{TIMES}{SPACE}10{str(exponent).translate(_RAISED)}"


def count(value: int) -> str:
    """An integer with a thin space between groups of three digits."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(share: float) -> str:
    """A fraction of 1 in percent, with three significant digits."""
    return f"{number(100 * share, 3)}{SPACE}%"


def mean_of(channels: int) -> str:
    """A remark for maps that show the mean of several channels."""
    return ", mean of the channels" if channels > 1 else ""


def kind(image: Mapping[str, Any]) -> str:
    """What an image consists of, by its part of a report."""
    if "cfa" in image:
        return f"superpixels of a Bayer mosaic, {image['cfa']}"
    return "pixels, mono" if image["channels"] == 1 else "pixels, RGB"


def channels(number_of: int) -> list[str]:
    """The short names of the channels; in lower case they are classes of the style sheet."""
    named = {1: ["L"], 3: ["R", "G", "B"]}
    return named.get(number_of) or [f"C{k + 1}" for k in range(number_of)]

"""Numbers, and names of channels, for people."""

from __future__ import annotations

import math

MINUS, TIMES, NONE = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{EM DASH}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """So many digits; a dash for what is no finite number."""
    if value is None or not math.isfinite(value):
        return NONE
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    if exponent:
        mantissa += f" {power(int(exponent))}"
    return mantissa.replace("-", MINUS)


def significant(value: float | None) -> str:
    """Three digits, zeros included."""
    if value is None or not math.isfinite(value) or value == 0:
        return number(value)
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}".replace("-", MINUS)


def power(exponent: int) -> str:
    """A power of ten, after the number that it multiplies."""
    return f"{TIMES} 10{str(exponent).translate(_RAISED)}"


def count(value: int) -> str:
    """With a thin space between the thousands."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(share: float) -> str:
    """A share of 1."""
    return f"{number(100 * share, 3)} %"


def mean_of(channels: int) -> str:
    """What is said of a map of several channels."""
    return ", mean of the channels" if channels > 1 else ""


def channels(number_of: int) -> list[str]:
    """Short names, which are also their classes in the style sheet in lower case."""
    named = {1: ["L"], 3: ["R", "G", "B"]}
    return named.get(number_of) or [f"C{k + 1}" for k in range(number_of)]

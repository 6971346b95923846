"""One sample from named numbers, whichever program has named them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import InputError

CURE = "give x, y and radius in pixels"


@dataclass(frozen=True)
class Display:
    """How Siril shows an image: its samples count from the upper left of the display.

    Attributes
    ----------
    height : int
        The number of rows of the image.
    bottom_up : bool
        Whether the first row of its file is at the bottom.
    """

    height: int
    bottom_up: bool


def sample_of(named: Mapping[str, Any], display: Display) -> tuple[float, float, float, float]:
    """x, y, radius and weight.

    With a ``size``, it is a sample of Siril: the side of a square whose middle is the centre of the
    pixel x, y, which count from 0; one that is not ``valid`` has no weight.

    Raises
    ------
    InputError
        If numbers are missing, or are none; the message follows the number of a row.
    """
    position = named.get("position")
    if isinstance(position, list | tuple) and len(position) == 2:
        named = {**named, "x": position[0], "y": position[1]}
    missing = [name for name in ("x", "y") if name not in named]
    if "radius" not in named and "size" not in named:
        missing.append("radius")
    if missing:
        raise InputError(f"has no {' and no '.join(missing)}: {CURE}")
    x, y = (number(named[name]) for name in ("x", "y"))
    weight = number(named.get("weight", 1.0))
    if "radius" in named:
        return x, y, number(named["radius"]), weight
    if named.get("valid") is False:
        weight = 0.0
    x, y = x + 0.5, y + 0.5
    return x, display.height - y if display.bottom_up else y, number(named["size"]) / 2, weight


def number(value: Any) -> float:
    """A finite number.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"has {str(value)[:40]!r}, which is no number: {CURE}") from None
    if found != found or found in (float("inf"), float("-inf")) or isinstance(value, bool):
        raise InputError(f"has {value!s}, which is no finite number: {CURE}")
    return found

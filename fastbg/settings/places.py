"""Places of objects that users give by hand, in pixels or in the sky."""

from __future__ import annotations

import re
from dataclasses import dataclass

MEANING = (
    "'x y radius' in pixels or 'RA Dec radius', like '5:35:17 -5:23:28 10m' (radius in d, m or s: "
    "degrees, minutes or seconds of arc), several of them separated by semicolons"
)

_UNITS = {"d": 1.0, "m": 1 / 60, "s": 1 / 3600, "'": 1 / 60, '"': 1 / 3600, "°": 1.0}
_RADIUS = re.compile(r"([\d.]+)([dms'\"°]?)")
_SEXAGESIMAL = re.compile(r"([+-]?)(\d+)[:hd°](\d+(?:\.\d*)?)(?:[:m'](\d+(?:\.\d*)?)[s\"]?|m|')?")


@dataclass(frozen=True)
class Place:
    """A circle.

    Attributes
    ----------
    first, second, radius : float
        x, y and radius in pixels as the file stores them, from the outer corner of the first one;
        or right ascension, declination and radius in degrees.
    sky : bool
        Whether it is in the sky.
    name : str
        The place as it was told, without the radius.
    """

    first: float
    second: float
    radius: float
    sky: bool
    name: str


def places(text: str) -> list[Place]:
    """The places that a text tells.

    Raises
    ------
    ValueError
        If it is none.
    """
    return [_place(part) for part in text.split(";") if part.strip()]


def _place(text: str) -> Place:
    fields = text.replace(",", " ").split()
    told = _RADIUS.fullmatch(fields[2]) if len(fields) == 3 else None
    if told is None:
        raise ValueError(text)
    name = " ".join(fields[:2])
    radius = float(told[1]) * _UNITS.get(told[2], 1)
    if told[2]:
        hours = 15 if re.search("[:h]", fields[0]) else 1
        place = Place(_degrees(fields[0]) * hours, _degrees(fields[1]), radius, True, name)
        good = 0 <= place.first <= 360 and abs(place.second) <= 90 and radius < 90
    else:
        place = Place(float(fields[0]), float(fields[1]), radius, False, name)
        good = max(abs(place.first), abs(place.second), radius) < 1e9
    if not (good and radius > 0):
        raise ValueError(text)
    return place


def _degrees(text: str) -> float:
    """Of decimal or sexagesimal numbers."""
    parts = _SEXAGESIMAL.fullmatch(text)
    if not parts:
        return float(text.removesuffix("d").removesuffix("°"))
    sign, whole, minutes, seconds = parts.groups()
    size = float(whole) + float(minutes) / 60 + float(seconds or 0) / 3600
    return -size if sign == "-" else size

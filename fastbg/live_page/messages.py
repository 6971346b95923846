"""What a page may ask for: the fields of each message and what they may be, in one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from ..errors import InputError
from .layers import LAYERS

LARGEST_MESSAGE = 1 << 18
"""Bytes of a message of a page."""

MOST_POINTS = 4096
"""Points in one message; a longer stroke takes several."""

FURTHEST, LARGEST_RADIUS = 1e6, 1e5
"""Pixels: how far outside of the image a point may lie, and how large a brush may be."""

SUFFIXES = (".xisf", ".fits", ".tif", None)

EXPORTS = (
    "not_sky.png",
    "sky.png",
    "not_sky.geojson",
    "sky.geojson",
    "samples.csv",
    "preset.toml",
)

Check = Callable[[Any], str]
"""Says what a value must be, or nothing if it is that."""


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> str:
        # A whole number may be too large for a float.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number and low <= value <= high else f"a number from {low:g} to {high:g}"

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> str:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if is_whole and low <= value <= high else f"a whole number up to {high}"

    return check


def _text(longest: int) -> Check:
    return lambda value: (
        "" if isinstance(value, str) and len(value) <= longest else f"at most {longest} characters"
    )


def _one_of(choices: Collection[Any]) -> Check:
    def check(value: Any) -> str:
        known = isinstance(value, str | None) and value in choices
        return "" if known else f"one of {', '.join(map(str, choices))}"

    return check


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _points(value: Any) -> str:
    place = _number(-FURTHEST, FURTHEST)
    fits = (
        isinstance(value, list)
        and len(value) <= MOST_POINTS
        and all(isinstance(p, list) and len(p) == 2 and not any(map(place, p)) for p in value)
    )
    return "" if fits else f"at most {MOST_POINTS} points [x, y] within {FURTHEST:g} pixels"


def _settings(value: Any) -> str:
    fits = isinstance(value, dict) and len(value) <= 64 and all(map(_is_setting, value.values()))
    return "" if fits else "settings by name"


def _is_setting(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= 4 and not any(map(_number(0, FURTHEST), value))
    if isinstance(value, str):
        return len(value) <= 1000
    return isinstance(value, bool) or not _number(-1e30, 1e30)(value)


def _names(value: Any) -> str:
    fits = isinstance(value, list) and len(value) <= 64 and not any(map(_text(64), value))
    return "" if fits else "names of settings"


_PLACE = _number(-FURTHEST, FURTHEST)


def _id(value: Any) -> str:
    return "" if not _text(64)(value) or not _whole(0, 1 << 53)(value) else "a number or a text"


_FIELDS: dict[str, dict[str, Check]] = {
    "stroke": {
        "stroke": _id,
        "layer?": _one_of(LAYERS),
        "radius?": _number(0, LARGEST_RADIUS),
        "points?": _points,
        "more?": _flag,
        "cancel?": _flag,
    },
    "shape": {
        "layer": _one_of(LAYERS),
        "shape": _one_of(("polygon", "rectangle", "ellipse")),
        "points": _points,
    },
    "object": {"x": _PLACE, "y": _PLACE, "action": _one_of(("sky", "object", "grow", "shrink"))},
    "set": {"settings": _settings, "more?": _flag},
    "reset": {"names": _names},
    "samples": {
        "action": _one_of(("generate", "clear", "add", "move", "delete", "resize")),
        "sample?": _whole(0, 1 << 16),
        "x?": _PLACE,
        "y?": _PLACE,
        "radius?": _number(0, LARGEST_RADIUS),
    },
    "set_samples": {"use": _flag},
    "undo": {},
    "redo": {},
    "snapshot": {"name": _text(16)},
    "restore": {"name": _text(16)},
    "recover": {"accept": _flag},
    "probe": {"x": _PLACE, "y": _PLACE},
    "save": {
        "corrected?": _flag,
        "model?": _flag,
        "report?": _flag,
        "mask?": _flag,
        "preset?": _flag,
        "preview?": _flag,
        "suffix?": _one_of(SUFFIXES),
        "overwrite?": _flag,
    },
    "cancel": {"job": _id},
    "batch": {"folder": _text(1000), "overwrite?": _flag},
    "send_back": {},
    "command": {"overwrite?": _flag},
    "export": {"what": _one_of(EXPORTS), "overwrite?": _flag},
    "leave": {},
}
"""The fields of messages besides ``do`` and ``id``; those with a question mark may be missing."""


def parsed(text: str) -> dict[str, Any]:
    """A message of a page, checked.

    Raises
    ------
    InputError
        With the reason, if it is none.
    """
    if len(text) > LARGEST_MESSAGE:
        raise InputError(f"a message of more than {LARGEST_MESSAGE} characters: send several")
    try:
        message = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the message is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise InputError("the message is not an object with a field named do")
    what = message.get("do")
    fields = _FIELDS.get(what) if isinstance(what, str) else None
    if fields is None:
        raise InputError(f"no message is called {str(what)[:64]}")
    known = {"do", "id"} | {name.rstrip("?") for name in fields}
    if unknown := sorted(message.keys() - known):
        raise InputError(f"the message {what} has no field {unknown[0][:64]}")
    if message.get("id") is not None and (must := _id(message["id"])):
        raise InputError(f"the id of a message must be {must}")
    for name, check in fields.items():
        plain = name.rstrip("?")
        if plain not in message:
            if plain == name:
                raise InputError(f"the message {what} lacks its field {name}")
        elif must := check(message[plain]):
            raise InputError(f"the {plain} of the message {what} must be {must}")
    return message


def id_of(text: str) -> Any:
    """The id of a message that may be none, for the answer to it."""
    try:
        own = json.loads(text[:LARGEST_MESSAGE])["id"]
    except (ValueError, RecursionError, KeyError, TypeError, IndexError):
        return None
    return own if not _id(own) else None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")

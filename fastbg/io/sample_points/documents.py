"""Samples in JSON: of fastbg and its reports, of Siril's Python, or GraXpert's preferences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...errors import InputError
from . import graxpert
from .rows import CURE, Display, sample_of

_NAMES = ("x", "y", "radius", "weight")


def read(text: str, display: Display) -> np.ndarray:
    """(n, 4): x, y, radius, weight.

    Parameters
    ----------
    text : str
        A list of [x, y, radius] or [x, y, radius, weight], or of objects with these names; an
        object that has such a list as ``samples``; or preferences of GraXpert.

    Raises
    ------
    InputError
        If it is none of these.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error}): {CURE}") from error
    if isinstance(content, dict):
        if "background_points" in content:
            return graxpert.of_preferences(content)
        if "samples" not in content:
            raise InputError(
                "has neither samples nor background_points: give a list of x, y and radius, or "
                "preferences of GraXpert"
            )
        content = content["samples"]
    if not isinstance(content, list) or not content:
        raise InputError(f"holds no samples: {CURE} of each")
    found = []
    for number, each in enumerate(content, start=1):
        try:
            found.append(sample_of(_named(each), display))
        except InputError as error:
            raise InputError(f"{error} (sample {number})") from error
    return np.array(found)


def text(rows: Iterable[Iterable[float]]) -> str:
    """The text of a file of samples."""
    named = [dict(zip(_NAMES, row, strict=True)) for row in rows]
    lines = ",\n".join(f"  {json.dumps(each)}" for each in named)
    return f'{{"samples": [\n{lines}\n]}}\n'


def _named(each: Any) -> Mapping[str, Any]:
    if isinstance(each, list) and len(each) in (3, 4):
        return dict(zip(_NAMES, each, strict=False))
    if not isinstance(each, dict):
        raise InputError(f"has {str(each)[:40]!r}, which is no sample: {CURE}")
    return each

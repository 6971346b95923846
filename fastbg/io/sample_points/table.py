"""Samples in CSV: a line each, with a heading or without."""

from __future__ import annotations

import re

import numpy as np

from ...errors import InputError
from .rows import CURE, Display, sample_of

_NAMES = {"r": "radius", "x [px]": "x", "y [px]": "y", "radius [px]": "radius"}
_COLUMNS = ("x", "y", "radius", "weight")
_KNOWN = {*_COLUMNS, "size"}


def read(text: str, display: Display) -> np.ndarray:
    """(n, 4): x, y, radius, weight.

    Numbers are separated by commas, semicolons, tabs or blanks; lines that begin with # are
    comments. A heading names the columns, in any order, of which those that are no ``x``, ``y``,
    ``radius``, ``size`` or ``weight`` do not count. Without one they are x, y, radius and, perhaps,
    weight.

    Raises
    ------
    InputError
        If a line cannot be understood.
    """
    heading: list[str] | None = None
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        fields = _fields(bare)
        if heading is None:
            heading = _heading(fields)
            if heading is not None:
                continue
            heading = [*_COLUMNS[: len(fields)]]
            if len(fields) not in (3, 4):
                what = f"{line.strip()[:40]!r} in line {number}"
                raise InputError(f"has {what}, which is no sample: {CURE}, separated by commas")
        if len(fields) != len(heading):
            raise InputError(
                f"has {len(fields)} fields instead of {len(heading)} in line {number}: {CURE}"
            )
        try:
            found.append(sample_of(dict(zip(heading, fields, strict=True)), display))
        except InputError as error:
            raise InputError(f"{error} (line {number})") from error
    if not found:
        raise InputError(f"holds no samples: {CURE}, a line each")
    return np.array(found)


def _fields(line: str) -> list[str]:
    separator = next((each for each in ",;\t" if each in line), None)
    fields = line.split(separator) if separator else line.split()
    return [field.strip().strip("\"'") for field in fields]


def _heading(fields: list[str]) -> list[str] | None:
    """The names of the columns; None if this is a line of numbers."""
    names = [re.sub(r"\s+", " ", field.lower()) for field in fields]
    names = [_NAMES.get(name, name) for name in names]
    return names if _KNOWN & {*names} else None

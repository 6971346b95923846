"""The background points of GraXpert, in its preferences and in the keywords of its outputs.

A point is [x, y, 1]. GraXpert cuts x and y to whole numbers and takes the pixels from x - s to
x + s - 1, for the sample size s, as it does for y: x, y is the outer corner that the four pixels in
the middle share, and s half the side of the square. Rows count as the file stores them. Of the
square, fastbg takes the disc within it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import InputError
from ..keywords import Keyword, text_of
from .rows import number

SAMPLE_SIZE = 25
"""The default of GraXpert."""

_CURE = "give preferences, FITS or XISF as GraXpert writes them"


def of_preferences(content: Mapping[str, Any]) -> np.ndarray:
    """(n, 4): x, y, radius, weight, from the content of a preferences file.

    Raises
    ------
    InputError
        If its points or its sample size are no numbers, or there are no points.
    """
    points = content["background_points"]
    size = content.get("sample_size", SAMPLE_SIZE)
    try:
        radius = number(size)
        places = [[float(int(number(x))), float(int(number(y)))] for x, y, *_ in points]
    except (TypeError, ValueError, InputError) as error:
        raise InputError(
            f"has a sample_size or background points that are no numbers: {_CURE}"
        ) from error
    if not places:
        raise InputError("has no background points: choose some in GraXpert, or search for the sky")
    return np.array([[x, y, radius, 1.0] for x, y in places])


def of_keywords(keywords: tuple[Keyword, ...]) -> np.ndarray:
    """(n, 4): the same from the keywords of a FITS file (BG-PTS) or an XISF file (BG-PTS0, ...).

    Raises
    ------
    InputError
        If there are none.
    """
    names = [each.name.upper() for each in keywords]
    numbered = sorted(
        {name for name in names if name.startswith("BG-PTS") and name[6:].isdigit()},
        key=lambda name: int(name[6:]),
    )
    told = [text_of(keywords, name) for name in (["BG-PTS"] if "BG-PTS" in names else numbered)]
    if not told:
        raise InputError(
            "is an image without background points of GraXpert (BG-PTS) in its header: give a list "
            "of samples, or an image that GraXpert wrote with RBF, Kriging or Splines"
        )
    try:
        parts = [json.loads(each or "") for each in told]
    except ValueError as error:
        raise InputError(f"has background points that are damaged ({error}): {_CURE}") from error
    points = parts[0] if "BG-PTS" in names else parts
    size = text_of(keywords, "SAMPLE-SIZE") or SAMPLE_SIZE
    return of_preferences({"background_points": points, "sample_size": size})

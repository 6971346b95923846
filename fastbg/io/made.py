"""What fastbg wrote itself: the HISTORY of each of its images says so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ..errors import InputError
from . import formats
from .keywords import Keyword

Made = Literal["corrected", "background"]

MADE: dict[Made, str] = {"corrected": "background removed", "background": "the background alone"}
"""How the HISTORY of an output names it, behind the version of fastbg."""

_LINE = re.compile(rf"\s*fastbg \S+: ({'|'.join(MADE.values())})\b")


def made(keywords: Iterable[Keyword]) -> Made | None:
    """What an image is according to its last line of HISTORY by fastbg; None if it has none."""
    lines = (_LINE.match(each.comment) for each in keywords if each.name == "HISTORY")
    said = [line[1] for line in lines if line]
    return next((name for name, text in MADE.items() if text in said[-1:]), None)


def made_file(path: Path) -> Made | None:
    """What a file is; None also where it cannot be read. No sample of it is read."""
    try:
        return made(formats.read_keywords(path))
    except InputError:
        return None

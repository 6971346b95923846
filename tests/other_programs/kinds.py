"""All kinds of file that fastbg writes, in the order of the document."""

from __future__ import annotations

from . import mosaics, solutions, written


def kinds() -> list[written.Kind]:
    return [*written.kinds(), *mosaics.kinds(), *solutions.kinds()]

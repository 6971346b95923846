"""The compiled module, loaded in one place, and why it cannot be used."""

from __future__ import annotations

import math
import os

LARGE = 1 << 24
"""Of an image of so many samples, freed memory goes back at once. A batch of smaller ones takes it
again for the next frame, which costs time."""

ISA_VARIABLE = "FASTBG_ISA"
"""The environment variable that names an instruction set instead of the best one."""

_import_error: str | None = None
try:
    from . import _c

    c = _c
except ImportError as error:
    _import_error = f"its compiled part cannot be loaded ({error}); install fastbg again"


def trim(samples: float = math.inf) -> None:
    """Give freed memory back to the system: allocators keep it, and the next peak adds to it.

    If a number of samples is given, only if that is `LARGE`.
    """
    if samples >= LARGE and not _import_error:
        c.trim()


def unavailable() -> str | None:
    """Why the compiled module cannot be used, with the cure, or None.

    It may not have been built, or FASTBG_ISA names no instruction set.
    """
    if _import_error:
        return _import_error
    wanted = os.environ.get(ISA_VARIABLE)
    if wanted and wanted not in c.instruction_sets():
        known = ", ".join(c.instruction_sets())
        return f"{ISA_VARIABLE}={wanted} is not one of {known}; correct or unset it"
    return None

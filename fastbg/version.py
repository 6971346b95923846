"""The version of fastbg, and the form in which it is here."""

from __future__ import annotations

import sys
from functools import cache

from . import compiled

ONE_FILE: bool = getattr(sys, "frozen", False)
"""Whether this is the program that needs no Python, into which nothing can be installed."""


@cache
def version() -> str:
    """The version that is installed, or "(not installed)"."""
    if not compiled.unavailable():
        return compiled.c.VERSION
    # To import this, and to look for the package, takes as long as 2 Mpx do.
    from importlib import metadata

    try:
        return metadata.version("fastbg")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def how_to_install(extra: str) -> str:
    """The command that installs an extra, as ``cuda``, for a message that it is missing."""
    command = f"pip install 'fastbg[{extra}]'"
    return f"the one file cannot have it; with Python, {command}" if ONE_FILE else command

"""The version of fastbg."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """The version that is installed, or "(not installed)"."""
    from importlib import metadata

    try:
        return metadata.version("fastbg")
    except metadata.PackageNotFoundError:
        return "(not installed)"

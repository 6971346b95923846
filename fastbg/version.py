"""The version of fastbg."""

from __future__ import annotations


def version() -> str:
    """The version that is installed, or "unknown" where none is."""
    from importlib import metadata

    try:
        return metadata.version("fastbg")
    except metadata.PackageNotFoundError:
        return "unknown"

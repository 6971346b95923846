"""The names of image files: what format they tell, and what the files beside them are called."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

Format = Literal["XISF", "FITS", "TIFF"]
Packing = Literal["none", "gzip", "tiles"]

SUFFIXES: dict[str, Format] = {
    ".xisf": "XISF",
    ".fits": "FITS",
    ".fit": "FITS",
    ".fts": "FITS",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""The suffixes that tell a format, in lower case; names may have them in upper case."""

_PACKINGS: dict[str, Packing] = {".gz": "gzip", ".fz": "tiles"}
"""Suffixes that may follow that of a FITS file, which is then compressed as a whole."""


def split_suffix(path: Path) -> tuple[str, str]:
    """The stem and the suffix of a name, without its folder.

    ``.fits.gz`` is one suffix, in upper case, too; ``m31.2024.fits`` has the stem ``m31.2024``, and
    ``m31.tar.gz`` the stem ``m31.tar``.
    """
    stem = path.stem
    inner = Path(stem)
    if path.suffix.lower() in _PACKINGS and SUFFIXES.get(inner.suffix.lower()) == "FITS":
        stem = inner.stem
    return stem, path.name[len(stem) :]


def told_format(path: Path) -> tuple[Format, Packing] | None:
    """The format that a name tells, and how the whole file is compressed; None for other names."""
    suffix = split_suffix(path)[1].lower()
    packed = Path(suffix).suffix
    kind = SUFFIXES.get(suffix.removesuffix(packed))
    return kind and (kind, _PACKINGS.get(packed, "none"))


def default_name(path: Path, folder: str | Path, what: str, suffix: str | None = None) -> Path:
    """``<stem>_<what><suffix>`` in a folder, by default with the suffix of the input."""
    stem, own = split_suffix(path)
    return Path(folder) / f"{stem}_{what}{own if suffix is None else suffix}"

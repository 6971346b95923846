"""The names of image files: what format they tell, and what the files beside them are called."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from ..errors import InputError

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


def check_current_folder() -> None:
    """Raise InputError if the current folder is gone, so that relative names lead nowhere."""
    try:
        os.getcwd()
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        cause = "was deleted" if gone else f"cannot be used ({error.strerror})"
        raise InputError(
            f"the current folder {cause}: change to another one, and try again"
        ) from error


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


def stem(path: Path) -> str:
    """The beginning of the names of all outputs of a file."""
    return split_suffix(path)[0]


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


def clashes(
    paths: Iterable[Path], taken: dict[str, Path], output: Callable[[Path], Path]
) -> Iterator[tuple[Path, Path]]:
    """Pairs of files whose outputs would have the same name.

    Parameters
    ----------
    paths : iterable of Path
    taken : dict of str to Path
        Collects all names.
    output : callable
        The name of an output of a file.
    """
    for path in paths:
        first = taken.setdefault(os.path.normcase(output(path)), path)
        if first != path:
            yield first, path


def same_name(first: Path, second: Path) -> str:
    """The error of a pair of `clashes`."""
    return (
        f"{second} and {first} would have outputs of the same name: keep their folders, or give "
        "each its own output folder"
    )

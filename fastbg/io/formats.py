"""The file formats behind one face: read by what a file holds, written by how it is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, OutputError
from . import fits, tiff, xisf
from .fits.header import FitsHeader
from .image_file import ImageFile, PathLike, open_file, reading
from .sample_format import FLOAT32, SampleFormat
from .target import ImageTarget
from .xisf.samples import SAMPLE_FORMATS
from .xisf.write import SIGNATURE

_SUFFIXES = {
    ".xisf": "XISF",
    **dict.fromkeys((".fits", ".fit", ".fts"), "FITS"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
}

_PACKINGS: dict[str, Any] = {".gz": "gzip", ".fz": "tiles"}
"""What may follow the suffix of a FITS file."""

_OPEN = {
    SIGNATURE: xisf.open_image,
    b"SIMPLE  =": fits.open_image,
    b"\x1f\x8b": fits.open_image,
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), tiff.open_image),
}

_OTHERS = {b"\x89PNG": "a PNG", b"\xff\xd8\xff": "a JPEG", b"\0\0\0\x0cjP": "a JPEG 2000"}
"""Files that people have, and that cannot be worked on."""


def split_suffix(path: Path) -> tuple[str, str]:
    """The name without folder and suffix, and the suffix: ``.fits.fz`` is one."""
    if path.suffix.lower() in _PACKINGS and Path(path.stem).suffix.lower() in _SUFFIXES:
        stem = Path(path.stem).stem
    else:
        stem = path.stem
    return stem, path.name[len(stem) :]


def is_packed(path: Path) -> bool:
    """Whether an output of that name holds its image in memory until it is compressed."""
    return path.suffix.lower() == ".fz"


def check_name(path: Path, compress: bool) -> None:
    """Raise OutputError if the name of an output tells no format, or one that `compress` is not of.

    ``compress``: whether it is asked for beside the name.
    """
    kind, packing = _kind(path)
    if kind is None or (packing and kind != "FITS"):
        raise OutputError(
            f"{path} tells no format: end it in .xisf, .fits, .fits.fz, .fits.gz or .tif"
        )
    if compress and kind == "FITS":
        raise OutputError(f"{path} is compressed by its name: end it in .fits.fz or .fits.gz")


def open_image(path: PathLike) -> ImageFile:
    """Open the first image of a file, which must be closed.

    Raises
    ------
    InputError
        If the file is missing, unreadable, of no known format, or damaged.
    """
    with reading(path):
        with open_file(path) as file:
            start = np.zeros(16, np.uint8)
            file.read_into(0, start)
        first = start.tobytes()
        open_it = next((how for magic, how in _OPEN.items() if first.startswith(magic)), None)
        if open_it is None:
            other = next((name for magic, name in _OTHERS.items() if first.startswith(magic)), None)
            raise InputError(
                f"is {other} file: give the linear image, as XISF, FITS or TIFF"
                if other
                else "is not an XISF, FITS or TIFF file, or damaged at its start: save it as one"
            )
    return open_it(path)


def output_format(target: Path, source: ImageFile, *, same: bool) -> SampleFormat:
    """How an output stores samples.

    FITS files made of FITS files hold their physical numbers; everything else [0, 1].

    Parameters
    ----------
    target : Path
        The name of the output.
    source : ImageFile
    same : bool
        As the source, or float32.

    Raises
    ------
    OutputError
        If the format of the output has no such samples.
    """
    kind = _kind(target)[0]
    from_fits = isinstance(source.header, FitsHeader)
    if not same:
        return (
            SampleFormat(FLOAT32.dtype, source.bounds) if kind == "FITS" and from_fits else FLOAT32
        )
    if kind == "XISF" and source.dtype not in SAMPLE_FORMATS:
        raise OutputError(
            f"{target}: XISF has no samples of type {source.dtype}: leave the sample format out"
        )
    return SampleFormat(source.dtype, source.bounds)


@contextmanager
def create(
    path: PathLike,
    target: Path,
    source: ImageFile,
    samples: SampleFormat,
    history: Sequence[str],
    *,
    same: bool = False,
    compress: bool = False,
) -> Iterator[ImageTarget]:
    """Write an image of the shape of another file, with all that accompanies that.

    Parameters
    ----------
    path : path
        Where to write: perhaps a temporary name.
    target : Path
        The name it will have, which tells the format.
    source : ImageFile
        Must still be open.
    samples : SampleFormat
    history : sequence of str
        Lines that tell what was done.
    same : bool
        Whether samples are stored as in the source, scaled and compressed integers included.
    compress : bool
        XISF: lz4hc and byte shuffling; TIFF: deflate.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    kind, packing = _kind(target)
    shape, header, dtype = source.shape, source.header, samples.dtype
    if kind == "XISF":
        bounds = samples.bounds if dtype.kind == "f" else None
        writer = xisf.create(
            path,
            shape,
            dtype=dtype,
            bounds=bounds,
            header=header,
            history=history,
            compress=compress,
        )
    elif kind == "FITS":
        as_it_was = same and isinstance(header, FitsHeader)
        writer = fits.create(
            path,
            shape,
            dtype=None if as_it_was else dtype,
            header=header,
            history=history,
            packing=_PACKINGS.get(packing, "none"),
        )
    else:
        writer = tiff.create(
            path, shape, dtype=dtype, header=header, history=history, compress=compress
        )
    with writer as image:
        yield image


def _kind(path: Path) -> tuple[str | None, str]:
    """The format that a name tells, if any, and what it adds to its suffix."""
    packing = path.suffix.lower() if path.suffix.lower() in _PACKINGS else ""
    suffix = Path(path.stem).suffix if packing else path.suffix
    return _SUFFIXES.get(suffix.lower()), packing

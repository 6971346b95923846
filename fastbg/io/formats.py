"""The file formats behind one face: read by what a file holds, written by how it is named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, OutputError
from .image_file import ImageFile, PathLike, open_file, reading
from .keywords import Header, Keyword
from .names import Format, Packing, told_format
from .orientation import AS_STORED, ON_ITS_SIDE, Turn
from .random_access import reserve
from .sample_format import FLOAT32, SampleFormat
from .target import ImageTarget

_GZIP = b"\x1f\x8b"

_BEGINNINGS: dict[Format, tuple[bytes, ...]] = {
    "XISF": (b"XISF0100",),
    "FITS": (b"SIMPLE  =", _GZIP),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
"""What the files of each format begin with."""

_OTHERS = {b"\x89PNG": "a PNG", b"\xff\xd8\xff": "a JPEG", b"\0\0\0\x0cjP": "a JPEG 2000"}
"""Files that people have, and that cannot be worked on."""


def check_name(path: Path, compress: bool) -> None:
    """Raise OutputError if the name of an output tells no format, or one that has no `compress`."""
    told = told_format(path)
    if told is None:
        raise OutputError(
            f"{path} tells no format: end it in .xisf, .fits, .fits.fz, .fits.gz or .tif"
        )
    if compress and told[0] == "FITS":
        raise OutputError(f"{path} is compressed by its name: end it in .fits.fz or .fits.gz")


def open_image(path: PathLike, *, mask: bool = False) -> ImageFile:
    """Open the first image of a file, which must be closed.

    Parameters
    ----------
    path : path
    mask : bool, optional
        The file should be a mask, which may have more formats: only errors say so.

    Raises
    ------
    InputError
        If the file is missing, unreadable, of no known format, or damaged.
    """
    with reading(path):
        first = _first_bytes(path)
        kind = next((kind for kind, own in _BEGINNINGS.items() if first.startswith(own)), None)
        if kind is None:
            other = next((name for magic, name in _OTHERS.items() if first.startswith(magic)), None)
            kinds = "XISF, FITS, TIFF or PNG" if mask else "XISF, FITS or TIFF"
            wanted = "save the mask as" if mask else "give the linear image, as"
            regions = ", or draw regions, as .reg or .geojson" if mask else ""
            raise InputError(
                f"is {other} file: {wanted} {kinds}"
                if other
                else f"is not an {kinds} file, or damaged at its start: save it as one{regions}"
            )
    opened: ImageFile = _package(kind).open_image(path)
    return opened


def read_keywords(path: PathLike) -> tuple[Keyword, ...]:
    """The keywords of the first image of a file, as its header has them.

    Raises
    ------
    InputError
        As from `open_image`; damage behind the header is not noticed.
    """
    with reading(path):
        is_gzip = _first_bytes(path).startswith(_GZIP)
    if is_gzip:  # it would be decompressed as a whole
        from . import fits

        return fits.read_keywords(path)
    with open_image(path) as image:
        return image.header.keywords


def _package(kind: Format) -> Any:
    """The package of a format, which is loaded with the first file of its kind."""
    return import_module(f".{kind.lower()}", __package__)


def _first_bytes(path: PathLike) -> bytes:
    start = np.zeros(16, np.uint8)
    with open_file(path) as file:
        file.read_into(0, start)
    return start.tobytes()


@dataclass(frozen=True)
class Output:
    """An image of the shape of another file, with all that accompanies that.

    Attributes
    ----------
    target : Path
        The name of the output, which tells its format.
    source : ImageFile
    same : bool
        Whether samples are stored as in the source, scaled and compressed integers included;
        otherwise they are float32.
    compress : bool
        XISF: lz4hc and byte shuffling; TIFF: deflate.
    unit : bool
        Samples that are not `same` are in [0, 1] whatever the units of the source.

    Raises
    ------
    OutputError
        If the format of the output cannot hold the source.
    """

    target: Path
    source: ImageFile
    same: bool = False
    compress: bool = False
    unit: bool = False

    def __post_init__(self) -> None:
        _ = self.samples  # raises if the format has no such samples
        if self._changes_format and (self.source.orientation or 1) >= ON_ITS_SIDE:
            raise OutputError(
                f"{self.target} cannot be made of {self.source.path}, which is stored on its side "
                f"(orientation {self.source.orientation}): leave the output in the format of the "
                "input, or save that upright"
            )

    @property
    def changes(self) -> list[str]:
        """What another format than that of the source changes or leaves out, one line each."""
        if not self._changes_format:
            return []
        turn, kind, lines = Turn.of(self.source.orientation), self._told[0], []
        if turn:
            turned = {"rows": turn.rows, "columns": turn.columns}
            what = " and ".join(name for name, is_turned in turned.items() if is_turned)
            lines.append(f"{what} are in reverse order in {kind}, which begins at the top left")
        if missing := self.source.header.left_out:
            lines.append(f"left out, since {kind} has no place for them: {', '.join(missing)}")
        return lines

    @property
    def _turn(self) -> Turn:
        """From the order in which the source is read to that of the output.

        A file of the same format has its rows where the source stores them; others begin at the top
        left.
        """
        stored = Turn.of(self.source.orientation) if self._changes_format else AS_STORED
        return self.source.turn ^ stored

    @property
    def _source_format(self) -> Format:
        told = self.source.header.format
        assert told, "a mask is no source"
        return told

    @property
    def _changes_format(self) -> bool:
        return self._told[0] != self._source_format

    @cached_property
    def _told(self) -> tuple[Format, Packing]:
        told = told_format(self.target)
        assert told, "check_name refuses other names"
        return told

    @property
    def samples(self) -> SampleFormat:
        """How samples are stored.

        Float32 is in [0, 1], unless the source has the same format and floats or signed integers
        in other units: FITS and TIFF files keep those, since they declare no bounds. So do FITS
        files of unsigned integers.

        Raises
        ------
        OutputError
            If the format of the output has no such samples.
        """
        kind, source = self._told[0], self.source
        if self.same:
            if kind == "XISF" and source.dtype not in _package(kind).SAMPLE_FORMATS:
                raise OutputError(
                    f"{self.target}: XISF has no samples of type {source.dtype}: leave the sample "
                    "format out"
                )
            return SampleFormat(source.dtype, source.bounds)
        keeps_units = not (self.unit or self._changes_format) and (
            kind == "FITS" or (kind == "TIFF" and source.dtype.kind != "u")
        )
        return SampleFormat(FLOAT32.dtype, source.bounds) if keeps_units else FLOAT32

    @property
    def room(self) -> int:
        """Bytes that writing takes on the disk, at least.

        What is compressed comes from a temporary file beside the output. How small it becomes is
        not known, but that noise hardly gets smaller by gzip.
        """
        size = math.prod(self.source.shape) * self.samples.dtype.itemsize
        return 2 * size if self._told[1] == "gzip" else size

    def reserve(self, path: PathLike) -> None:
        """Take room for the samples, where they will be written into this empty file as they are.

        `create` then need not wait for the system to find it.
        """
        kind, packing = self._told
        if packing == "none" and kind != "TIFF" and not self.compress:
            reserve(path, self.room)

    @contextmanager
    def create(self, path: PathLike, history: Sequence[str]) -> Iterator[ImageTarget]:
        """Create the file, which is complete when the context is left.

        Parameters
        ----------
        path : path
            Where to write: perhaps a temporary name. The source must still be open.
        history : sequence of str
            Lines that tell what was done.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        kind, packing = self._told
        samples, shape = self.samples, self.source.shape
        header: Header = self.source.header
        if self._changes_format:
            from .carried import carried

            header = carried(self.source.turned(self._turn), self._source_format, kind)
        about: dict[str, Any] = {"header": header, "history": [*history, *self.changes]}
        about["dtype"] = samples.dtype
        if kind == "XISF":
            about["bounds"] = samples.bounds if samples.dtype.kind == "f" else None
        if kind == "FITS":
            about["packing"] = packing
            if self.same and not self._changes_format:
                about["dtype"] = None
        else:
            about["compress"] = self.compress
        writer: AbstractContextManager[ImageTarget] = _package(kind).create(path, shape, **about)
        with writer as image:
            image.turn = self._turn
            yield image

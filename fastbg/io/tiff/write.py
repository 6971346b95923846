"""Writes images as TIFF files, in any order of their rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from .. import temporary
from ..blocks import Block, FileBytes
from ..fits.cards import CARD
from ..fits.header import add_history, new_records
from ..fits.scaling import Scaling
from ..keywords import Header, is_structural
from ..random_access import RandomAccessFile
from ..target import ImageTarget, PathLike, writing
from .header import DESCRIPTION, HISTORY, Tag, TiffHeader
from .resolution import RESOLUTION, leave_out_resolution, resolution_of

_LARGEST = 0xF0000000
"""Bytes of samples in a file whose offsets have 32 bits."""

_STRIP = 1 << 18
"""Bytes that are compressed at a time, before."""

_ASCII = 2
"""The type of a tag that is text."""

_FRACTIONS = {5: "u4", 10: "i4"}
"""Types of tags whose values are pairs of integers."""


@contextmanager
def create(
    path: PathLike,
    shape: tuple[int, int, int],
    *,
    dtype: np.dtype[Any] | type = np.float32,
    header: Header | None = None,
    history: Sequence[str] = (),
    compress: bool = False,
) -> Iterator[ImageTarget]:
    """Write an image as a TIFF file, replacing it if there is one.

    The file is complete when the context is left, which must be after all rows were written; if
    that is because of an error, an incomplete file stays.

    Parameters
    ----------
    shape : (int, int, int)
        K, H, W; K = 1 or 3.
    dtype : dtype
        The type of the samples.
    header : Header, optional
        All but the pixels is carried over from it if it is of a TIFF file; from other formats, the
        keywords, as Astro-TIFF has them. It is not mutated, and the file that it was read from must
        still be open.
    history : sequence of str
        Lines that are added to the tag ImageHistory, and to the keywords of other formats.
    compress : bool
        Deflate. The samples are in a temporary file beside this one until the end.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    dtype = np.dtype(dtype)
    own = header if isinstance(header, TiffHeader) else None
    tags = _tags(own, history)
    if header and not own:
        tags += _description(header, shape, dtype, history)
    layout = _Layout(own, shape, dtype, tags)
    encode = partial(_with_extra, own.extra, dtype) if own and own.extra else None
    with ExitStack() as stack:
        with writing(path):
            if compress:
                size = math.prod(layout.pixels) * dtype.itemsize
                sink = stack.enter_context(temporary.beside(path, size))
            else:
                start, size = layout.write(
                    path, shape=layout.pixels, dtype=dtype, returnoffset=True
                )
                file = stack.enter_context(RandomAccessFile(path, "rb+"))
                sink = FileBytes(file, start, size)
        target = ImageTarget(
            path, shape, layout.stored, sink, encode, interleaved=not layout.planar
        )
        yield target
        target.check_complete()
        with writing(path):
            if compress:
                layout.compress(path, sink)
            else:
                # Some systems tell only here that a disk is full.
                file.close()


class _Layout:
    """How a file stores its samples: as that of the header does, where there is one.

    Attributes
    ----------
    planar : bool
        Plane after plane, or pixel after pixel.
    pixels : tuple of int
        The shape that is stored.
    stored : dtype
        In the byte order of the file.
    """

    def __init__(
        self,
        own: TiffHeader | None,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        tags: list[tuple[Any, ...]],
    ) -> None:
        self._order: Any = own.byteorder if own else "<"
        self._kinds, self._tags = (own.extra_kinds if own else ()), tags
        self._resolution = resolution_of(own.tags, self._order) if own else {}
        self._grey = shape[0] == 1
        channels, height, width = shape
        every = channels + len(self._kinds)
        self.planar = own is not None and own.planar
        self.stored = dtype.newbyteorder(self._order)
        self.pixels: tuple[int, ...] = (height, width)
        if every > 1:
            self.pixels = (every, height, width) if self.planar else (height, width, every)
        size = math.prod(self.pixels) * dtype.itemsize
        self._big = size > _LARGEST or (own is not None and own.big)

    def compress(self, path: PathLike, raw: Block) -> None:
        """Write the file with the samples of a block, compressed strip by strip."""
        height, row = self.pixels[self.planar and len(self.pixels) > 2], self._row
        rows = max(1, _STRIP // (math.prod(row) * self.stored.itemsize))
        strips = (
            slice(top, min(top + rows, start + height))
            for start in range(0, math.prod(self.pixels) // math.prod(row), height)
            for top in range(start, start + height, rows)
        )
        self.write(
            path,
            (self._compressed(raw, strip) for strip in strips),
            shape=self.pixels,
            dtype=self.stored,
            compression="zlib",
            rowsperstrip=rows,
            predictor=self._is_differenced,
        )

    @property
    def _row(self) -> tuple[int, int]:
        """The samples of a row: its pixels, and those of each that lie together."""
        together = len(self.pixels) > 2 and not self.planar
        return (self.pixels[-2], self.pixels[-1]) if together else (self.pixels[-1], 1)

    @property
    def _is_differenced(self) -> bool:
        """Whether samples are stored as differences: without imagecodecs, floats cannot be."""
        return self.stored.kind != "f"

    def _compressed(self, raw: Block, rows: slice) -> bytes:
        import tifffile

        samples = np.empty((rows.stop - rows.start, *self._row), self.stored)
        start = rows.start * samples[0].nbytes
        raw.read_into(start, samples.reshape(-1).view(np.uint8))
        if self._is_differenced:
            samples[:, 1:] = np.diff(samples, axis=1)
        # That of imagecodecs, where it is installed, is three times as fast as zlib.
        deflate = tifffile.TIFF.COMPRESSORS[tifffile.COMPRESSION.ADOBE_DEFLATE]
        return bytes(deflate(samples.data))

    def write(self, path: PathLike, *samples: Iterator[bytes], **more: Any) -> Any:
        """Write the file, as far as tifffile is given strips; what it returns."""
        import tifffile

        planarconfig: Any = "separate" if self.planar else "contig"
        with tifffile.TiffWriter(path, bigtiff=self._big, byteorder=self._order) as tiff:
            written = tiff.write(
                *samples,
                photometric="minisblack" if self._grey else "rgb",
                planarconfig=planarconfig if len(self.pixels) > 2 else None,
                extrasamples=self._kinds or None,
                metadata=None,
                software=False,
                extratags=self._tags,
                **(self._resolution | more),
            )
        if not self._resolution:
            leave_out_resolution(path)
        return written


def _tags(own: TiffHeader | None, history: Sequence[str]) -> list[tuple[Any, ...]]:
    """The tags to write, in the form that tifffile takes."""
    apart = (HISTORY, *RESOLUTION)
    kept = [tag for tag in own.tags if tag.code not in apart] if own else []
    lines = [*(own.history if own else ()), *history]
    text = "\n".join(lines).encode("ascii", "replace").decode("ascii")
    order = own.byteorder if own else "<"
    tags = [(tag.code, tag.dtype, tag.count, _value(tag, order), True) for tag in kept]
    return [*tags, (HISTORY, _ASCII, 0, text, True)] if text else tags


def _description(
    header: Header, shape: tuple[int, int, int], dtype: np.dtype[Any], history: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The tag that makes an Astro-TIFF file, where there are keywords to write."""
    if all(is_structural(keyword.name) for keyword in header.keywords):
        return []
    records = new_records(header, Scaling.storing(dtype), shape[shape[0] == 1 :])
    add_history(records, history)
    cards = (record[at : at + CARD] for record in records for at in range(0, len(record), CARD))
    # Cards may be shorter, but not every reader of long strings knows.
    text = "\n".join((*cards, "END"))
    return [(DESCRIPTION, _ASCII, 0, text, True)]


def _value(tag: Tag, order: str) -> Any:
    """The value as tifffile takes it: bytes, except for fractions, whose halves it would count."""
    if tag.dtype not in _FRACTIONS:
        return tag.raw
    return tuple(np.frombuffer(tag.raw, f"{order}{_FRACTIONS[tag.dtype]}").tolist())


def _with_extra(extra: Any, dtype: np.dtype[Any], rows: slice, planes: np.ndarray) -> np.ndarray:
    """Add the extra samples of some rows, (S, n, W)."""
    samples = np.empty((extra.shape[0], *planes.shape[1:]), extra.dtype)
    extra.read_into(rows.start, samples)
    more = samples[len(planes) :]
    if dtype.kind == "f" and more.dtype.kind == "u":
        more = more / np.iinfo(more.dtype).max
    return np.concatenate([planes, more.astype(dtype)])

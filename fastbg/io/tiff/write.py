"""Writes images as TIFF files, in any order of their rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..blocks import FileBytes
from ..keywords import Header
from ..random_access import RandomAccessFile
from ..target import HeldSink, ImageTarget, PathLike, writing
from .header import HISTORY, Tag, TiffHeader

_LARGEST = 0xF0000000
"""Bytes of samples in a file whose offsets have 32 bits."""

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
        Of the samples.
    header : Header, optional
        Of a TIFF file: what to carry over, all but the pixels. Not mutated; the file it was read
        from must still be open.
    history : sequence of str
        Lines that are added to the tag ImageHistory.
    compress : bool
        Deflate. The samples are held in memory until the end.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    import tifffile

    dtype = np.dtype(dtype)
    own = header if isinstance(header, TiffHeader) else None
    order = own.byteorder if own else "<"
    planar = own is not None and own.planar
    kinds = own.extra_kinds if own else ()
    channels, height, width = shape
    every = channels + len(kinds)
    pixels: tuple[int, ...] = (every, height, width) if planar else (height, width, every)
    big = math.prod(pixels) * dtype.itemsize > _LARGEST or (own is not None and own.big)
    put: Callable[..., Any] = partial(
        tifffile.TiffWriter.write,
        photometric="minisblack" if channels == 1 else "rgb",
        planarconfig=None if every == 1 else "separate" if planar else "contig",
        extrasamples=kinds or None,
        metadata=None,
        software=False,
        extratags=_tags(own, history),
    )
    if every == 1:
        pixels = (height, width)

    encode = None
    if own and own.extra:
        encode = partial(_with_extra, own.extra, dtype)
    with ExitStack() as stack:
        with writing(path):
            writer = partial(tifffile.TiffWriter, path, bigtiff=big, byteorder=order)
            if compress:
                held = np.empty(pixels, dtype.newbyteorder(order))
                sink: HeldSink | FileBytes = HeldSink(held)
            else:
                with writer() as tiff:
                    start, size = put(tiff, shape=pixels, dtype=dtype, returnoffset=True)
                file = stack.enter_context(RandomAccessFile(path, "rb+"))
                sink = FileBytes(file, start, size)
        stored = dtype.newbyteorder(order)
        target = ImageTarget(path, shape, stored, sink, encode, interleaved=not planar)
        yield target
        target.check_complete()
        with writing(path):
            if compress:
                # Without imagecodecs only the differences of integers can be taken.
                differences = dtype.kind != "f"
                with writer() as tiff:
                    put(tiff, held, compression="zlib", predictor=differences)
            else:
                # Some systems tell only here that a disk is full.
                file.close()


def _tags(own: TiffHeader | None, history: Sequence[str]) -> list[tuple[Any, ...]]:
    """As tifffile takes them."""
    kept = [tag for tag in own.tags if tag.code != HISTORY] if own else []
    lines = [*(own.history if own else ()), *history]
    text = "\n".join(lines).encode("ascii", "replace").decode("ascii")
    order = own.byteorder if own else "<"
    tags = [(tag.code, tag.dtype, tag.count, _value(tag, order), True) for tag in kept]
    return [*tags, (HISTORY, _ASCII, 0, text, True)] if text else tags


def _value(tag: Tag, order: str) -> Any:
    """As tifffile takes it: bytes, but for fractions, of which it would count each half."""
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

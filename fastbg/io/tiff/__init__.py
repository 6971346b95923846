"""TIFF files, by tifffile.

Pixels that are stored uncompressed in one piece stay in the file until their rows are asked for;
others come into memory all at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ..blocks import Block, BytesInMemory, FileBytes, PackedBytes
from ..image_file import ImageFile, PathLike, open_file, reading
from ..random_access import RandomAccessFile
from ..samples import StoredSamples
from .header import Tag, TiffHeader
from .write import create as create

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

# Its warnings belong to who asks for them, not on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_ABOUT_THE_SAMPLES = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293, 317),
    *(320, 322, 323, 324, 325, 330, 338, 339, 340, 341, 347, 400, 512, 513, 514, 515, 530, 531),
    *(532, 32997, 32998),
}
"""Tags that tell how the samples of one file are stored, or where something lies in it."""

_ELSEWHERE = {330: "further images", 34665: "EXIF data", 34853: "GPS data", 40965: "EXIF data"}
"""Tags that refer to another directory."""


def open_image(path: PathLike) -> ImageFile:
    """Open the first image of a TIFF file.

    Alpha and other extra samples are not among the channels; outputs keep them. The image must be
    closed.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not TIFF, damaged, or holds no grey or RGB image.
    """
    import tifffile

    with reading(path), ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        try:
            with tifffile.TiffFile(path) as tiff:
                image = _image(path, file, tiff)
        except (InputError, OSError):
            raise
        # It is nowhere documented which errors tifffile raises for damaged files.
        except Exception as error:
            raise InputError(f"is not a TIFF file, or damaged ({error}): save it again") from error
        stack.pop_all()
        return image


def _image(path: PathLike, file: RandomAccessFile, tiff: TiffFile) -> ImageFile:
    import tifffile

    page, count = tiff.pages.first, len(tiff.pages)
    stored = _checked_dtype(page).newbyteorder(tiff.byteorder)
    planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    every = page.samplesperpixel
    channels = every - len(page.extrasamples)
    shape = channels, index(page.imagelength), index(page.imagewidth)
    if min(shape) < 1:
        raise InputError(f"has an image of {shape[2]} x {shape[1]} pixels: save it again")
    size = every * shape[1] * shape[2] * stored.itemsize
    block: Block
    if page.is_contiguous and page.compression == 1 and page.predictor == 1:
        block = FileBytes(file, index(page.dataoffsets[0]), size)
        if block.start + size > file.size():
            raise InputError("is truncated: copy or download it again")
    else:
        packed = min(sum(page.databytecounts), file.size())
        block = PackedBytes(size, packed, _unpacker(path, size))
        stored = stored.newbyteorder("=")
    interleaved = 0 if planar else every
    samples = StoredSamples(block, shape, stored, interleaved)
    extra = None
    if every > channels:
        extra = StoredSamples(block, (every, *shape[1:]), stored, interleaved)
    header = TiffHeader(
        tuple(_tags(file, page)),
        tiff.byteorder,
        tiff.is_bigtiff,
        stored.newbyteorder("="),
        planar,
        # A kind that no standard knows becomes "unspecified", 0.
        tuple(int(kind) if kind in (0, 1, 2) else 0 for kind in page.extrasamples),
        extra,
    )
    elsewhere = {_ELSEWHERE[tag.code] for tag in page.tags if tag.code in _ELSEWHERE}
    lines = [f"its {name} cannot be carried over" for name in sorted(elsewhere)]
    if count > 1:
        lines.append(f"only the first of {count} images is worked on, and carried over")
    return ImageFile(None, header, tuple(lines), None, path, file, samples)


def _checked_dtype(page: TiffPage) -> np.dtype[Any]:
    """The type of the samples; InputError unless the image is grey or RGB."""
    import tifffile

    kinds = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
    if page.photometric not in kinds:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"is stored as {kind}: save it as grey or RGB")
    dtype = page.dtype
    usual = dtype and dtype.kind in "uif" and page.bitspersample == dtype.itemsize * 8
    if dtype is None or not usual or page.imagedepth != 1:
        raise InputError(
            f"has samples of {page.bitspersample} bits: save it with 8, 16 or 32 bits a sample"
        )
    return dtype


def _tags(file: RandomAccessFile, page: TiffPage) -> Iterator[Tag]:
    """The tags that do not describe the storage, byte for byte."""
    left = file.size()
    for tag in page.tags:
        if tag.code not in _ABOUT_THE_SAMPLES and tag.code not in _ELSEWHERE:
            # Several tags may claim the same bytes, but not all of them all of the file.
            left -= tag.valuebytecount
            if left < 0:
                raise InputError("has tags larger than the file: copy or save it again")
            raw = np.empty(tag.valuebytecount, np.uint8)
            if file.read_into(tag.valueoffset, raw) < raw.size:
                raise InputError("is truncated inside a tag: copy or download it again")
            yield Tag(tag.code, int(tag.dtype), tag.count, raw.tobytes())


def _unpacker(path: PathLike, size: int) -> Callable[[], Block]:
    def unpack() -> Block:
        import tifffile

        try:
            with tifffile.TiffFile(path) as tiff:
                samples = np.ascontiguousarray(tiff.pages.first.asarray())
            if samples.nbytes != size:
                raise ValueError(f"{samples.nbytes} bytes where {size} belong")
        except ValueError as error:
            cure = "copy or save it again"
            if "imagecodecs" in str(error):
                cure = "save it uncompressed, or pip install imagecodecs"
            raise InputError(f"cannot be decompressed ({error}): {cure}") from error
        except Exception as error:  # the codecs have errors of their own
            raise InputError(
                f"cannot be decompressed ({error or 'out of memory'}): copy or save it again"
            ) from error
        return BytesInMemory(samples.reshape(-1).view(np.uint8))

    return unpack

"""TIFF files, by tifffile.

Pixels that are stored uncompressed in one piece, with their bits in the usual order, stay in the
file until their rows are asked for; others are decompressed into a temporary file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from operator import index
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ..blocks import Block, FileBytes
from ..image_file import ImageFile, PathLike, open_file, reading
from ..keywords import cfa_pattern, is_bottom_up, no_pattern
from ..orientation import Turn
from ..random_access import RandomAccessFile
from ..samples import StoredSamples
from .directories import full_image
from .header import Tag, TiffHeader
from .page import checked_dtype, extra_kinds
from .unpack import packed
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

_ORIENTATION = 274

_ELSEWHERE = {330: "further images", 34665: "EXIF data", 34853: "GPS data", 40965: "EXIF data"}
"""Tags that refer to another directory."""


def open_image(path: PathLike) -> ImageFile:
    """Open the first image of a TIFF file that is not a thumbnail.

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

    page, count = full_image(tiff), len(tiff.pages)
    stored = checked_dtype(page).newbyteorder(tiff.byteorder)
    planar = page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    every = page.samplesperpixel
    kinds = extra_kinds(page)
    channels = every - len(kinds)
    shape = channels, index(page.imagelength), index(page.imagewidth)
    if min(shape) < 1:
        raise InputError(f"has an image of {shape[2]} x {shape[1]} pixels: save it again")
    size = every * shape[1] * shape[2] * stored.itemsize
    block: Block
    # Also FillOrder 2 and predictors, which is_contiguous leaves out, are for tifffile to undo.
    if page.is_final:
        block = FileBytes(file, index(page.dataoffsets[0]), size)
        if block.start + size > file.size():
            raise InputError("is truncated: copy or download it again")
    else:
        block = packed(path, page, min(sum(page.databytecounts), file.size()))
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
        kinds,
        extra,
    )
    elsewhere = {_ELSEWHERE[tag.code] for tag in page.tags if tag.code in _ELSEWHERE}
    lines = [f"its {name} cannot be carried over" for name in sorted(elsewhere)]
    if 0 in kinds:
        lines.append("its extra samples of an unspecified kind stay as they are")
    if page is not tiff.pages.first:
        lines.append("its first image is a thumbnail or mask, which is not carried over")
        count -= 1
    if count > 1:
        lines.append(f"only the first of {count} images is worked on, and carried over")
    cfa, orientation = None, _orientation(page)
    if channels == 1:
        top, left = Turn.of(orientation).first(shape[1:])
        # Keywords are those of a FITS file whose rows end at the top of the picture.
        bottom_up = is_bottom_up(header.keywords)
        cfa = cfa_pattern(header.keywords, top if bottom_up else shape[1] - 1 - top, left)
        lines += no_pattern(header.keywords) if cfa is None else ()
    return ImageFile(None, header, tuple(lines), cfa, path, file, samples, orientation=orientation)


def _orientation(page: TiffPage) -> int:
    """The tag Orientation, where it is one of those that TIFF defines."""
    told = page.tags.valueof(_ORIENTATION, 1)
    return int(told) if told in range(1, 9) else 1


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

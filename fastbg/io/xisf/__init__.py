"""XISF files (https://pixinsight.com/doc/docs/XISF-1.0-spec/XISF-1.0-spec.html).

This module reads headers; the other modules read the data blocks, and write.
Pixels stay in the file until their rows are asked for; compressed ones are decompressed into a
temporary file.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from ...errors import InputError, one_line
from ...image.patterns import X_TRANS
from ..image_file import ImageFile, PathLike, open_file, reading
from ..keywords import cfa_pattern, no_pattern, pattern_of
from ..orientation import Turn
from ..random_access import RandomAccessFile
from . import blocks
from .header import XisfHeader as XisfHeader
from .header import open_header, parse
from .samples import SAMPLE_FORMATS as SAMPLE_FORMATS
from .samples import open_samples
from .write import PREAMBLE, SIGNATURE
from .write import create as create
from .write import write as write

_LONGEST_HEADER = 1 << 24
"""Bytes, of text that takes up to some twenty times as much memory once it is a tree."""

_ORIENTATIONS = {
    **{"0": 1, "flip": 2, "180": 3, "180;flip": 4},
    **{"90;flip": 5, "-90": 6, "-90;flip": 7, "90": 8},
}
"""The spellings of XISF for the orientations of `fastbg.io.orientation`."""


def open_image(path: PathLike) -> ImageFile:
    """Open the first image of an XISF file.

    Any channel count is read; which ones can be used is for the caller to say. Checksums are
    verified, of a compressed image when it is decompressed. The image must be closed.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not XISF, damaged, or holds no 2-D image of real
        samples.
    """
    with reading(path), ExitStack() as stack:
        file = stack.enter_context(open_file(path))
        root, end = _root(file)
        images = root.findall("Image")
        if not images:
            raise InputError("holds no image: save it again from the program that made it")
        image = images[0]
        samples = open_samples(file, image)
        bounds = _bounds(image, samples.dtype)
        warnings = list(_misunderstood(image, len(images)))
        header = open_header(file, root, end, warnings)
        cfa, orientation = None, _ORIENTATIONS.get(image.get("orientation", "0"), 1)
        if samples.shape[0] == 1:
            # XISF begins at the top, whatever a ROWORDER of the FITS file before it tells.
            first = Turn.of(orientation).first(samples.shape[1:])
            cfa = _cfa(image) or cfa_pattern(header.keywords, *first)
            warnings += no_pattern(header.keywords) if cfa is None else ()
        stack.pop_all()
        lines = tuple(map(one_line, warnings))
        return ImageFile(bounds, header, lines, cfa, path, file, samples, orientation=orientation)


def read(path: PathLike) -> ImageFile:
    """The first image of an XISF file with all its samples in memory, and the file closed.

    Raises
    ------
    InputError
        As from :func:`open_image`.
    """
    with open_image(path) as image:
        assert isinstance(image.header, XisfHeader)
        return image.in_memory(image.header.in_memory())


def _root(file: RandomAccessFile) -> tuple[ET.Element, int]:
    """The XML header, and where it ends."""
    preamble = _bytes(file, 0, PREAMBLE)
    if not preamble.startswith(SIGNATURE):
        raise InputError("is not an XISF file: give one")
    length = int.from_bytes(preamble[8:12], "little")
    if len(preamble) < PREAMBLE or PREAMBLE + length > file.size():
        raise InputError("is truncated inside its header: copy or download it again")
    if length > _LONGEST_HEADER:
        raise InputError(
            f"has a header of {length >> 20} MB: save its data in blocks behind the header"
        )
    try:
        # Some programs pad the header with zeros.
        return parse(_bytes(file, PREAMBLE, length).rstrip(b"\0")), PREAMBLE + length
    except (ET.ParseError, ValueError, LookupError) as error:
        raise InputError(f"has a damaged XML header ({error}): copy or save it again") from error


def _bytes(file: RandomAccessFile, start: int, length: int) -> bytes:
    out = np.empty(length, np.uint8)
    return out[: file.read_into(start, out)].tobytes()


def _bounds(image: ET.Element, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    text = image.get("bounds")
    if dtype.kind != "f" or text is None:
        return None
    try:
        low, high = (float(bound) for bound in text.split(":"))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise InputError(f"declares the impossible bounds {text}: save it again with 0:1")
    return low, high


def _cfa(image: ET.Element) -> str | None:
    """The pattern as `ImageFile.cfa` has it; with its size before it where that is not 2 x 2."""
    array = image.find("ColorFilterArray")
    if array is None:
        return None
    width, height = array.get("width", ""), array.get("height", "")
    pattern = pattern_of(array.get("pattern", ""))
    if pattern is None or pattern == X_TRANS or (width, height) == ("2", "2"):
        return pattern
    return f"{width} x {height} {pattern}"


def _misunderstood(image: ET.Element, images: int) -> Iterator[str]:
    if images > 1:
        yield f"only the first of {images} images is worked on; the others are copied"
    if image.get("colorSpace") == "Gray" and image.attrib["geometry"].endswith(":3"):
        yield "declared as gray with two further channels, taken as RGB"
    if "checksum" in image.attrib and blocks.checksum(image.attrib["checksum"])[0] is None:
        yield f"the unknown checksum {image.attrib['checksum'].partition(':')[0]} is not verified"

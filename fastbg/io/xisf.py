"""XISF files (https://pixinsight.com/doc/docs/XISF-1.0-spec/XISF-1.0-spec.html).

Here headers are read; the other modules of that name hold what lies behind them, and the writer.
Pixels stay in the file until their rows are asked for; compressed ones then come into memory all at
once.
"""

from __future__ import annotations

import math
import os
import stat
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import InputError
from . import xisf_blocks as blocks
from .random_access import RandomAccessFile
from .xisf_header import Keyword as Keyword
from .xisf_header import XisfHeader as XisfHeader
from .xisf_header import open_header, parse
from .xisf_samples import Samples, open_samples
from .xisf_write import PREAMBLE, SIGNATURE
from .xisf_write import create as create
from .xisf_write import write as write

_OTHER_FORMATS = {
    b"SIMPLE  =": "a FITS file",
    b"II*\0": "a TIFF file",
    b"MM\0*": "a TIFF file",
    b"II+\0": "a TIFF file",
    b"\x89PNG": "a PNG file",
    b"\xff\xd8\xff": "a JPEG file",
}


@dataclass(frozen=True)
class XisfImage:
    """The first image of an XISF file, which stays open; a context manager.

    Attributes
    ----------
    bounds : (float, float) or None
        The values that a float image declares as black and white; None where it declares none
        (which means 0 and 1) and for integers (the range of their type).
    header : XisfHeader
        What :func:`create` and :func:`write` carry over.
    warnings : tuple of str
        One line for each thing that was not understood or cannot be carried over.
    """

    bounds: tuple[float, float] | None
    header: XisfHeader
    warnings: tuple[str, ...]
    _path: str | os.PathLike[str]
    _file: RandomAccessFile
    _samples: Samples

    def __enter__(self) -> XisfImage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width: K, H, W."""
        return self._samples.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the samples: uint8, uint16, uint32, float32 or float64, in native byte order."""
        return self._samples.dtype

    @property
    def held_bytes(self) -> int:
        """Bytes of samples in memory once rows are read: 0 where they come from the file."""
        return self._samples.block.held

    @property
    def packed_bytes(self) -> int:
        """Bytes of a compressed image in the file, which :meth:`load` needs in memory too."""
        block = self._samples.block
        return block.stored if isinstance(block, blocks.PackedBytes) else 0

    def load(self) -> None:
        """Decompress a compressed image now, instead of when rows are first read.

        Raises
        ------
        InputError
            If it is damaged.
        """
        block = self._samples.block
        if isinstance(block, blocks.PackedBytes):
            with _reported(self._path):
                block.load()

    def read_rows(self, rows: slice, out: np.ndarray | None = None) -> np.ndarray:
        """Some rows of all channels, from any thread.

        Parameters
        ----------
        rows : slice
            Without a step; what lies beyond the image is left out.
        out : ndarray, (K, >= n, W), of `dtype`, each plane contiguous, optional
            Filled instead of new memory, whose first use often takes longer than the reading.

        Returns
        -------
        ndarray, (K, n, W), of `dtype`
            As stored, not scaled. A view on `out` if that is given.

        Raises
        ------
        InputError
            If the file cannot be read any more.
        ValueError
            For a step, or an `out` of another shape or type.
        """
        channels, height, width = self.shape
        start, stop, step = rows.indices(height)
        shape = (channels, max(stop - start, 0), width)
        out = np.empty(shape, self.dtype) if out is None else out[:, : shape[1]]
        fits = out.shape == shape and out.dtype == self.dtype and out[0].flags.c_contiguous
        if step != 1 or not fits:
            raise ValueError(f"{rows} does not fit into an array of {out.shape}, {out.dtype}")
        with _reported(self._path):
            self._samples.read_into(start, out)
        return out

    def to_array(self) -> np.ndarray:
        """All samples, (H, W, K), as a view on (K, H, W) in new memory."""
        return np.moveaxis(self.read_rows(slice(None)), 0, 2)


def open_image(path: str | os.PathLike[str]) -> XisfImage:
    """Open the first image of an XISF file.

    Any channel count is read; which ones can be used is for the caller to say. Checksums are
    verified. The image must be closed.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not XISF, damaged, or holds no 2-D image of real
        samples.
    """
    with _reported(path), ExitStack() as stack:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise InputError("is a directory: give a file")
        if not stat.S_ISREG(mode):
            # Opening a pipe would wait for ever, and blocks are not in reading order.
            raise InputError("is not a regular file: save it to disk first")
        file = stack.enter_context(RandomAccessFile(path, "rb"))
        root = _root(file)
        images = root.findall("Image")
        if not images:
            raise InputError("holds no image: save it again from the program that made it")
        image = images[0]
        samples = open_samples(file, image)
        bounds = _bounds(image, samples.dtype)
        warnings = list(_misunderstood(image, len(images)))
        header = open_header(file, root, warnings)
        stack.pop_all()
        return XisfImage(bounds, header, tuple(warnings), path, file, samples)


def read(path: str | os.PathLike[str]) -> XisfImage:
    """The first image of an XISF file with all its samples in memory, and the file closed.

    Raises
    ------
    InputError
        As from :func:`open_image`.
    """
    with open_image(path) as image, _reported(path):
        image.load()
        return replace(image, header=image.header.held(), _samples=image._samples.held())


@contextmanager
def _reported(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in errors."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{os.fspath(path)} {error}") from error
    except FileNotFoundError as error:
        raise InputError(f"{os.fspath(path)} does not exist: check the name") from error
    except PermissionError as error:
        raise InputError(
            f"{os.fspath(path)} cannot be read (no permission): change its permissions"
        ) from error
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise InputError(
            f"{os.fspath(path)} cannot be read ({cause}): check the name and the disk"
        ) from error


def _root(file: RandomAccessFile) -> ET.Element:
    """The XML header."""
    preamble = _bytes(file, 0, PREAMBLE)
    if not preamble.startswith(SIGNATURE):
        kind = next(
            (name for magic, name in _OTHER_FORMATS.items() if preamble.startswith(magic)),
            "not an XISF file",
        )
        raise InputError(f"is {kind}: convert it to XISF first")
    length = int.from_bytes(preamble[8:12], "little")
    if len(preamble) < PREAMBLE or PREAMBLE + length > file.size():
        raise InputError("is truncated inside its header: copy or download it again")
    try:
        # Some programs pad the header with zeros.
        return parse(_bytes(file, PREAMBLE, length).rstrip(b"\0"))
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


def _misunderstood(image: ET.Element, images: int) -> Iterator[str]:
    if images > 1:
        yield f"only the first of {images} images is worked on; the others are copied"
    if image.find("ColorFilterArray") is not None:
        yield "an undebayered colour filter array frame is treated as mono"
    if image.get("colorSpace") == "Gray" and image.attrib["geometry"].endswith(":3"):
        yield "declared as gray with two further channels, taken as RGB"
    if "checksum" in image.attrib and blocks.checksum(image.attrib["checksum"])[0] is None:
        yield f"the unknown checksum {image.attrib['checksum'].partition(':')[0]} is not verified"

"""Writes images as XISF files, in any order of their rows."""

from __future__ import annotations

import copy
import math
import os
import platform
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ...errors import OutputError
from ...version import version
from .. import temporary
from ..blocks import Block, FileBytes
from ..keywords import Header
from ..random_access import RandomAccessFile
from ..target import ImageTarget, PathLike, writing
from . import codecs
from .header import NAMESPACE, XisfHeader, legible
from .samples import SAMPLE_FORMATS
from .shuffle import ShuffledBytes

SIGNATURE = b"XISF0100"
PREAMBLE = 16
"""Bytes before the XML header: the signature, its length and a reserved field."""

_ALIGNMENT = 4096
"""Bytes; blocks begin at multiples of it."""

_BAND = 1 << 18
"""Samples of a channel that are written at a time."""

_PIECE = 1 << 20
"""Bytes of an attached block that are copied at a time."""

_ABOUT_THE_BLOCK = (
    "bounds",
    "byteOrder",
    "checksum",
    "compression",
    "encoding",
    "pixelStorage",
    "subblocks",
)
"""Attributes of the source's samples: untrue of any other."""

_UNTRUE = ("CreatorModule", "CompressionCodecs", "CompressionLevel", "MaxInlineBlockSize")
"""Properties of the source file, beside those that are replaced: untrue of any other."""


@contextmanager
def create(
    path: PathLike,
    shape: tuple[int, int, int],
    *,
    dtype: np.dtype[Any] | type = np.float32,
    bounds: tuple[float, float] | None = (0, 1),
    header: Header | None = None,
    history: Sequence[str] = (),
    compress: bool = False,
) -> Iterator[ImageTarget]:
    """Write an image as an XISF file, replacing it if there is one.

    The file has its size from the start, so that a full disk is noticed before the work. It is
    complete when the context is left, which must be after all rows were written; if that is
    because of an error, an incomplete file stays.

    Parameters
    ----------
    shape : (int, int, int)
        K, H, W; K = 1 or 3.
    dtype : dtype
        uint8, uint16, uint32, float32 or float64.
    bounds : (float, float), optional
        The values to declare as black and white, for floats.
    header : Header, optional
        All but the pixels is carried over from it; from other formats, the keywords. It is not
        mutated, and the file that it was read from must still be open.
    history : sequence of str
        Each becomes a FITS HISTORY keyword, after the others.
    compress : bool
        LZ4HC with byte shuffling, unless that would not make the block smaller. The samples are in
        a temporary file beside this one until the end.

    Raises
    ------
    OutputError
        If the file cannot be written or the channels are not 1 or 3.
    """
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise OutputError(
            f"{os.fspath(path)}: planes of shape {shape} cannot be written: "
            "give (1 or 3 channels, height, width)"
        )
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    with ExitStack() as stack:
        with writing(path):
            file = stack.enter_context(RandomAccessFile(path, "wb"))
            draft = _Draft(XisfHeader.of(header) if header else XisfHeader(), history)
            draft.describe(shape, dtype, bounds)
            block: FileBytes | ShuffledBytes
            if compress:
                raw = stack.enter_context(temporary.beside(path, size))
                block = ShuffledBytes(raw, dtype.itemsize)
            else:
                block = FileBytes(file, draft.write(file, size), size)
        target = ImageTarget(path, shape, dtype.newbyteorder("<"), block)
        yield target
        target.check_complete()
        with writing(path):
            if isinstance(block, ShuffledBytes):
                _write_compressed(file, draft, block)
            # Some systems tell only here that a disk is full.
            file.close()


def write(
    path: PathLike,
    pixels: np.ndarray,
    *,
    header: Header | None = None,
    history: Sequence[str] = (),
    compress: bool = False,
) -> None:
    """Write a whole array, (H, W, K), as Float32: see :func:`create`."""
    shape = pixels.shape[2:] + pixels.shape[:2]
    with create(path, shape, header=header, history=history, compress=compress) as target:
        step = max(1, _BAND // shape[2])
        for start in range(0, shape[1], step):
            rows = slice(start, start + step)
            target.write_rows(rows, np.moveaxis(pixels[rows], 2, 0))


class _Draft:
    """The header of a file to be: that of its source with another first image."""

    def __init__(self, source: XisfHeader, history: Sequence[str]) -> None:
        self._root = copy.deepcopy(source.root)
        twins = dict(zip(source.root.iter(), self._root.iter(), strict=True))
        self._attached = [(twins[item], block) for item, block in source.attached.items()]
        for element in self._root.iter():
            # Parsers would make a line feed of it; see `write`.
            element.text, element.tail = (
                text and text.replace("\r", "\0") for text in (element.text, element.tail)
            )
        self._root.set("xmlns", NAMESPACE)

        image = self._image = self._root.findall("Image")[0]
        for data in image.findall("Data"):
            image.remove(data)
        if image.get("location", "").startswith("inline"):
            image.text = None
        keywords = [at for at, item in enumerate(image) if item.tag == "FITSKeyword"]
        for at, line in enumerate(history, start=keywords[-1] + 1 if keywords else len(image)):
            item = {"name": "HISTORY", "value": "", "comment": legible(line)}
            element = ET.Element("FITSKeyword", item)
            element.tail = image[at - 1].tail if at else None
            image.insert(at, element)

        found = self._root.find("Metadata")
        self._about = ET.SubElement(self._root, "Metadata") if found is None else found
        self._forget(_UNTRUE)
        system = platform.system()
        self._say("CreationTime", "TimePoint", datetime.now(UTC).isoformat())
        self._say("CreatorApplication", "String", f"fastbg {version()}")
        self._say("CreatorOS", "String", "macOS" if system == "Darwin" else system)
        self._say("BlockAlignmentSize", "UInt16", str(_ALIGNMENT))

    def describe(
        self,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        bounds: tuple[float, float] | None,
    ) -> None:
        """Declare the samples of the image."""
        channels, height, width = shape
        for name in _ABOUT_THE_BLOCK:
            self._image.attrib.pop(name, None)
        self._image.attrib |= {
            "geometry": f"{width}:{height}:{channels}",
            "sampleFormat": SAMPLE_FORMATS[dtype],
            "colorSpace": "Gray" if channels == 1 else "RGB",
        }
        if bounds:
            self._image.set("bounds", f"{bounds[0]:.17g}:{bounds[1]:.17g}")

    def compressed(self, codec: str, samples: ShuffledBytes) -> None:
        """Declare how the image block is compressed."""
        self._image.set("compression", f"{codec}+sh:{samples.size}:{samples.item}")
        self._say("CompressionCodecs", "String", codec)
        self._say("CompressionLevel", "Int32", str(codecs.LEVELS[codec]))

    def uncompressed(self) -> None:
        """Undo `compressed`."""
        del self._image.attrib["compression"]
        self._forget(("CompressionCodecs", "CompressionLevel"))

    def write(self, file: RandomAccessFile, size: int, start: int = 0) -> int:
        """Write everything but the image block of `size` bytes, and return where that begins.

        It does not begin before `start`.
        """
        starts, stop = self._place(size, start)
        text = self._text()
        file.allocate(stop)
        file.write(0, SIGNATURE + len(text).to_bytes(4, "little") + bytes(4) + text)
        for place, (_, block) in zip(starts[1:], self._attached, strict=True):
            _copy(block, file, place)
        return starts[0]

    def begin(self, size: int) -> int:
        """Where an image block of up to `size` bytes can begin."""
        return self._place(size)[0][0]

    def _place(self, size: int, start: int = 0) -> tuple[list[int], int]:
        """Declare where each block begins, the image first; this, and where the last one ends."""
        elements = [self._image, *(element for element, _ in self._attached)]
        sizes = [size, *(block.size for _, block in self._attached)]
        while True:
            starts, stop = [], start
            for element, length in zip(elements, sizes, strict=True):
                starts.append(-(-stop // _ALIGNMENT) * _ALIGNMENT)
                stop = starts[-1] + length
                element.set("location", f"attachment:{starts[-1]}:{length}")
            # The header grows with the numbers that say how far behind it the blocks begin.
            if PREAMBLE + len(self._text()) <= starts[0]:
                return starts, stop
            start = PREAMBLE + len(self._text())

    def _text(self) -> bytes:
        text = ET.tostring(self._root, encoding="UTF-8", xml_declaration=True)
        return text.replace(b"\0", b"&#13;")

    def _forget(self, names: Sequence[str]) -> None:
        """Remove properties of the file."""
        for name in names:
            for stale in self._about.findall(f"Property[@id='XISF:{name}']"):
                self._about.remove(stale)

    def _say(self, name: str, kind: str, value: str) -> None:
        """Set a property of the file."""
        identifier = f"XISF:{name}"
        item = self._about.find(f"Property[@id='{identifier}']")
        if item is None:
            item = ET.SubElement(self._about, "Property")
        tail = item.tail
        item.clear()
        item.tail = tail
        item.attrib |= {"id": identifier, "type": kind}
        if kind == "String":
            item.text = value
        else:
            item.set("value", value)


def _copy(block: Block, file: RandomAccessFile, place: int) -> None:
    for at in range(0, block.size, _PIECE):
        piece = np.empty(min(_PIECE, block.size - at), np.uint8)
        block.read_into(at, piece)
        file.write(place + at, piece.data)


def _write_compressed(file: RandomAccessFile, draft: _Draft, samples: ShuffledBytes) -> None:
    size = samples.size
    codec = "lz4hc" if size <= codecs.LZ4_LIMIT else "zstd"
    draft.compressed(codec, samples)
    stop = start = draft.begin(size)
    for piece in codecs.compress(samples.stored, codec):
        if stop + len(piece) >= start + size:
            draft.uncompressed()
            _copy(samples, file, draft.write(file, size))
            return
        file.write(stop, piece)
        stop += len(piece)
    draft.write(file, stop - start, start)

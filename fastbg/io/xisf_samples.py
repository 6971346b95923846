"""The samples of an XISF image, row by row."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np

from ..errors import InputError
from . import xisf_blocks as blocks
from .random_access import RandomAccessFile

_TYPES = {
    "UInt8": "u1",
    "Byte": "u1",
    "UInt16": "u2",
    "UShort": "u2",
    "UInt32": "u4",
    "UInt": "u4",
    "Float32": "f4",
    "Float": "f4",
    "Float64": "f8",
    "Double": "f8",
}

SAMPLE_FORMATS = {np.dtype(code): name for name, code in reversed(_TYPES.items())}
"""The name of each type, the first of its names."""


class Samples:
    """Samples in a data block.

    Attributes
    ----------
    shape : (int, int, int)
        K, H, W.
    dtype : dtype
        In native byte order.
    block : Block
    """

    def __init__(
        self,
        block: blocks.Block,
        shape: tuple[int, int, int],
        stored: np.dtype[Any],
        interleaved: bool,
    ) -> None:
        self.block = block
        self.shape = shape
        self.dtype = stored.newbyteorder("=")
        self._stored = stored
        self._interleaved = interleaved

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill `out` with the rows from `start` on, from any thread.

        (K, n, W), of `dtype`, each plane contiguous.
        """
        channels, height, width = self.shape
        row = width * self.dtype.itemsize
        if self._interleaved:
            pixels = np.empty((out.shape[1], width, channels), self._stored)
            self.block.read_into(start * row * channels, np.frombuffer(pixels, np.uint8))
            out[...] = pixels.transpose(2, 0, 1)
            return
        for channel, plane in enumerate(out):
            memory = np.frombuffer(plane, np.uint8)
            self.block.read_into((channel * height + start) * row, memory)
        if not self._stored.isnative:
            out.byteswap(inplace=True)

    def held(self) -> Samples:
        """The same samples in memory."""
        block = self.block if self.block.held else blocks.HeldBytes(blocks.whole(self.block))
        return Samples(block, self.shape, self._stored, self._interleaved)


def open_samples(file: RandomAccessFile, image: ET.Element) -> Samples:
    """Find the samples of an image."""
    for name in ("geometry", "sampleFormat", "location"):
        if name not in image.attrib:
            raise InputError(f"has an image without {name}: save it again")
    try:
        sizes = [int(size) for size in image.attrib["geometry"].split(":")]
    except ValueError:
        sizes = []
    if len(sizes) != 3 or min(sizes) < 1:
        raise InputError(
            f"has an image of geometry {image.attrib['geometry']}: "
            "only 2-D images (width:height:channels) can be used"
        )
    width, height, channels = sizes
    if image.attrib["sampleFormat"] not in _TYPES:
        raise InputError(
            f"has samples of type {image.attrib['sampleFormat']}: "
            "save it as UInt8, UInt16, UInt32, Float32 or Float64"
        )
    dtype = np.dtype(_TYPES[image.attrib["sampleFormat"]])
    if image.get("colorSpace", "Gray") not in ("Gray", "RGB"):
        raise InputError(f"is in the colour space {image.get('colorSpace')}: convert it to RGB")
    storage = image.get("pixelStorage", "Planar").lower()
    if storage not in ("planar", "normal"):
        raise InputError(f"has the unknown pixel storage {storage}: save it as planar")
    block = blocks.open_block(file, image, math.prod(sizes) * dtype.itemsize)
    stored = blocks.stored_dtype(image, dtype)
    return Samples(block, (channels, height, width), stored, storage == "normal")

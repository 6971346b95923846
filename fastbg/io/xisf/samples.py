"""Finds the samples of an XISF image."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np

from ...errors import InputError
from ..random_access import RandomAccessFile
from ..samples import StoredSamples
from . import blocks

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


def open_samples(file: RandomAccessFile, image: ET.Element) -> StoredSamples:
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
    interleaved = channels if storage == "normal" else 0
    return StoredSamples(block, (channels, height, width), stored, interleaved)

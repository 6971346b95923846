"""What accompanies the pixels of an XISF file: its FITS keywords and properties."""

from __future__ import annotations

import base64
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from . import xisf_blocks as blocks
from .random_access import RandomAccessFile

INLINE_LIMIT = 3072
"""Bytes; larger values are written as attached blocks."""

_LONG_NAMES = {
    "Double": "Float64",
    "Quad": "Float128",
    "ByteArray": "UI8Vector",
    "IVector": "I32Vector",
    "UIVector": "UI32Vector",
    "Vector": "F64Vector",
    "ByteMatrix": "UI8Matrix",
    "IMatrix": "I32Matrix",
    "UIMatrix": "UI32Matrix",
    "Matrix": "F64Matrix",
}
"""Property types under the one of their two names that the ``xisf`` package reads as well."""

_SCALAR = re.compile(r"U?Int\d*|Byte|U?Short|Float\d*|Boolean|TimePoint")
_ARRAY = re.compile("(I8|UI8|I16|UI16|I32|UI32|I64|UI64|F32|F64|C32|C64)(Vector|Matrix)")

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Keyword(NamedTuple):
    """A FITS keyword as the file spells it: string values keep their single quotes."""

    name: str
    value: str
    comment: str


@dataclass(frozen=True)
class XisfMetadata:
    """What accompanies the pixels and is written back with them.

    Attributes
    ----------
    image_id : str
        The image's identifier.
    keywords : tuple of Keyword
        In the order of the file.
    properties, file_properties : tuple of mapping
        Of the image and of the file, with ``id``, ``type`` and ``value``: scalars and time points
        as the exact text of the file, strings as str, vectors and matrices as arrays.
    """

    image_id: str = "image"
    keywords: tuple[Keyword, ...] = ()
    properties: tuple[Mapping[str, Any], ...] = ()
    file_properties: tuple[Mapping[str, Any], ...] = ()


def read_metadata(
    file: RandomAccessFile, root: ET.Element, image: ET.Element, warnings: list[str]
) -> XisfMetadata:
    """Collect what accompanies an image; a line about each thing that is left out is appended."""
    return XisfMetadata(
        image_id=image.get("id", "image"),
        keywords=tuple(
            Keyword(item.get("name", ""), item.get("value", ""), item.get("comment", ""))
            for item in image.findall("FITSKeyword")
        ),
        properties=_properties(file, image.findall("Property"), warnings),
        file_properties=_properties(file, root.findall("Metadata/Property"), warnings),
    )


def add_keyword(image: ET.Element, keyword: Keyword) -> None:
    """Write a keyword into the header."""
    ET.SubElement(image, "FITSKeyword", keyword._asdict())


def add_property(parent: ET.Element, item: Mapping[str, Any]) -> tuple[ET.Element, bytes] | None:
    """Write a property into the header.

    Returns
    -------
    (Element, bytes) or None
        The bytes that must be attached, and the element that must say where.
    """
    kind, value = item["type"], item["value"]
    element = ET.SubElement(parent, "Property", id=item["id"], type=kind)
    if kind == "String":
        raw = value.encode()
        # A carriage return does not survive in the text of an XML document.
        if len(raw) <= INLINE_LIMIT and "\r" not in value:
            element.text = value
            return None
    elif isinstance(value, np.ndarray):
        raw = value.astype(value.dtype.newbyteorder("<")).tobytes()
        sizes = ("length",) if value.ndim == 1 else ("rows", "columns")
        element.attrib.update(zip(sizes, map(str, value.shape), strict=True))
    else:
        element.set("value", value)
        return None
    if len(raw) > INLINE_LIMIT:
        return element, raw
    element.set("location", "inline:base64")
    element.text = base64.b64encode(raw).decode()
    return None


def legible(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _properties(
    file: RandomAccessFile, elements: Sequence[ET.Element], warnings: list[str]
) -> tuple[Mapping[str, Any], ...]:
    properties = []
    for element in elements:
        try:
            properties.append(_property(file, element))
        except (InputError, KeyError, ValueError, MemoryError) as error:
            warnings.append(f"property {element.get('id')} is not carried over ({error})")
    return tuple(properties)


def _property(file: RandomAccessFile, element: ET.Element) -> dict[str, Any]:
    identifier, kind = element.attrib["id"], element.attrib["type"]
    kind = _LONG_NAMES.get(kind, kind)
    value: Any
    if kind == "String":
        if "location" in element.attrib:
            raw = blocks.whole(blocks.open_block(file, element))
            # A string may come from a block, but short ones are written into the header.
            value = legible(raw.tobytes().decode("utf-8"))
        else:
            value = element.text or element.get("value", "")
    elif match := _ARRAY.fullmatch(kind):
        dimensions = ("length",) if match[2] == "Vector" else ("rows", "columns")
        shape = tuple(int(element.attrib[name]) for name in dimensions)
        value = blocks.array(file, element, _item_type(match[1]), math.prod(shape)).reshape(shape)
    elif _SCALAR.fullmatch(kind):
        value = element.attrib["value"]
    else:
        raise InputError(f"type {kind}")
    return {"id": identifier, "type": kind, "value": value}


def _item_type(name: str) -> np.dtype[Any]:
    """The numpy type of an item, such as UI16 or C32, which names the bits of a complex' parts."""
    letters, bits = name.rstrip("0123456789"), name.lstrip("CFIU")
    code = {"I": "i", "UI": "u", "F": "f", "C": "c"}[letters]
    return np.dtype(f"{code}{int(bits) // 8 * (2 if code == 'c' else 1)}")

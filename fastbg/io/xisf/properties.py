"""The properties of an XISF image, of all kinds that hold numbers or text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import InputError
from ..blocks import PackedBytes, whole
from . import blocks
from .header import XisfHeader

_NUMBERS = {
    "I8": "i1", "UI8": "u1", "I16": "i2", "UI16": "u2", "I32": "i4", "UI32": "u4", "I64": "i8",
    "UI64": "u8", "F32": "f4", "F64": "f8",
    "Byte": "u1", "": "f8", "I": "i4", "UI": "u4",
}  # fmt: skip
"""The types of the elements of vectors and matrices: what stands before the words."""

_LARGEST = 1 << 28
"""Bytes of a property that is read."""


def properties_of(header: XisfHeader, prefixes: tuple[str, ...]) -> dict[str, Any]:
    """The properties of the first image whose names begin so.

    Returns
    -------
    dict of str to value
        Numbers and booleans as floats, texts, and arrays, (N,) or (rows, columns), of vectors and
        matrices. Those of other kinds are left out.

    Raises
    ------
    InputError
        If the block of one is damaged, or larger than any that is of use.
    """
    return dict(_read(header, prefixes))


def _read(header: XisfHeader, prefixes: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for element in header.root.findall("Image[1]/Property"):
        name, kind = element.get("id", ""), element.get("type", "")
        if not name.startswith(prefixes):
            continue
        try:
            value = _value_of(header, element, kind)
        except (ValueError, KeyError) as error:
            raise InputError(f"has a damaged property {name} ({error}): save it again") from error
        if value is not None:
            yield name, value


def _value_of(header: XisfHeader, element: ET.Element, kind: str) -> Any:
    if kind == "String":
        if "location" not in element.attrib:
            return (element.text or element.get("value") or "").strip()
        return _bytes(header, element, None).tobytes().decode("utf-8", "replace")
    for word in ("Vector", "Matrix", "Array"):
        item = _NUMBERS.get(kind.removesuffix(word))
        if kind.endswith(word) and item is not None:
            names = ("rows", "columns") if word == "Matrix" else ("length",)
            shape = [int(element.get(name, "0")) for name in names]
            dtype = blocks.stored_dtype(element, np.dtype(item))
            raw = _bytes(header, element, int(np.prod(shape)) * dtype.itemsize)
            return raw.view(dtype).reshape(shape).astype(dtype.newbyteorder("="))
    text = element.get("value", "").strip().lower()
    try:
        return float({"true": 1, "false": 0}.get(text, text))
    except ValueError:
        return None


def _bytes(header: XisfHeader, element: ET.Element, size: int | None) -> np.ndarray:
    stored = header.attached.get(element) or blocks.stored_block(None, element)
    block = blocks.opened(element, stored, size)
    if block.size > _LARGEST:
        raise InputError(f"has a property of {block.size >> 20} MB: save it again without")
    try:
        return whole(block)
    finally:
        if isinstance(block, PackedBytes):
            block.close()

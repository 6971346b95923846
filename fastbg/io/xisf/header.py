"""The metadata of an XISF file, kept as the file has them.

Nothing here needs to be understood to be written back: the header stays a tree, and the blocks that
it refers to stay the bytes that are stored.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ...errors import InputError
from ..blocks import Block, BytesInMemory, FileBytes, whole
from ..keywords import Header, Keyword, is_structural
from ..names import Format
from ..random_access import RandomAccessFile
from . import blocks

NAMESPACE = "http://www.pixinsight.com/xisf"
_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

_OF_THE_IMAGE = {"FITSKeyword", "ColorFilterArray", "Data", "Resolution"}
"""Elements of an image that other formats have a place for, or that tell how it is stored."""

_SPELLED = {"Property": "properties", "ICCProfile": "ICC profile", "Thumbnail": "thumbnail"}

_DEEPEST = 100
"""Levels of elements; the format itself has six. Copying and writing a tree recurses."""

_NOT_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def _new_root() -> ET.Element:
    location = f"{NAMESPACE} http://pixinsight.com/xisf/xisf-1.0.xsd"
    root = ET.Element("xisf", {"version": "1.0", _SCHEMA: location})
    ET.SubElement(root, "Image", id="image")
    return root


@dataclass(frozen=True)
class XisfHeader:
    """The header of a file, and the blocks that it refers to.

    Attributes
    ----------
    root : Element
        Elements of XISF without their namespace. Not to be changed.
    attached : mapping of Element to Block
        The stored bytes of every attached block but that of the first image.
    """

    format: ClassVar[Format] = "XISF"

    root: ET.Element = field(default_factory=_new_root)
    attached: Mapping[ET.Element, Block] = field(default_factory=dict)

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """The FITS keywords of the first image, in the order of the file."""
        return tuple(
            Keyword(item.get("name", ""), item.get("value", ""), item.get("comment", ""))
            for item in self.root.findall("Image[1]/FITSKeyword")
        )

    @property
    def left_out(self) -> list[str]:
        image, *others = self.root.findall("Image")
        names = {item.tag for item in image if isinstance(item.tag, str)}
        names |= {"further images"} if others else set()
        return sorted(_SPELLED.get(name, name) for name in names - _OF_THE_IMAGE)

    @classmethod
    def of(cls, header: Header) -> XisfHeader:
        """The header of an XISF file with the keywords of a file of another format."""
        if isinstance(header, cls):
            return header
        new = cls()
        image = new.root.find("Image[1]")
        assert image is not None
        for name, value, comment in header.keywords:
            if not is_structural(name):
                item = {"name": legible(name), "value": legible(value), "comment": legible(comment)}
                ET.SubElement(image, "FITSKeyword", item)
        return new

    def in_memory(self) -> XisfHeader:
        """The same with all blocks in memory."""
        in_memory = {item: BytesInMemory(whole(raw)) for item, raw in self.attached.items()}
        return XisfHeader(self.root, in_memory)


class _Builder(ET.TreeBuilder):
    """Refuses a document type: its entities could grow without end, and no XISF file has one."""

    def doctype(self, *_: object) -> None:
        raise ValueError("it has a document type")


def parse(text: bytes) -> ET.Element:
    """The root of a header, with its comments, and without the namespace of the root in its tags.

    Raises
    ------
    ET.ParseError, ValueError, LookupError
    """
    # The encoding is UTF-8 by definition, and files of the xisf package call it "utf8", which the
    # parser takes for a single-byte one.
    builder = _Builder(insert_comments=True, insert_pis=True)
    root = ET.fromstring(text, ET.XMLParser(encoding="utf-8", target=builder))
    namespace = root.tag.rpartition("}")[0] + "}"
    for element in root.iter():
        if isinstance(element.tag, str):  # comments have a function there
            element.tag = element.tag.removeprefix(namespace)
    level, depth = [root], 0
    while level:
        level, depth = [child for element in level for child in element], depth + 1
        if depth > _DEEPEST:
            raise ValueError(f"it has more than {_DEEPEST} levels")
    return root


def open_header(
    file: RandomAccessFile, root: ET.Element, end: int, warnings: list[str]
) -> XisfHeader:
    """Find the blocks of a header; what cannot be carried over is removed, and a line appended.

    Parameters
    ----------
    end : int
        Where the header ends in the file.

    Raises
    ------
    InputError
        If a block differs from its checksum, or the image lies within the header.
    """
    image, attached, places = root.find("Image"), {}, [(0, end)]
    if image is not None and image.get("location", "").startswith("attachment"):
        _take_place(places, blocks.stored_block(file, image))
    for parent in root.iter():
        for child in [item for item in parent if item is not image]:
            reason = None
            location = child.get("location", "")
            if child.tag == _SIGNATURE:
                reason = "it would no longer hold"
            elif location.startswith(("url", "path")):
                warnings.append(f"{_name(child)} lies in another file: {location}")
            elif location:
                try:
                    stored = blocks.stored_block(file, child)
                    _take_place(places, stored)
                except InputError as error:
                    reason = f"the file {error}"
                else:
                    blocks.verify(child, stored)
                    if location.startswith("attachment"):
                        attached[child] = stored
            if reason:
                parent.remove(child)
                warnings.append(f"{_name(child)} is not carried over ({reason})")
    return XisfHeader(root, attached)


def _take_place(places: list[tuple[int, int]], block: Block) -> None:
    """Add where a block lies to the places, sorted, of others; InputError if it lies in one.

    Else a small file could ask for any number of copies of a large block.
    """
    if not isinstance(block, FileBytes) or not block.size:
        return
    start, stop = block.start, block.start + block.size
    at = bisect(places, (start, stop))
    if places[at - 1][1] > start or (at < len(places) and places[at][0] < stop):
        raise InputError("has blocks that overlap: save it again")
    places.insert(at, (start, stop))


def legible(text: str) -> str:
    """The text without the characters that XML cannot hold."""
    return text if text.isprintable() else re.sub(_NOT_XML, "\ufffd", text)


def _name(element: ET.Element) -> str:
    identifier = element.get("id")
    tag = element.tag.rpartition("}")[2]
    return f"{tag} {identifier}" if identifier else tag

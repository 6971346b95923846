"""What an XISF file holds beside pixels, read independently of fastbg.io."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter

PIXEL_FORMAT = {
    *("geometry", "sampleFormat", "bounds", "colorSpace", "pixelStorage"),
    *("byteOrder", "compression", "subblocks", "checksum", "encoding"),
}
"""Attributes of the first image that describe its samples and how they are stored."""

ABOUT_THE_FILE = {
    f"XISF:{name}"
    for name in (
        *("CreationTime", "CreatorApplication", "CreatorModule", "CreatorOS"),
        *("BlockAlignmentSize", "MaxInlineBlockSize", "CompressionCodecs", "CompressionLevel"),
    )
}


def header_of(path):
    raw = path.read_bytes()
    text = raw[16 : 16 + int.from_bytes(raw[8:12], "little")].rstrip(b"\0")
    return ET.fromstring(text, ET.XMLParser(encoding="utf-8"))


def structure(path):
    """Every element as (path of tags, attributes, text, stored block), and how often it occurs.

    Without the samples of the first image and what describes the file as such.
    """
    raw, root = path.read_bytes(), header_of(path)
    first = next(item for item in root if item.tag.endswith("Image"))
    found = Counter()

    def visit(element, above):
        tag = f"{above}/{element.tag.replace('{http://www.pixinsight.com/xisf}', '')}"
        attributes, text, block = dict(element.attrib), (element.text or ""), b""
        place = attributes.pop("location", "")
        if element is first:
            attributes = {k: v for k, v in attributes.items() if k not in PIXEL_FORMAT}
            text = ""
        elif place.startswith("attachment"):
            start, size = map(int, place.split(":")[1:])
            block = raw[start : start + size]
        elif place:
            attributes["location"] = place
        if attributes.get("id") not in ABOUT_THE_FILE:
            text = text if text.strip() else ""
            found[tag, tuple(sorted(attributes.items())), text, block] += 1
        for child in element:
            if not (element is first and child.tag.endswith("Data")):
                visit(child, tag)

    visit(root, "")
    return found


def difference(before, after):
    """What is only in the one file, and what only in the other."""
    one, other = structure(before), structure(after)
    return [*(one - other).elements()], [*(other - one).elements()]

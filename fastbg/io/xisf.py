"""XISF files (https://pixinsight.com/doc/docs/XISF-1.0-spec/XISF-1.0-spec.html).

Blocks are decompressed and whole files written by the ``xisf`` package. Headers are walked here,
because the package loses what must survive a round trip (quotes of FITS strings, the order of
keywords, booleans, empty strings), prints, and fails on valid files with embedded blocks.
"""

from __future__ import annotations

import math
import os
import re
import stat
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import InputError, OutputError
from . import xisf_blocks as blocks

_SIGNATURE = b"XISF0100"
_PREAMBLE = 16
"""Bytes before the XML header: the signature, its length and a reserved field."""

_OTHER_FORMATS = {
    b"SIMPLE  =": "a FITS file",
    b"II*\0": "a TIFF file",
    b"MM\0*": "a TIFF file",
    b"II+\0": "a TIFF file",
    b"\x89PNG": "a PNG file",
    b"\xff\xd8\xff": "a JPEG file",
}

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
"""Property types under the one of their two names that the package both reads and writes."""

_SCALAR = re.compile(r"U?Int\d*|Byte|U?Short|Float\d*|Boolean|TimePoint")

_ABOUT_THE_FILE = {
    "XISF:CreationTime",
    "XISF:CreatorApplication",
    "XISF:CreatorModule",
    "XISF:CreatorOS",
    "XISF:BlockAlignmentSize",
    "XISF:MaxInlineBlockSize",
    "XISF:CompressionCodecs",
    "XISF:CompressionLevel",
}
"""Properties that describe how the source file was written: untrue of any other file."""

_LZ4_LIMIT = 0x7E000000
"""Bytes; LZ4 cannot compress a larger block."""

_DECLARATION = b"<?xml version='1.0' encoding='utf8'?>\n"
_STANDARD_DECLARATION = b"<?xml version='1.0' encoding='UTF-8'?>"
"""What the package writes, and what every XML parser understands, in as many bytes."""

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

    image_id: str
    keywords: tuple[Keyword, ...]
    properties: tuple[Mapping[str, Any], ...]
    file_properties: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class XisfImage:
    """The first image of an XISF file.

    Attributes
    ----------
    samples : ndarray, (H, W, K), uint8, uint16, uint32, float32 or float64
        As stored, in native byte order; possibly read-only, and a view on (K, H, W) in memory.
    bounds : (float, float) or None
        The values that a float image declares as black and white; None where it declares none
        (which means 0 and 1) and for integers (the range of their type).
    metadata : XisfMetadata
        What :func:`write` carries over.
    warnings : tuple of str
        One line for each thing that was not understood or will not be carried over.
    """

    samples: np.ndarray
    bounds: tuple[float, float] | None
    metadata: XisfMetadata
    warnings: tuple[str, ...]


def read(path: str | os.PathLike[str]) -> XisfImage:
    """Read the first image of an XISF file.

    Any channel count is read; which ones can be used is for the caller to say.

    Raises
    ------
    InputError
        If the file is missing, unreadable, not XISF, damaged, or holds no 2-D image of real
        samples.
    """
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise InputError("is a directory: give a file")
        if not stat.S_ISREG(mode):
            # Opening a pipe would wait for ever, and blocks are not in reading order.
            raise InputError("is not a regular file: save it to disk first")
        with open(path, "rb") as file:
            return _read(file)
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


def write(
    path: str | os.PathLike[str],
    pixels: np.ndarray,
    *,
    source: XisfImage | None = None,
    history: Sequence[str] = (),
    compress: bool = False,
) -> None:
    """Write an image as Float32 XISF with bounds 0:1, replacing the file if there is one.

    Parameters
    ----------
    pixels : ndarray, (H, W, K), float, K = 1 or 3
        In linear units; not mutated.
    source : XisfImage, optional
        Its keywords and properties are carried over; not mutated.
    history : sequence of str
        Each becomes a FITS HISTORY keyword, after those of the source.
    compress : bool
        LZ4HC with byte shuffling, unless that would not make the block smaller.

    Raises
    ------
    OutputError
        If the file cannot be written or the channels are not 1 or 3.
    """
    from xisf import XISF

    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise OutputError(
            f"{os.fspath(path)}: pixels of shape {pixels.shape} cannot be written: "
            "give (height, width, 1 or 3 channels)"
        )
    pixels = np.asarray(pixels, np.float32)
    metadata = source.metadata if source else XisfMetadata("image", (), (), ())
    lines = (Keyword("HISTORY", "", _NOT_XML.sub("\ufffd", line)) for line in history)
    keywords = [
        (keyword.name, [{"value": keyword.value, "comment": keyword.comment}])
        for keyword in (*metadata.keywords, *lines)
    ]
    codec = "lz4hc" if pixels.nbytes <= _LZ4_LIMIT else "zstd"
    try:
        XISF.write(
            os.fspath(path),
            pixels,
            creator_app=f"fastbg {_version()}",
            image_metadata={
                "id": metadata.image_id,
                # The package only iterates over items(), and a dict of lists could not keep
                # the order of repeated keywords among the others.
                "FITSKeywords": SimpleNamespace(items=lambda: keywords),
                "XISFProperties": dict(enumerate(metadata.properties)),
            },
            xisf_metadata={
                item["id"]: item
                for item in metadata.file_properties
                if item["id"] not in _ABOUT_THE_FILE
            },
            codec=codec if compress else None,
            shuffle=compress,
        )
        with open(path, "rb+") as file:
            file.seek(_PREAMBLE)
            if file.read(len(_DECLARATION)) == _DECLARATION:
                file.seek(_PREAMBLE)
                file.write(_STANDARD_DECLARATION)
    except OSError as error:
        raise OutputError(
            f"{Path(path).parent}: cannot write there ({error.strerror or error}): "
            "free some space or choose another folder"
        ) from error


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fastbg")
    except PackageNotFoundError:
        return "(not installed)"


def _read(file: BinaryIO) -> XisfImage:
    root = _header(file)
    images = root.findall("Image")
    if not images:
        raise InputError("holds no image: save it again from the program that made it")
    image = images[0]
    samples = _samples(file, image)
    warnings = list(_not_carried_over(root, image, len(images)))
    metadata = XisfMetadata(
        image_id=image.get("id", "image"),
        keywords=tuple(
            Keyword(item.get("name", ""), item.get("value", ""), item.get("comment", ""))
            for item in image.findall("FITSKeyword")
        ),
        properties=_properties(file, image.findall("Property"), warnings),
        file_properties=_properties(file, root.findall("Metadata/Property"), warnings),
    )
    return XisfImage(samples, _bounds(image, samples.dtype), metadata, tuple(warnings))


def _header(file: BinaryIO) -> ET.Element:
    """The XML header, its tags without namespace."""
    preamble = file.read(_PREAMBLE)
    if not preamble.startswith(_SIGNATURE):
        kind = next(
            (name for magic, name in _OTHER_FORMATS.items() if preamble.startswith(magic)),
            "not an XISF file",
        )
        raise InputError(f"is {kind}: convert it to XISF first")
    length = int.from_bytes(preamble[8:12], "little")
    if len(preamble) < _PREAMBLE or _PREAMBLE + length > blocks.file_size(file):
        raise InputError("is truncated inside its header: copy or download it again")
    try:
        # Some programs pad the header with zeros. The encoding is UTF-8 by definition, and files
        # of the xisf package call it "utf8", which the parser takes for a single-byte one.
        text = file.read(length).rstrip(b"\0")
        root = ET.fromstring(text, ET.XMLParser(encoding="utf-8"))
    except (ET.ParseError, ValueError, LookupError) as error:
        raise InputError(f"has a damaged XML header ({error}): copy or save it again") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _samples(file: BinaryIO, image: ET.Element) -> np.ndarray:
    from xisf import XISF

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
    try:
        dtype = XISF._parse_sampleFormat(image.attrib["sampleFormat"])
    except NotImplementedError:
        raise InputError(
            f"has samples of type {image.attrib['sampleFormat']}: "
            "save it as UInt8, UInt16, UInt32, Float32 or Float64"
        ) from None
    if image.get("colorSpace", "Gray") not in ("Gray", "RGB"):
        raise InputError(f"is in the colour space {image.get('colorSpace')}: convert it to RGB")
    storage = image.get("pixelStorage", "Planar").lower()
    if storage not in ("planar", "normal"):
        raise InputError(f"has the unknown pixel storage {storage}: save it as planar")
    flat = blocks.array(file, image, dtype, math.prod(sizes))
    if storage == "normal":
        return flat.reshape(height, width, channels)
    return flat.reshape(channels, height, width).transpose(1, 2, 0)


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


def _not_carried_over(root: ET.Element, image: ET.Element, images: int) -> Iterator[str]:
    if images > 1:
        yield f"only the first of {images} images is read"
    if image.find("ColorFilterArray") is not None:
        yield "an undebayered colour filter array frame is treated as mono"
    if image.get("colorSpace") == "Gray" and image.attrib["geometry"].endswith(":3"):
        yield "declared as gray with two further channels, taken as RGB"
    if "checksum" in image.attrib and blocks.checksum(image.attrib["checksum"])[0] is None:
        yield f"the unknown checksum {image.attrib['checksum'].partition(':')[0]} is not verified"
    elements = [item.tag for item in image if item.tag not in ("FITSKeyword", "Property", "Data")]
    elements += [item.tag for item in root if item.tag not in ("Image", "Metadata")]
    attributes = [name for name in ("imageType", "offset", "orientation") if name in image.attrib]
    if elements or attributes:
        yield "not carried over: " + ", ".join(dict.fromkeys([*elements, *attributes]))


def _properties(
    file: BinaryIO, elements: Sequence[ET.Element], warnings: list[str]
) -> tuple[Mapping[str, Any], ...]:
    properties = []
    for element in elements:
        try:
            properties.append(_property(file, element))
        except (InputError, KeyError, ValueError, NotImplementedError, MemoryError) as error:
            warnings.append(f"property {element.get('id')} is not carried over ({error})")
    return tuple(properties)


def _property(file: BinaryIO, element: ET.Element) -> dict[str, Any]:
    from xisf import XISF

    identifier, kind = element.attrib["id"], element.attrib["type"]
    kind = _LONG_NAMES.get(kind, kind)
    value: Any
    if kind == "String":
        if "location" in element.attrib:
            value = bytes(blocks.block(file, *blocks.description(element))).decode("utf-8")
            # A string may come from a block, but short ones are written into the header.
            value = _NOT_XML.sub("\ufffd", value)
        else:
            value = element.text or element.get("value", "")
    elif kind.endswith("Vector"):
        length = int(element.attrib["length"])
        value = blocks.array(file, element, XISF._parse_vector_dtype(kind), length)
    elif kind.endswith("Matrix"):
        shape = int(element.attrib["rows"]), int(element.attrib["columns"])
        dtype = XISF._parse_vector_dtype(kind)
        value = blocks.array(file, element, dtype, math.prod(shape)).reshape(shape)
    elif _SCALAR.fullmatch(kind):
        value = element.attrib["value"]
    else:
        raise InputError(f"type {kind}")
    return {"id": identifier, "type": kind, "value": value}

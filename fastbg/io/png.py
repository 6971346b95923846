"""PNG files, as masks alone: they hold no linear images."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import InputError
from .blocks import MOST_EXPANSION, BytesInMemory
from .image_file import ImageFile, PathLike, open_file, reading
from .keywords import Keyword
from .samples import StoredSamples

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MODES = {"1": "L", "L": "L", "I;16": "I;16", "I": "I;16", "RGB": "RGB"}
"""The modes of Pillow by which each mode of a PNG file is read."""


@dataclass(frozen=True)
class NoHeader:
    """Nothing that accompanies the pixels."""

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        return ()

    @property
    def format(self) -> None:
        return None

    @property
    def left_out(self) -> list[str]:
        return []


def is_png(path: PathLike) -> bool:
    """Whether a file begins like a PNG file; false where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def open_image(path: PathLike) -> ImageFile:
    """Read a PNG file; transparent pixels are black.

    Raises
    ------
    InputError
        If it cannot be read, or is damaged.
    """
    with reading(path), open(path, "rb") as file:
        try:
            pixels = _pixels(file)
        # It is nowhere documented which errors Pillow raises for damaged chunks.
        except Exception as error:
            raise InputError(f"is damaged ({error}): save it again") from error
        height, width, channels = pixels.shape
        block = BytesInMemory(pixels.reshape(-1).view(np.uint8))
        shape = channels, height, width
        samples = StoredSamples(block, shape, pixels.dtype, interleaved=channels)
        return ImageFile(None, NoHeader(), (), None, Path(path), open_file(path), samples)


def encoded(bands: Iterable[np.ndarray], shape: tuple[int, int]) -> Iterator[bytes]:
    """The bytes of a grey PNG file of 8 bits, piece by piece.

    Parameters
    ----------
    bands : iterable of ndarray, (n, W), uint8
        The rows from the top.
    shape : (H, W)
    """
    height, width = shape
    yield SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(6)
    for band in bands:
        # Each row begins with the number of its filter, none.
        if data := packer.compress(np.pad(band, ((0, 0), (1, 0))).tobytes()):
            yield _chunk(b"IDAT", data)
    yield _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pixels(file: IO[bytes]) -> np.ndarray:
    """(H, W, K)."""
    from PIL import Image as pil
    from PIL.PngImagePlugin import PngImageFile

    size = os.fstat(file.fileno()).st_size
    # Opened by its own class: the common one has a limit for all images, and a warning.
    picture: pil.Image = PngImageFile(file)
    if picture.width * picture.height > size * MOST_EXPANSION:
        raise ValueError(f"{picture.width} x {picture.height} pixels in {size} bytes")
    picture.load()
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        picture = pil.new("RGB", clear.size)
        picture.paste(clear, mask=clear.getchannel("A"))
    mode = _MODES.get(picture.mode, "RGB")
    pixels = np.asarray(picture if mode == picture.mode else picture.convert(mode))
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
        pixels = np.ascontiguousarray(pixels[..., :1])  # grey, as most programs save it
    return pixels

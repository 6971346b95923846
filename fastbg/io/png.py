"""PNG files, as masks alone: they hold no linear images."""

from __future__ import annotations

import os
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

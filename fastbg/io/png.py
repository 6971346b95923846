"""PNG files, as masks alone: they hold no linear images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from .blocks import HeldBytes
from .image_file import ImageFile, PathLike, open_file, reading
from .keywords import Keyword
from .samples import StoredSamples

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MODES = {"1": "L", "L": "L", "I;16": "I;16", "I": "I;16", "RGB": "RGB"}
"""What Pillow reads, and as what it is taken."""


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
    from PIL import Image as pil

    with reading(path):
        try:
            picture: pil.Image = pil.open(path, formats=["PNG"])
            picture.load()
        except (SyntaxError, ValueError, OSError, pil.DecompressionBombError) as error:
            raise InputError(f"is damaged ({error}): save it again") from error
        if picture.has_transparency_data:
            clear = picture.convert("RGBA")
            picture = pil.new("RGB", clear.size)
            picture.paste(clear, mask=clear.getchannel("A"))
        mode = _MODES.get(picture.mode, "RGB")
        pixels = np.asarray(picture if mode == picture.mode else picture.convert(mode))
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
            pixels = np.ascontiguousarray(pixels[..., :1])  # grey, as most programs save it
        height, width, channels = pixels.shape
        block = HeldBytes(pixels.reshape(-1).view(np.uint8))
        shape = channels, height, width
        samples = StoredSamples(block, shape, pixels.dtype, interleaved=channels)
        return ImageFile(None, NoHeader(), (), None, Path(path), open_file(path), samples)

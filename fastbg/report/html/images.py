"""Pictures as ``data:`` URIs, so that the page needs no other file."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import numpy as np

QUALITY = 90
"""The quality of JPEG files. Noise is still not smoothed, and a picture takes a tenth of a PNG."""


def jpeg(rgb: np.ndarray) -> str:
    """A photograph, (h, w, 3) uint8, as a JPEG file."""
    return _uri(rgb, "jpeg", quality=QUALITY, subsampling=0)


def png(rgb: np.ndarray) -> str:
    """A drawing, (h, w, 3) uint8, as a PNG file, which is lossless."""
    return _uri(rgb, "png", optimize=True)


def reduced(rgb: np.ndarray, width: int) -> np.ndarray:
    """The same picture, no wider than that many pixels."""
    from PIL import Image as pil

    picture = pil.fromarray(rgb)
    picture.thumbnail((width, rgb.shape[0]))
    return np.asarray(picture)


def _uri(rgb: np.ndarray, kind: str, **how: object) -> str:
    from PIL import Image as pil

    file = BytesIO()
    pil.fromarray(rgb).save(file, kind, **how)
    return f"data:image/{kind};base64,{b64encode(file.getvalue()).decode('ascii')}"

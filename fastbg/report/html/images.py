"""Pictures inside the page: as data: URIs."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

import numpy as np

from .markup import Markup, element

QUALITY = 90
"""Of JPEG: noise is not smoothed, and a picture takes a tenth of what PNG makes of it."""


def photograph(rgb: np.ndarray, alt: str, **attributes: object) -> Markup:
    """An image of (h, w, 3) uint8 colours, JPEG."""
    return _image(rgb, alt, "jpeg", attributes, quality=QUALITY, subsampling=0)


def drawing(rgb: np.ndarray, alt: str, **attributes: object) -> Markup:
    """An image of (h, w, 3) uint8 colours, exactly: PNG."""
    return _image(rgb, alt, "png", attributes, optimize=True)


def reduced(rgb: np.ndarray, width: int) -> np.ndarray:
    """The same picture, no wider than that many pixels."""
    from PIL import Image as pil

    picture = pil.fromarray(rgb)
    picture.thumbnail((width, rgb.shape[0]))
    return np.asarray(picture)


def _image(
    rgb: np.ndarray, alt: str, kind: str, attributes: dict[str, object], **how: object
) -> Markup:
    from PIL import Image as pil

    file = BytesIO()
    pil.fromarray(rgb).save(file, kind, **how)
    uri = f"data:image/{kind};base64,{b64encode(file.getvalue()).decode('ascii')}"
    height, width, _ = rgb.shape
    return element("img", src=uri, alt=alt, width=width, height=height, **attributes)

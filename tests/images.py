"""Images from planes, for tests that think in planes."""

from __future__ import annotations

import numpy as np

from fastbg import bands
from fastbg.image import Image

FLOAT32 = 2**-24
"""Half a unit in the last place: what rounding to float32 may change, relatively."""


def image_of(planes: np.ndarray) -> Image:
    """An image whose samples are these, (K, H, W)."""
    return Image.from_samples(np.moveaxis(planes, 0, 2))


def set_band_pixels(monkeypatch, pixels: int) -> None:
    """Make bands of about so many pixels."""
    monkeypatch.setattr(bands, "BAND_PIXELS", pixels)

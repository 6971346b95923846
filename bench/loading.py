"""The images of files, on the scale on which jobs see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def read(path: Path) -> np.ndarray:
    """The first image of a file, (H, W, K) float32, linear, where white is 1."""
    from fastbg.image.image import Image
    from fastbg.io import formats
    from fastbg.io.white import with_white

    with formats.open_image(path) as file:
        file.load()
        scaled = with_white(file)
        return np.moveaxis(Image.of(scaled, scaled.bounds).planes(), 0, 2)

"""The spline at full resolution, in row bands."""

from __future__ import annotations

import numpy as np

from ..backends.protocol import Backend
from ..image.image import Image
from ..image.stretch import Stretch
from ..spline.spline import Spline


def pixel_centres(size: int) -> np.ndarray:
    """Normalised coordinates of the pixels along one axis: (i + 0.5) / size."""
    return (np.arange(size) + 0.5) / size


def stretched_image(backend: Backend, spline: Spline, shape: tuple[int, int]) -> Image:
    """The spline at a shape (H, W), stretched: rendered where it is read."""
    y, x = map(pixel_centres, shape)

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        # A band of its own where `out` has more rows: planes are filled as one piece of memory.
        band = out if out.shape[1] == rows.stop - rows.start else _like(out, rows)
        backend.evaluate(spline, y[rows], x, band, 1)
        return band

    return Image(spline.weights.shape[1], shape, read)


def background_image(
    backend: Backend, spline: Spline, stretch: Stretch, shape: tuple[int, int]
) -> Image:
    """The background at a shape (H, W), linear: rendered where it is read."""
    stretched = stretched_image(backend, spline, shape)

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = stretched.read(rows, out)
        stretch.invert_in_place(band)
        return band

    return Image(stretched.channels, shape, read)


def _like(out: np.ndarray, rows: slice) -> np.ndarray:
    return np.empty((out.shape[0], rows.stop - rows.start, out.shape[2]), np.float32)

"""The spline at full resolution, in row bands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .backends.base import Backend
from .spline import Spline

BAND_PIXELS = 1 << 20
"""Pixels of a band: large enough to keep all threads busy, small enough to cost no memory."""


def pixel_centres(size: int) -> np.ndarray:
    """Normalised coordinates of the pixels along one axis: (i + 0.5) / size."""
    return (np.arange(size) + 0.5) / size


def row_bands(shape: tuple[int, int]) -> Iterator[slice]:
    """Cut an image (H, W) into bands of whole rows."""
    step = max(1, BAND_PIXELS // shape[1])
    return (slice(start, min(start + step, shape[0])) for start in range(0, shape[0], step))


def render_rows(
    backend: Backend, spline: Spline, shape: tuple[int, int], rows: slice, threads: int
) -> np.ndarray:
    """The rows of a spline rendered at a shape (H, W).

    Returns
    -------
    ndarray, (K, rows, W), float32, stretched
    """
    y, x = pixel_centres(shape[0])[rows], pixel_centres(shape[1])
    out = np.empty((spline.weights.shape[1], y.size, x.size), np.float32)
    backend.evaluate(spline, y, x, out, threads)
    return out

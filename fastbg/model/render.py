"""The model at full resolution, evaluated where it is read, in bands of rows."""

from __future__ import annotations

import numpy as np

from ..backends.protocol import Backend
from ..image.image import Image
from ..image.stretch import Stretch
from ..spline.spline import Spline


def pixel_centres(size: int) -> np.ndarray:
    """Normalised coordinates of the pixels along one axis: (i + 0.5) / size."""
    return (np.arange(size) + 0.5) / size


class Rendered:
    """A background on the pixels of an image, planned once and evaluated where it is read.

    Parameters
    ----------
    backend : Backend
    spline : Spline
    stretch : Stretch
        It leads from the space of the spline back to linear units.
    y, x : ndarray, (H,) and (W,), normalised
        The coordinates of all rows and columns.

    Attributes
    ----------
    stretched : Image, (K, H, W)
        The spline in its own space.
    linear : Image, (K, H, W)
        The background in linear units.
    """

    def __init__(
        self, backend: Backend, spline: Spline, stretch: Stretch, y: np.ndarray, x: np.ndarray
    ) -> None:
        self._rendering = backend.plan(spline, y, x)
        self._stretch, self._kernels = stretch, backend.kernels
        channels, shape = spline.weights.shape[1], (len(y), len(x))
        self.stretched = Image(channels, shape, self._read_stretched)
        self.linear = Image(channels, shape, self._read_linear)

    def close(self) -> None:
        """Give back what the evaluator holds; the images can no longer be read."""
        self._rendering.close()

    def _read_stretched(self, rows: slice, out: np.ndarray) -> np.ndarray:
        count = rows.stop - rows.start
        # A rendering fills planes that are one piece of memory.
        whole = out.shape[1] == count
        band = out if whole else np.empty((len(out), count, out.shape[2]), np.float32)
        self._rendering.rows(rows, band)
        return band

    def _read_linear(self, rows: slice, out: np.ndarray) -> np.ndarray:
        band = self._read_stretched(rows, out)
        self._stretch.invert_in_place(band, self._kernels)
        return band

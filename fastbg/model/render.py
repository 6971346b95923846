"""The model at full resolution, evaluated where it is read, in bands of rows."""

from __future__ import annotations

import numpy as np

from ..backends.protocol import Backend
from ..image.bayer import places
from ..image.image import Image
from ..image.stretch import Stretch
from ..spline.panels import Panels
from ..spline.spline import Spline
from .panels import planned


def pixel_centres(size: int) -> np.ndarray:
    """Normalised coordinates of the pixels along one axis: (i + 0.5) / size."""
    return (np.arange(size) + 0.5) / size


class Rendered:
    """A background on the pixels of an image, planned once and evaluated where it is read.

    Parameters
    ----------
    backend : Backend
    spline : Spline or Panels
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
        self,
        backend: Backend,
        spline: Spline | Panels,
        stretch: Stretch,
        y: np.ndarray,
        x: np.ndarray,
    ) -> None:
        self._rendering = planned(backend, spline, y, x)
        self._stretch, self._kernels = stretch, backend.kernels
        channels, shape = len(stretch.scale), (len(y), len(x))
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


class RenderedMosaic:
    """A background of three colours on the pixels of a Bayer mosaic, each colour on its own pixels.

    Parameters
    ----------
    backend, spline, stretch, y, x
        As for `Rendered`, of all rows and columns of the mosaic.
    pattern : str
        A pattern of `fastbg.image.patterns.BAYER_PATTERNS`.

    Attributes
    ----------
    linear : Image, (1, H, W)
        The background in linear units.
    """

    def __init__(
        self,
        backend: Backend,
        spline: Spline | Panels,
        stretch: Stretch,
        y: np.ndarray,
        x: np.ndarray,
        pattern: str,
    ) -> None:
        self._parts = [
            (
                (top, left),
                Rendered(
                    backend, spline.channel(colour), stretch.channel(colour), y[top::2], x[left::2]
                ),
            )
            for top, left, colour in places(pattern)
        ]
        self.linear = Image(1, (len(y), len(x)), self._read_linear)

    def close(self) -> None:
        """Give back what the evaluator holds; the image can no longer be read."""
        for _, part in self._parts:
            part.close()

    def _read_linear(self, rows: slice, out: np.ndarray) -> np.ndarray:
        out = out[:, : rows.stop - rows.start]
        for (top, left), part in self._parts:
            own = slice((rows.start + 1 - top) // 2, (rows.stop + 1 - top) // 2)
            if own.start < own.stop:
                out[:, 2 * own.start + top - rows.start :: 2, left::2] = part.linear.rows(own)
        return out

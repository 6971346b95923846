"""The sky of an image, and how much of each pixel is sky: found from the image itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..image.stretch import Stretch
from ..spline.spline import Spline
from .mesh import Cells, cells_of
from .selection import FITS as FITS
from .selection import PROTECTIONS, Surface, find_sky

NO_SKY = 0.01
"""The weight below which a pixel is excluded."""

OBJECT = 3.0
"""Deviations of the noise above the sky at which a pixel loses half its weight."""


@dataclass(frozen=True)
class Sky:
    """What was found.

    Attributes
    ----------
    stretch : Stretch
        Between linear units and the space of the splines, in which everything is linear too.
    cells : Cells
        Where it was searched for.
    surfaces : list of Surface
        They may bend more and more; the last one is the sky.
    weight : ndarray, (h, w, K), float32, in [0, 1]
        How much of each pixel is sky.
    """

    stretch: Stretch
    cells: Cells
    surfaces: list[Surface]
    weight: np.ndarray

    @property
    def surface(self) -> Surface:
        """The sky."""
        return self.surfaces[-1]

    @property
    def path(self) -> list[Spline]:
        """The surfaces as splines, to be evaluated anywhere."""
        return [each.splines.spline(each.coordinates) for each in self.surfaces]


def protect(
    linear: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    stretch: Stretch,
    how: str,
    watch: Callable[[int], None] = lambda done: None,
) -> Sky:
    """Find the sky.

    Parameters
    ----------
    linear : ndarray, (h, w, K); NaN = missing
        In the space of `stretch`, which must be a linear one.
    weight : ndarray, (h, w, K), float32, in [0, 1]
        What may be used at all; becomes how much of it is sky.
    y, x : ndarray, (h,) and (w,), normalised
    how : {"off", "auto", "strong"}
        How much is taken for an object.
    watch : callable, optional
        Called with the count of `FITS` that are done; what it raises ends the search.

    Raises
    ------
    InputError
        If too little of the image may be used.
    """
    cells = cells_of(linear, weight, y, x)
    sky = Sky(stretch, cells, find_sky(cells, PROTECTIONS[how], watch), weight)
    if how != "off":
        pixels = _pixel_weight(linear, cells, sky.surface)
        pixels[pixels < NO_SKY] = 0
        # Nowhere sky: the noise was underestimated, and the surface alone has to tell.
        if pixels.any():
            weight *= pixels
    return sky


def _pixel_weight(linear: np.ndarray, cells: Cells, sky: Surface) -> np.ndarray:
    """(h, w, 1), float32: that of the cells, and less for what is smaller, like stars."""
    height, width, channels = linear.shape
    noise = np.maximum(cells.noise * cells.side, np.finfo(np.float32).tiny)
    off = np.zeros((height, width), np.float32)
    for channel, scale in enumerate(noise):  # one at a time: these may be large
        surface = _enlarged(sky.values[:, channel], cells, (height, width))
        off += (linear[..., channel] - surface) / np.float32(channels * scale)
    np.nan_to_num(off, copy=False)
    np.clip(2 * (np.abs(off, out=off) - OBJECT), -30, 30, out=off)
    weight = _enlarged(sky.weight, cells, (height, width))
    return (np.clip(weight, 0, 1, out=weight) / (1 + np.exp(off, out=off)))[..., np.newaxis]


def _enlarged(values: np.ndarray, cells: Cells, shape: tuple[int, int]) -> np.ndarray:
    """(P,) of cells to (h, w), float32, linear between their centres."""
    plane = values.reshape(cells.shape).astype(np.float32)
    for axis, size in enumerate(shape):
        last = plane.shape[axis] - 1
        place = np.clip((np.arange(size) + 0.5) / cells.side - 0.5, 0, last)
        low = np.minimum(place.astype(int), max(last - 1, 0))
        part = np.expand_dims((place - low).astype(np.float32), 1 - axis)
        high = np.take(plane, np.minimum(low + 1, last), axis)
        high -= (low_values := np.take(plane, low, axis))
        high *= part
        plane = high
        plane += low_values
    return plane

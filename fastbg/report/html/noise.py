"""The background RMS: the robust standard deviation of the corrected image in a grid of boxes.

A plain sky has the same noise everywhere; a box with more noise holds light that is not sky.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from ...image.robust import robust_sigma
from .colours import SEQUENTIAL, colours, css
from .template import fill

BOXES = 12
"""The number of boxes along the longer side of the image."""

LEAST_SHARE = 0.25
"""The least part of a box that must be sky for the box to be measured."""

NARROWEST = 1.25
"""The colour scale spans at least the median divided and multiplied by this, so that even noise
looks even."""

UNKNOWN = "#262b34"
"""The colour of a box that has too little sky."""

BRIGHT = 0.55
"""Above this level of the colour scale, in [0, 1], a box has dark digits."""


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of the corrected image in a grid of boxes.

    Attributes
    ----------
    sigma : ndarray, (K, rows, columns), linear
        The robust standard deviation in each box; NaN where too little of it is sky.
    box : (height, width)
        The size of a box in pixels of the image.
    """

    sigma: np.ndarray
    box: tuple[float, float]

    @property
    def mean(self) -> np.ndarray:
        """(rows, columns): the mean over the channels."""
        return self.sigma.mean(axis=0)

    @property
    def median(self) -> float:
        """The median of the mean over the channels; NaN where no box has enough sky."""
        seen = self.mean[np.isfinite(self.mean)]
        return float(np.median(seen)) if seen.size else math.nan

    def quantiles(self, channel: int) -> np.ndarray:
        """(3,): the lowest, median and highest box of a channel; NaN where no box is known."""
        seen = self.sigma[channel][np.isfinite(self.sigma[channel])]
        return np.quantile(seen, [0, 0.5, 1]) if seen.size else np.full(3, math.nan)


def measure(planes: np.ndarray, shape: tuple[int, int]) -> Noise:
    """Measure the noise in each box.

    Parameters
    ----------
    planes : ndarray, (K, h, w), linear
        Every nth row and column of the corrected image; NaN where it is not sky.
    shape : (H, W)
        The shape of the whole image.
    """
    channels, *size = planes.shape
    side = max(shape) / BOXES
    counts = [min(n, max(1, round(extent / side))) for n, extent in zip(size, shape, strict=True)]
    edges = [
        np.linspace(0, n, boxes + 1).round().astype(int)
        for n, boxes in zip(size, counts, strict=True)
    ]
    sigma = np.empty((channels, *counts))
    for i, rows in enumerate(zip(edges[0], edges[0][1:], strict=False)):
        for j, columns in enumerate(zip(edges[1], edges[1][1:], strict=False)):
            for k, box in enumerate(planes[:, slice(*rows), slice(*columns)]):
                enough = np.isfinite(box).mean() >= LEAST_SHARE
                sigma[k, i, j] = robust_sigma(box) if enough else math.nan
    return Noise(sigma, (shape[0] / counts[0], shape[1] / counts[1]))


class Box(NamedTuple):
    """A box of the map; its value, in units of a power of ten, is None where too little is sky."""

    row: int
    column: int
    value: float | None
    fill: str
    bright: bool


def figure(noise: Noise) -> Markup:
    """The map of the boxes with its scale, and a table of the channels."""
    if not np.isfinite(noise.mean).any():
        return fill("noise.html.j2", boxes=[])
    middle, seen = noise.median, noise.mean[np.isfinite(noise.mean)]
    low = min(np.quantile(seen, 0.02), middle / NARROWEST)
    high = max(np.quantile(seen, 0.9), middle * NARROWEST)
    exponent = math.floor(math.log10(middle)) if middle > 0 else 0
    unit = 10.0**exponent
    levels = np.nan_to_num((noise.mean - low) / (high - low if high > low else math.inf))
    boxes = [
        Box(i, j, value / unit, css(colours(levels[i, j], SEQUENTIAL)), levels[i, j] > BRIGHT)
        if math.isfinite(value)
        else Box(i, j, None, UNKNOWN, False)
        for (i, j), value in np.ndenumerate(noise.mean)
    ]
    return fill(
        "noise.html.j2",
        noise=noise,
        boxes=boxes,
        low=low / unit,
        high=high / unit,
        exponent=exponent,
        anchors=SEQUENTIAL,
    )

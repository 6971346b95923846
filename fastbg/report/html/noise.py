"""The background RMS: how much the samples of the corrected image scatter, box by box.

A sky without gradient or object has the same noise everywhere; where a box has more, something is
in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from .colours import SEQUENTIAL, colours, css
from .template import fill

BOXES = 12
"""Along the longer side of the image."""

LEAST_SHARE = 0.25
"""Of a box that must be sky for it to be measured."""

MAD_TO_SIGMA = 1.4826
"""From the median absolute deviation of Gaussian noise to its standard deviation."""

NARROWEST = 1.25
"""The colours reach at least this far around the median, so that even noise looks even."""

UNKNOWN = "#262b34"
"""The colour of a box that has too little sky."""

BRIGHT = 0.55
"""From this level of its colour on, a box has dark digits."""


@dataclass(frozen=True)
class Noise:
    """Robust standard deviations of boxes of the corrected image.

    Attributes
    ----------
    sigma : ndarray, (K, rows, columns), linear; NaN where too little is sky
    box : (height, width)
        Of a box, in pixels of the image.
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
        """Lowest, median and highest box of a channel."""
        seen = self.sigma[channel][np.isfinite(self.sigma[channel])]
        return np.quantile(seen, [0, 0.5, 1]) if seen.size else np.full(3, math.nan)


def robust_sigma(values: np.ndarray) -> float:
    """1.4826 times the median absolute deviation from the median; NaN counts in nothing.

    Consistent for Gaussian noise: Rousseeuw and Croux, J. Am. Stat. Assoc. 88, 1273 (1993).
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def measure(planes: np.ndarray, shape: tuple[int, int]) -> Noise:
    """Measure each box.

    Parameters
    ----------
    planes : ndarray, (K, h, w), linear
        Samples of the corrected image, evenly spread over it; NaN where they are not sky.
    shape : (H, W)
        Of the whole image.
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
    """A box of the map; without a value where too little of it is sky."""

    row: int
    column: int
    value: float | None
    fill: str
    bright: bool


def figure(noise: Noise) -> Markup:
    """The boxes with their numbers, a scale, and what each channel measures."""
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

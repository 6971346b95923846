"""The background RMS: how much the samples of the corrected image scatter, box by box.

A sky without gradient or object has the same noise everywhere; where a box has more, something is
in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import words
from .colours import SEQUENTIAL, colours, css, gradient
from .markup import Markup, element

BOXES = 12
"""Along the longer side of the image."""

LEAST_SHARE = 0.25
"""Of a box that must be sky for it to be measured."""

MAD_TO_SIGMA = 1.4826
"""From the median absolute deviation of Gaussian noise to its standard deviation."""

NARROWEST = 1.25
"""The colours reach at least this far around the median, so that even noise looks even."""

CELL = 100
"""Size of a box in the drawing; texts are a part of it."""


@dataclass(frozen=True, eq=False)
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


def figure(noise: Noise) -> Markup:
    """The boxes with their numbers, a scale, and what each channel measures."""
    mean = noise.mean
    seen = mean[np.isfinite(mean)]
    if not seen.size:
        return element(
            "figure",
            element("h2", "Background RMS"),
            element("p", "Too little of the image is sky to measure it.", class_="note"),
        )
    middle = np.median(seen)
    low = min(np.quantile(seen, 0.02), middle / NARROWEST)
    high = max(np.quantile(seen, 0.9), middle * NARROWEST)
    exponent = math.floor(math.log10(middle)) if middle > 0 else 0
    unit = words.power(exponent)
    ends = [words.significant(value / 10.0**exponent) for value in (low, high)]
    return element(
        "figure",
        element("h2", "Background RMS"),
        _map(noise, (low, high), exponent),
        element(
            "div",
            element("span", ends[0]),
            element("i", style=gradient(SEQUENTIAL)),
            element("span", f"{ends[1]} {unit}"),
            class_="scale",
        ),
        element(
            "figcaption",
            f"Robust standard deviation of the corrected image in boxes of {noise.box[1]:.0f} "
            f"{words.TIMES} {noise.box[0]:.0f} pixels{words.mean_of(len(noise.sigma))}, in units "
            f"of {unit.removeprefix(words.TIMES).strip()} (linear). What the fit does not use "
            "counts in nothing. Even is good; more noise in a box means light in it that is not "
            "sky.",
        ),
        _table(noise),
    )


def _map(noise: Noise, span: tuple[float, float], exponent: int) -> Markup:
    low, high = span
    rows, columns = noise.mean.shape
    height = CELL * noise.box[0] / noise.box[1]
    cells = []
    for (i, j), value in np.ndenumerate(noise.mean):
        known = math.isfinite(value)
        level = (value - low) / (high - low) if known and high > low else 0.0
        fill = css(colours(np.array(level), SEQUENTIAL)) if known else "#262b34"
        text = words.significant(value / 10.0**exponent)
        cells.append(
            element(
                "g",
                element(
                    "title",
                    f"row {i + 1}, column {j + 1}: "
                    + (f"{text} {words.power(exponent)}" if known else "too little sky"),
                ),
                element(
                    "rect",
                    x=j * CELL,
                    y=f"{i * height:.2f}",
                    width=CELL,
                    height=f"{height:.2f}",
                    fill=fill,
                ),
                element(
                    "text",
                    text,
                    x=(j + 0.5) * CELL,
                    y=f"{(i + 0.5) * height:.2f}",
                    class_="on-bright" if level > 0.55 else "on-dark",
                ),
            )
        )
    return element(
        "svg",
        *cells,
        viewBox=f"0 0 {columns * CELL} {rows * height:.2f}",
        class_="boxes",
        style=f"--aspect:{columns * CELL / (rows * height):.4g}",
        role="img",
        aria_label=f"Map of the background RMS in {rows} rows of {columns} boxes",
    )


def _table(noise: Noise) -> Markup:
    rows = []
    for name, plane in zip(words.channels(len(noise.sigma)), noise.sigma, strict=True):
        seen = plane[np.isfinite(plane)]
        values = np.quantile(seen, [0, 0.5, 1]) if seen.size else [math.nan] * 3
        rows.append(
            element(
                "tr",
                element("th", name, scope="row", class_=f"channel {name.lower()}"),
                *(element("td", words.number(value, 3)) for value in values),
            )
        )
    heads = ("", "lowest box", "median box", "highest box")
    return element(
        "table",
        element("thead", element("tr", *(element("th", h, scope="col") for h in heads))),
        element("tbody", *rows),
    )

"""The histogram of the linear samples, with marks at the values that the settings choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...image.image import Image
from ...image.stretch import Stretch
from .page import CHANNELS, MUTED, PANEL, RULE, TEXT, Colour, Page, shorten
from .pictures import thin_out

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Pen

DOTTED, DASHED, SOLID, FROM, TO = "dotted", "dashed", "solid", "from", "to"
Mark = tuple[str, str, np.ndarray]
"""The name, the line style, and the linear value in each channel."""

REACH_BELOW = 6
"""The axis begins at most so many times the distance from median to quantile below the median."""

ROW = 28
"""Height of a line of the table, in pixels."""


def marked_values(
    stretch: Stretch, quantile: float, thresholds: tuple[float, float] | None
) -> list[Mark]:
    """The values that the settings choose, in linear units."""
    values = [
        ("minimum", DOTTED, stretch.pedestal),
        ("median", DASHED, stretch.pedestal + stretch.midtones * stretch.scale),
        (f"q {quantile:g}", SOLID, stretch.pedestal + stretch.scale),
    ]
    for name, style, limit in zip(("tmin", "tmax"), (FROM, TO), thresholds or (), strict=False):
        linear, _ = stretch.invert(np.full_like(stretch.pedestal, limit))
        values.append((f"{name} {limit:g}", style, linear))
    return values


@dataclass(frozen=True)
class _Plot:
    """The place of the axes on the page, in pixels, and the linear values at the ends of x."""

    left: int
    top: int
    right: int
    bottom: int
    low: float
    high: float

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.right - self.left, self.bottom - self.top

    def across(self, value: float) -> float:
        return self.left + (value - self.low) / (self.high - self.low) * self.size[0]


def draw(
    page: Page, box: tuple[int, int, int, int], image: Image, stretch: Stretch, marks: list[Mark]
) -> None:
    """Draw the histogram of the linear samples and, below it, a table of the marks.

    Parameters
    ----------
    page : Page
    box : (left, top, right, bottom), pixels on the page
    image : Image, linear
    stretch : Stretch
        The stretch of the image; it determines the range of the x axis.
    marks : list
        The result of `marked_values`.
    """
    left, top, right, bottom = box
    table = bottom - ROW * image.channels
    step, samples = thin_out(image)
    note = "number of samples, log scale" + (f"; 1 pixel in {step**2}" if step > 1 else "")
    page.label(left, top, right - left, "Histogram of linear values", note)

    plot = _Plot(left + 52, top, right, table - ROW - 52, *_span(stretch))
    page.pen.rectangle((plot.left, top, right - 1, plot.bottom), PANEL)
    _draw_counts(page, plot, samples)
    _draw_marks(page, plot, marks)
    for tick in ticks(plot.low, plot.high):
        x = plot.across(tick)
        page.pen.line((x, plot.bottom, x, plot.bottom + 6), MUTED)
        if plot.left + 20 < x < right - 20:
            page.text((x, plot.bottom + 24), f"{tick:.6g}", 14, MUTED, "ms")
    _draw_table(page, (left, plot.left, right), table, marks)


def _span(stretch: Stretch) -> tuple[float, float]:
    """The linear values at the ends of the axis.

    One dead pixel can lie far below the sky, so the axis does not always begin at the pedestal.
    """
    upper = stretch.pedestal + stretch.scale
    median = stretch.pedestal + stretch.midtones * stretch.scale
    low = np.maximum(stretch.pedestal, median - REACH_BELOW * (upper - median)).min()
    high = upper.max()
    return low - 0.04 * (high - low), high + 0.1 * (high - low)


def _draw_counts(page: Page, plot: _Plot, samples: list[np.ndarray]) -> None:
    """Draw rules at the powers of ten and a filled curve for each channel."""
    from PIL import Image as pil
    from PIL import ImageDraw

    width, height = plot.size
    bins = int(np.clip(max(values.size for values in samples) // 40, 40, width // 2))
    edges = np.linspace(plot.low, plot.high, bins + 1)
    counts = [np.histogram(values, edges)[0] for values in samples]
    top_level = np.log10(1 + max(10, *(c.max() for c in counts))) * 1.04

    for decade in range(int(top_level) + 1):
        y = plot.bottom - np.log10(1 + 10**decade) / top_level * height
        if y - plot.top > 8:
            page.pen.line((plot.left, y, plot.right - 1, y), RULE)
            page.text((plot.left - 10, y), f"{10**decade:,}", 13, MUTED, "rm")
    fine = 2  # Pillow draws without anti-aliasing: draw larger, then reduce
    for (_, colour), count in zip(CHANNELS[len(samples)], counts, strict=True):
        layer = pil.new("RGBA", (width * fine, height * fine), (*colour, 0))
        pen = ImageDraw.Draw(layer)
        x = (edges[:-1] + edges[1:] - 2 * plot.low) / 2 * width * fine / (plot.high - plot.low)
        y = (1 - np.log10(1 + count) / top_level) * height * fine
        curve = list(zip(x.tolist(), y.tolist(), strict=True))
        ends = [(curve[-1][0], float(height * fine)), (curve[0][0], float(height * fine))]
        pen.polygon(curve + ends, (*colour, 52))
        pen.line(curve, (*colour, 235), 3)
        layer = layer.reduce(fine)
        page.picture.paste(layer, (plot.left, plot.top), layer)


def _draw_marks(page: Page, plot: _Plot, marks: list[Mark]) -> None:
    """Draw a line at each value; a value below the axis gets an arrow and its name at the left."""
    y = plot.top + 20
    for name, style, values in marks:
        x = plot.left + 8.0
        for (_, colour), value in zip(CHANNELS[len(values)], values, strict=True):
            if value >= plot.low:
                _draw_line(page.pen, style, plot.across(value), plot.top, plot.bottom, colour)
            else:
                x += page.text((x, y), "<", 16, colour) + 3
        if (values < plot.low).any():
            page.text((x + 4, y), name, 14, MUTED)
            y += 20


def _draw_line(pen: Pen, style: str, x: float, top: float, bottom: float, colour: Colour) -> None:
    """Draw a vertical line; those of thresholds are brackets around the values that are used."""
    on, off = {DOTTED: (2, 3), DASHED: (6, 4)}.get(style, (bottom - top, 1))
    start = top
    while start < bottom:
        pen.line((x, start, x, min(start + on, bottom)), colour)
        start += on + off
    if style in (FROM, TO):
        reach = 7 if style == FROM else -7
        for y in (top, bottom):
            pen.line((x, y, x + reach, y), colour, 3)


def _draw_table(page: Page, edges: tuple[int, int, int], top: int, marks: list[Mark]) -> None:
    """Draw the names of the channels between the first two edges, then a column for each mark."""
    left, start, right = edges
    channels = CHANNELS[len(marks[0][2])]
    lines = [top + ROW * (k + 1) - 2 for k in range(len(channels))]
    column = (right - start) / len(marks)
    for i, (name, style, values) in enumerate(marks):
        x = start + i * column
        _draw_line(page.pen, style, x + 4, top - 16, top + 2, TEXT)
        page.text((x + 18, top), shorten(name, 15, column - 22), 15, MUTED)
        for y, (_, colour), value in zip(lines, channels, values, strict=True):
            page.text((x + 18, y), f"{value:.4g}", 17, colour)
    for y, (name, colour) in zip(lines, channels, strict=True):
        page.text((left + 16, y), name, 17, colour)


def ticks(low: float, high: float) -> np.ndarray:
    """Round values between the two, about six."""
    rough = (high - low) / 6
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda n: abs(n * power - rough))
    values: np.ndarray = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0
    return values

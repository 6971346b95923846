"""How often each linear value occurs, before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import words
from .markup import Markup, element
from .noise import robust_sigma
from .plot import RIGHT, WIDTH, Plot, chart

BINS = 140
BELOW, ABOVE = 8, 14
"""Where the axis ends, in robust deviations from the medians, unless the samples end before."""

PANEL, GAP, FOOT = 128, 30, 48


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts of linear values.

    Attributes
    ----------
    edges : ndarray, (bins + 1,), linear
    counts : mapping of {"Before", "After"} to ndarray, (K, bins)
    medians : mapping, likewise, (K,), linear
    step : int
        One of each step x step pixels is counted.
    """

    edges: np.ndarray
    counts: dict[str, np.ndarray]
    medians: dict[str, np.ndarray]
    step: int


def measure(before: np.ndarray, after: np.ndarray, step: int) -> Histograms:
    """Count the samples of both, (K, h, w), linear, NaN where missing, on one axis."""
    lows, highs, medians = [], [], {}
    values = {
        name: [plane[np.isfinite(plane)] for plane in planes]
        for name, planes in (("Before", before), ("After", after))
    }
    for name, channels in values.items():
        medians[name] = np.array([np.median(v) if v.size else np.nan for v in channels])
        for samples, middle in zip(channels, medians[name], strict=True):
            if samples.size:
                sigma = robust_sigma(samples)
                lows.append(max(samples.min(), middle - BELOW * sigma))
                highs.append(min(samples.max(), middle + ABOVE * sigma))
    low, high = (min(lows), max(highs)) if lows else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts = {
        name: np.array([np.histogram(samples, edges)[0] for samples in channels])
        for name, channels in values.items()
    }
    return Histograms(edges, counts, medians, step)


def figure(histograms: Histograms) -> Markup:
    """Two charts above one axis."""
    edges = histograms.edges
    middles = (edges[1:] + edges[:-1]) / 2
    highest = max(int(counts.max()) for counts in histograms.counts.values())
    top = np.log10(1 + max(10, highest)) * 1.06
    decades = [float(10**n) for n in range(int(top) + 1)]
    parts: list[Markup] = []
    start = 22.0
    for name, counts in histograms.counts.items():
        plot = Plot((edges[0], edges[-1]), (0, top), start, start + PANEL)
        rules = [float(np.log10(1 + n)) for n in decades]
        parts.append(plot.y_axis(rules, lambda level: words.count(round(10**level - 1))))
        names = words.channels(len(counts))
        for channel, count in zip(names, np.log10(1 + counts), strict=True):
            parts.append(plot.area(middles, count, channel.lower()))
            parts.append(plot.curve(middles, count, channel.lower()))
        for channel, median in zip(names, histograms.medians[name], strict=True):
            if edges[0] <= median <= edges[-1]:
                parts.append(plot.mark(median, channel.lower()))
        parts.append(element("text", name, x=WIDTH - RIGHT, y=start - 7, class_="panel-name"))
        start += PANEL + GAP
    parts.append(plot.x_axis("linear value (0 = black, 1 = white)"))
    of = f" One of {histograms.step}² pixels is counted." if histograms.step > 1 else ""
    return element(
        "figure",
        element("h2", "Histograms"),
        chart(
            start - GAP + FOOT,
            "Histograms of the linear values of each channel, before and after",
            *parts,
        ),
        element(
            "figcaption",
            "Samples on a logarithmic scale; the dashed lines are the medians. A gradient makes "
            f"the peak of the sky wide, so After should be narrower.{of}",
        ),
    )

"""Histograms of the linear values, before and after the correction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ...image.robust import robust_sigma
from . import words
from .plot import Plot
from .template import fill

BINS = 140
BELOW, ABOVE = 8, 14
"""How far the axis reaches below the lowest and above the highest median, in robust standard
deviations, unless the samples end before."""

HEAD, PANEL, GAP, FOOT = 22, 128, 30, 48


@dataclass(frozen=True, eq=False)
class Histograms:
    """Counts of linear values per bin.

    Attributes
    ----------
    edges : ndarray, (bins + 1,), linear
    counts : mapping of {"Before", "After"} to ndarray, (K, bins)
    medians : mapping of {"Before", "After"} to ndarray, (K,), linear
    step : int
        Every step-th row and column is counted.
    """

    edges: np.ndarray
    counts: dict[str, np.ndarray]
    medians: dict[str, np.ndarray]
    step: int


def measure(before: np.ndarray, after: np.ndarray, step: int) -> Histograms:
    """Count the samples of two images, (K, h, w), linear, NaN where missing, in the same bins."""
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
    """The histograms before and after, one above the other, with a common x axis."""
    edges = histograms.edges
    highest = max(int(counts.max()) for counts in histograms.counts.values())
    top = np.log10(1 + max(10, highest)) * 1.06
    panels = []
    for i, (name, counts) in enumerate(histograms.counts.items()):
        start = HEAD + i * (PANEL + GAP)
        classes = [channel.lower() for channel in words.channels(len(counts))]
        medians = zip(classes, histograms.medians[name], strict=True)
        panels.append(
            {
                "name": name,
                "plot": Plot((edges[0], edges[-1]), (0, top), start, start + PANEL),
                "curves": list(zip(classes, np.log10(1 + counts), strict=True)),
                "medians": [each for each in medians if edges[0] <= each[1] <= edges[-1]],
            }
        )
    return fill(
        "histograms.html.j2",
        panels=panels,
        middles=(edges[1:] + edges[:-1]) / 2,
        rules=[(np.log10(1 + 10**n), words.count(10**n)) for n in range(int(top) + 1)],
        height=start + PANEL + FOOT,
        step=histograms.step,
    )

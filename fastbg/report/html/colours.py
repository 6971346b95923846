"""Colours for numbers, on a dark page."""

from __future__ import annotations

import numpy as np

DIVERGING = np.array(
    [(150, 205, 255), (52, 118, 190), (18, 22, 29), (190, 82, 48), (255, 190, 150)]
)
"""Blue below zero, nearly the colour of the page at zero, orange above it."""

SEQUENTIAL = np.array(
    [(24, 30, 58), (36, 72, 118), (34, 122, 134), (82, 168, 118), (190, 200, 92), (250, 228, 140)]
)
"""The colours go from dark blue to bright yellow in even steps of lightness."""


def colours(values: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Values, clamped to [0, 1], as colours between the anchors: (...,) to (..., 3) uint8."""
    at = np.linspace(0, 1, len(anchors))
    mixed = [np.interp(values, at, anchor) for anchor in anchors.T]
    return np.asarray(np.stack(mixed, axis=-1) + 0.5, np.uint8)


def css(colour: np.ndarray) -> str:
    """A colour, (3,) uint8, as ``#rrggbb``."""
    return "#" + bytes(colour.tolist()).hex()


def gradient(anchors: np.ndarray) -> str:
    """The scale as a CSS background, from left to right."""
    return f"background:linear-gradient(to right,{','.join(map(css, anchors))})"

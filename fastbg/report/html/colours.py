"""Colours for numbers, on a dark page."""

from __future__ import annotations

import numpy as np

DIVERGING = np.array(
    [(150, 205, 255), (52, 118, 190), (18, 22, 29), (190, 82, 48), (255, 190, 150)]
)
"""From below zero, blue, over zero, nearly the colour of the page, to above it, orange."""

SEQUENTIAL = np.array(
    [(24, 30, 58), (36, 72, 118), (34, 122, 134), (82, 168, 118), (190, 200, 92), (250, 228, 140)]
)
"""Dark to bright, in steps of lightness."""


def colours(values: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Values in [0, 1], held there, as uint8 colours: (...,) to (..., 3)."""
    at = np.linspace(0, 1, len(anchors))
    mixed = [np.interp(values, at, anchor) for anchor in anchors.T]
    return np.asarray(np.stack(mixed, axis=-1) + 0.5, np.uint8)


def css(colour: np.ndarray) -> str:
    """``#rrggbb``."""
    return "#" + bytes(colour.tolist()).hex()


def gradient(anchors: np.ndarray) -> str:
    """The scale as a CSS background, from left to right."""
    return f"background:linear-gradient(to right,{','.join(map(css, anchors))})"

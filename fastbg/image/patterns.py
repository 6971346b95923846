"""The Bayer patterns, apart from what works on pixels: settings name them without numpy."""

from __future__ import annotations

BAYER_PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
"""The colours of 2 x 2 pixels, row by row."""

X_TRANS = "XTRANS"
"""What stands for the pattern of 6 x 6 pixels of Fujifilm's sensors, however a file spells it."""


def shifted(pattern: str, rows: int, columns: int) -> str:
    """The pattern as it goes on from some row and column of its mosaic, in either direction."""
    places = ((rows + y, columns + x) for y in (0, 1) for x in (0, 1))
    return "".join(pattern[2 * (row % 2) + column % 2] for row, column in places)

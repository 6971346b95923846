"""The Bayer patterns, apart from what works on pixels: settings name them without numpy."""

from __future__ import annotations

BAYER_PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
"""The colours of 2 x 2 pixels, row by row."""

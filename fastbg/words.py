"""Numbers in words, which are the same wherever they are printed."""

from __future__ import annotations

import re

SIZE = "a size like 350MB or 2GB"


def bytes_of(text: str) -> int:
    """The number of bytes of a size like 350MB.

    Raises
    ------
    ValueError
        For other texts.
    """
    match = re.fullmatch(r"([0-9.]+) ?([kmg])b?", text.strip().lower())
    if not match:
        raise ValueError(f"{text} is not {SIZE}")
    return int(float(match[1]) * 1000 ** (1 + "kmg".index(match[2])))


def format_bytes(count: int | None) -> str:
    """A number of bytes in GB, MB or, of little, kB."""
    if count is None:
        return "unknown"
    if count < 1e7:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def explained_by_sky(explained: float) -> str:
    """The share of the usable frame, in [0, 1], that the sky which was found explains."""
    return f"{100 * explained:.3g} % of the usable frame lies on the fitted sky"

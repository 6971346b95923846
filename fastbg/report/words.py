"""Facts of a report in words, which are the same wherever they are printed."""

from __future__ import annotations


def explained_by_sky(explained: float) -> str:
    """The share of the usable frame, in [0, 1], that the sky which was found explains."""
    return f"{100 * explained:.3g} % of the usable frame lies on the fitted sky"

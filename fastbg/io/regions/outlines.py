"""Outlines as a region file of DS9, to be edited and given as a mask."""

from __future__ import annotations

from collections.abc import Iterable

from ...image.outlines import Outline

HEAD = "# Region file format: DS9 version 4.1\nglobal color=cyan\nimage\n"


def regions_text(outlines: Iterable[Outline]) -> str:
    """The text of a region file.

    Parameters
    ----------
    outlines : iterable of Outline
        In pixels as the file of the image stores them; that of the first one is (1, 1) in DS9.
    """
    lines = (
        f"ellipse({each.x + 1:.2f},{each.y + 1:.2f},{each.major:.2f},{each.minor:.2f},"
        f"{each.angle % 180:.2f}) # text={{{each.name}}}\n"
        for each in outlines
    )
    return HEAD + "".join(lines)

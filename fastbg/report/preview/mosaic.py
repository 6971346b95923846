"""The picture of a mosaic: before and after, with the borders of its panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...image.image import Image
from ...model.correction import Correction
from ..mosaic import Pictures
from .marks import OVERHANG, draw_outlines
from .page import CONTENT, GAP, MARGIN, MUTED, Colour, Page, is_wide, size_in
from .pictures import SkyLevels, display_stretches, missing_as_nan, resample, to_rgb

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

TALLEST = 1500
"""The largest height of each picture, in pixels."""

BORDER: Colour = (255, 190, 70)


def draw(shown: Pictures, level: np.ndarray, *, title: str, captions: Sequence[str]) -> Picture:
    """Draw a mosaic before and after, around the same sky, (K,) linear.

    Returns
    -------
    PIL.Image.Image, RGB, 1600 pixels wide
    """
    from PIL import Image as pil

    before, taken = (
        Image.from_samples(np.moveaxis(each.astype(np.float32), 0, 2))
        for each in (shown.panels, shown.filled(level))
    )
    correction = Correction(before, taken, "subtract", level)
    after = missing_as_nan(correction.corrected(), before)
    page = Page()
    page.heading(title, captions)
    page.y += 3 * GAP
    stacked = is_wide(before)
    room = CONTENT if stacked else (CONTENT - GAP) // 2
    size = size_in((TALLEST, room), before.shape)
    planes = [resample(before, size, np.isfinite), resample(after, size, np.isfinite)]
    stretches = display_stretches(planes[0], SkyLevels.of(correction, level))
    layer = _lines(shown, before.shape, size)
    x = MARGIN
    for name, each, stretch in zip(("Before", "After"), planes, stretches, strict=True):
        page.label(x, page.y, room, name)
        picture = pil.fromarray(to_rgb(stretch.apply(each)))
        picture.paste(layer, (0, 0), layer)
        page.picture.paste(picture, (x, page.y))
        x, page.y = (x, page.y + size[0] + 3 * GAP) if stacked else (x + room + GAP, page.y)
    page.y += -3 * GAP if stacked else size[0]
    page.y += GAP + 12
    lines = "Both pictures show the sky in the same grey, and have the same contrast. "
    lines += "Thin lines are the borders of the panels"
    lines += ", and outlines those of objects that were protected." if shown.protected else "."
    page.text((MARGIN, page.y), lines, 15, MUTED)
    return page.finished()


def _lines(shown: Pictures, shape: tuple[int, int], size: tuple[int, int]) -> Picture:
    """The borders of the panels and outlines, as a transparent layer."""
    from PIL import Image as pil
    from PIL import ImageDraw

    height, width = size
    scale = np.array(size) / shape
    outlines = [(name, points / shape) for name, points in shown.protected]
    around = draw_outlines(size, outlines)
    layer = pil.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(layer)
    for _, lines in shown.borders:
        for line in lines * scale:
            pen.line([tuple(end) for end in np.minimum(line, np.array(size) - 1)[:, ::-1]], BORDER)
    layer.alpha_composite(around.crop((OVERHANG, OVERHANG, OVERHANG + width, OVERHANG + height)))
    return layer

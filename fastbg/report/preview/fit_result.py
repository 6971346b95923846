"""The result of the fit: before, model and after, each drawn around its own sky."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...image.image import Image
from .page import CHANNELS, CONTENT, GAP, MARGIN, MUTED, NARROWEST_COLUMN, Page, is_wide, size_in
from .pictures import STRETCHED, SkyLevels, display_stretches, resample, to_rgb

HEIGHT = 900
"""Largest height of each picture, in pixels."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The result of a fit.

    Attributes
    ----------
    background, corrected : Image, linear
        Images of the size of the input; NaN = missing.
    centres : ndarray, (N, 2)
        The fitted control points, normalised (y, x).
    medians : mapping of {"input", "background", "corrected"} to sequence of float
        The median of each channel, linear.
    sky : SkyLevels
    """

    background: Image
    corrected: Image
    centres: np.ndarray
    medians: Mapping[str, Sequence[float]]
    sky: SkyLevels


def draw(page: Page, before: Image, fitted: Fitted) -> None:
    """Draw before, model and after below `page.y`, each around its own sky."""
    from PIL import Image as pil

    images = {
        "Before": (before, fitted.medians["input"]),
        "Model": (fitted.background, fitted.medians["background"]),
        "After": (fitted.corrected, fitted.medians["corrected"]),
    }
    stacked = is_wide(before)
    room = CONTENT if stacked else (CONTENT - (len(images) - 1) * GAP) // len(images)
    size = size_in((HEIGHT, room), before.shape)
    panels = [
        resample(before, size),
        resample(fitted.background, size, np.isfinite),
        resample(fitted.corrected, size, np.isfinite),
    ]
    first, last = display_stretches(panels[0], fitted.sky)
    x = MARGIN
    for (name, (_, medians)), planes in zip(images.items(), panels, strict=True):
        stretch = last if name == "After" else first
        page.label(x, page.y, room, name)
        _draw_medians(page, x + max(size[1], NARROWEST_COLUMN), medians)
        page.picture.paste(pil.fromarray(to_rgb(stretch.apply(planes))), (x, page.y))
        if stacked:
            page.y += size[0] + 3 * GAP
        else:
            x += room + GAP
    page.y += -3 * GAP if stacked else size[0]
    page.y += GAP + 12
    page.text((MARGIN, page.y), STRETCHED, 15, MUTED)


def _draw_medians(page: Page, right: float, medians: Sequence[float]) -> None:
    """Write the median of each channel just above `page.y`, ending at the right."""
    named = zip(CHANNELS[len(medians)], medians, strict=True)
    for (_, colour), median in reversed(list(named)):
        right -= 16 + page.text((right, page.y - 12), f"{median:.4g}", 15, colour, "rs")
    page.text((right, page.y - 12), "median", 15, MUTED, "rs")

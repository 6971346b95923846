"""Before, model and after, each drawn around its own sky; one of them is shown at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from ...image.image import Image, is_valid
from ...image.stretch import Stretch
from ...model.correction import Correction
from ..preview.pictures import STRETCHED, SkyLevels, display_stretches, to_rgb
from .images import reduced
from .means import block_means
from .template import fill

BOX = (1080, 1440)
"""Largest height and width of a picture, in pixels. This is more than a page shows, because images
are reduced by whole factors, which leaves as little as half of it."""

STRIP = 64
"""Rows that are stretched at a time, which bounds the temporary copies."""

BUTTON = 240
"""Width of the small pictures on the buttons, in pixels."""

Shape = tuple[str, str, str]
"""What is drawn on a picture: its kind, its name and its path, as SVG has it."""


@dataclass(frozen=True, eq=False)
class Views:
    """The input, the background and the corrected image as they are drawn.

    Attributes
    ----------
    before, model, after : ndarray, (h, w, 3), uint8
    """

    before: np.ndarray
    model: np.ndarray
    after: np.ndarray


def together(correction: Correction) -> Image:
    """The input, its background and the corrected image as one image of 3 K channels, linear.

    Input and corrected image are NaN where samples are missing: 0 is a valid level of the latter.
    """
    channels = correction.image.channels

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        room, count = out.reshape(3, channels, *out.shape[1:]), rows.stop - rows.start
        bands = correction.read(rows, room)
        missing = ~is_valid(bands[0])
        for own, band in zip(room, bands, strict=True):
            own[:, :count] = band
        for own in room[::2]:
            own[:, :count][missing] = np.nan
        return out[:, :count]

    return Image(3 * channels, correction.image.shape, read)


def look(image: Image, sky: SkyLevels, threads: int) -> Views:
    """Draw the three images that `together` joined, which are read once, in bands."""
    height, width = image.shape
    factor = -(-max(height * BOX[1], width * BOX[0]) // (BOX[0] * BOX[1]))
    planes = np.split(block_means(image, factor, threads), 3)
    first, last = display_stretches(planes[0], sky)
    return Views(*map(_on_screen, planes, (first, first, last)))


def _on_screen(planes: np.ndarray, stretch: Stretch) -> np.ndarray:
    tops = range(0, planes.shape[1], STRIP)
    return np.concatenate([to_rgb(stretch.apply(planes[:, top : top + STRIP])) for top in tops])


def figure(
    views: Views,
    name: str,
    image: Mapping[str, Any],
    protected: Any = (),
    shapes: Sequence[Shape] = (),
) -> Markup:
    """The pictures on top of each other, and the buttons that switch them.

    Parameters
    ----------
    views : Views
    name : str
        That of the image.
    image, protected
        Those of the report: its size, and the outlines that are drawn on the pictures.
    shapes : sequence of Shape
        What else is drawn on them, in the same pixels.
    """
    pictures = {
        "before": (views.before, f"{name} before the correction"),
        "model": (views.model, "The fitted background"),
        "after": (views.after, f"{name} after the correction"),
    }
    return fill(
        "views.html.j2",
        pictures=[(key, rgb, reduced(rgb, BUTTON), alt) for key, (rgb, alt) in pictures.items()],
        stretch=STRETCHED,
        size=image,
        protected=protected,
        shapes=shapes,
    )

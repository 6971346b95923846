"""Before, model and after under one stretch, one of which is shown at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ...image.image import Image
from ...image.stretch import Stretch
from ...model.correction import Correction
from ..preview.pictures import describe, display_stretch, to_rgb
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


@dataclass(frozen=True, eq=False)
class Views:
    """The input, the background and the corrected image under one display stretch.

    Attributes
    ----------
    before, model, after : ndarray, (h, w, 3), uint8
    stretch : str
        A description of the stretch for people.
    """

    before: np.ndarray
    model: np.ndarray
    after: np.ndarray
    stretch: str


def together(correction: Correction) -> Image:
    """The input, its background and the corrected image as one image of 3 K channels, linear."""
    channels = correction.image.channels

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        room, count = out.reshape(3, channels, *out.shape[1:]), rows.stop - rows.start
        for own, band in zip(room, correction.read(rows, room), strict=True):
            own[:, :count] = band
        return out[:, :count]

    return Image(3 * channels, correction.image.shape, read)


def look(image: Image, threads: int) -> Views:
    """Draw the three images that `together` joined, which are read once, in bands."""
    height, width = image.shape
    factor = -(-max(height * BOX[1], width * BOX[0]) // (BOX[0] * BOX[1]))
    planes = np.split(block_means(image, factor, threads), 3)
    stretch = display_stretch(*planes)
    before, model, after = (_on_screen(each, stretch) for each in planes)
    return Views(before, model, after, describe(stretch))


def _on_screen(planes: np.ndarray, stretch: Stretch) -> np.ndarray:
    tops = range(0, planes.shape[1], STRIP)
    return np.concatenate([to_rgb(stretch.apply(planes[:, top : top + STRIP])) for top in tops])


def figure(views: Views, name: str) -> Markup:
    """The pictures on top of each other, and the buttons that switch them."""
    pictures = {
        "before": (views.before, f"{name} before the correction"),
        "model": (views.model, "The fitted background"),
        "after": (views.after, f"{name} after the correction"),
    }
    return fill(
        "views.html.j2",
        pictures=[(key, rgb, reduced(rgb, BUTTON), alt) for key, (rgb, alt) in pictures.items()],
        stretch=views.stretch,
    )

"""Before, model and after under one stretch, to be switched in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ...image.image import Image
from ...image.stretch import Stretch
from ...model.correction import Correction
from ..preview.pictures import display_stretch, to_rgb
from .images import reduced
from .means import block_means
from .template import fill

BOX = (1080, 1440)
"""Greatest height and width of a picture, in pixels: more than a page shows, since whole blocks of
pixels become one, which leaves up to half of it."""

STRIP = 64
"""Rows that are brought to the screen at a time."""

BUTTON = 240
"""Width of the small pictures that choose."""


@dataclass(frozen=True)
class Views:
    """Pictures on one scale.

    Attributes
    ----------
    before, model, after : ndarray, (h, w, 3), uint8
    black : str
        Whether the channels share one; empty for a mono image.
    """

    before: np.ndarray
    model: np.ndarray
    after: np.ndarray
    black: str


def together(correction: Correction) -> Image:
    """The channels of an image, its background and the corrected image as those of one image."""
    channels = correction.image.channels

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        room, count = out.reshape(3, channels, *out.shape[1:]), rows.stop - rows.start
        for own, band in zip(room, correction.read(rows, room), strict=True):
            own[:, :count] = band
        return out[:, :count]

    return Image(3 * channels, correction.image.shape, read)


def look(image: Image, threads: int) -> Views:
    """Draw what is `together` in an image, read once in bands."""
    height, width = image.shape
    factor = -(-max(height * BOX[1], width * BOX[0]) // (BOX[0] * BOX[1]))
    planes = np.split(block_means(image, factor, threads), 3)
    stretch = display_stretch(*planes)
    before, model, after = (_on_screen(each, stretch) for each in planes)
    black = ""
    if image.channels > 3:
        linked = np.ptp(stretch.pedestal) == 0
        black = ", one black for all channels" if linked else ", the sky of Before drawn grey"
    return Views(before, model, after, black)


def _on_screen(planes: np.ndarray, stretch: Stretch) -> np.ndarray:
    tops = range(0, planes.shape[1], STRIP)
    return np.concatenate([to_rgb(stretch.apply(planes[:, top : top + STRIP])) for top in tops])


def figure(views: Views, name: str) -> Markup:
    """The pictures in one place, and what switches them."""
    pictures = {
        "before": (views.before, f"{name} as it came"),
        "model": (views.model, "The fitted background"),
        "after": (views.after, f"{name} without its background"),
    }
    return fill(
        "views.html.j2",
        pictures=[(key, rgb, reduced(rgb, BUTTON), alt) for key, (rgb, alt) in pictures.items()],
        black=views.black,
    )

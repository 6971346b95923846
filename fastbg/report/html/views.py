"""Before, model and after under one stretch, to be switched in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


def look(correction: Correction, threads: int) -> Views:
    """Draw an image, its background and the corrected image, read once in bands."""
    height, width = correction.image.shape
    factor = -(-max(height * BOX[1], width * BOX[0]) // (BOX[0] * BOX[1]))
    planes = np.split(block_means(_together(correction), factor, threads), 3)
    stretch = display_stretch(*planes)
    before, model, after = (_on_screen(each, stretch) for each in planes)
    black = ""
    if correction.image.channels > 1:
        linked = np.ptp(stretch.pedestal) == 0
        black = ", one black for all channels" if linked else ", the sky of Before drawn grey"
    return Views(before, model, after, black)


def _on_screen(planes: np.ndarray, stretch: Stretch) -> np.ndarray:
    tops = range(0, planes.shape[1], STRIP)
    return np.concatenate([to_rgb(stretch.apply(planes[:, top : top + STRIP])) for top in tops])


def _together(correction: Correction) -> Image:
    """The channels of all three, one image after the other, read and rendered once."""
    channels = correction.image.channels

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        room, count = out.reshape(3, channels, *out.shape[1:]), rows.stop - rows.start
        for own, band in zip(room, correction.read(rows, room), strict=True):
            own[:, :count] = band
        return out[:, :count]

    return Image(3 * channels, correction.image.shape, read)


def figure(views: Views, name: str) -> str:
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

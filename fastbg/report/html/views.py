"""Before, model and after under one stretch, to be switched in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...image.image import Image
from ...image.stretch import Stretch
from ...model.correction import Correction
from ..preview.pictures import display_stretch, to_rgb
from .images import photograph, reduced
from .markup import Markup, element
from .means import block_means

BOX = (1080, 1440)
"""Greatest height and width of a picture, in pixels: more than a page shows, since whole blocks of
pixels become one, which leaves up to half of it."""

STRIP = 64
"""Rows that are brought to the screen at a time."""

BUTTON_WIDTH = 240


@dataclass(frozen=True, eq=False)
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


def figure(views: Views, name: str) -> Markup:
    """The pictures in one place, and what switches them.

    Radio buttons choose, so that it works without a script; the script adds the keys and the
    blinking.
    """
    pictures = {"before": views.before, "model": views.model, "after": views.after}
    alts = {
        "before": f"{name} as it came",
        "model": "The fitted background",
        "after": f"{name} without its background",
    }
    radios = [
        element(
            "input", type="radio", name="view", id=f"view-{key}", value=key, checked=key == "after"
        )
        for key in pictures
    ]
    shown = [photograph(rgb, alts[key], class_=key) for key, rgb in pictures.items()]
    labels = [
        element(
            "label",
            photograph(reduced(rgb, BUTTON_WIDTH), ""),
            element("span", key.capitalize(), " ", element("kbd", str(position))),
            for_=f"view-{key}",
        )
        for position, (key, rgb) in enumerate(pictures.items(), 1)
    ]
    blink = element(
        "button",
        element("span", "Blink ", element("kbd", "B")),
        element("small", "before and after, in turn"),
        id="blink",
        type="button",
        aria_pressed="false",
    )
    return element(
        "section",
        element("h2", "Before, model, after"),
        element(
            "div",
            *radios,
            element("div", *shown, class_="screen", title="Click: before / after"),
            element("div", *labels, blink, class_="choice"),
            class_="views",
        ),
        element(
            "p",
            f"One stretch for all three pictures{views.black}. Click the picture to switch between "
            "before and after. The model should show the gradient and nothing of the object.",
            class_="note",
        ),
    )

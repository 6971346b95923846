"""Before, model and after under one stretch, to be switched in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..correction import Correction
from ..preview.page import size_in
from ..preview.pictures import display_stretch, resample, to_rgb
from .images import photograph, reduced
from .markup import Markup, element

BOX = (900, 1180)
"""Greatest height and width of a picture, in pixels."""

BUTTON_WIDTH = 240


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


def look(correction: Correction) -> Views:
    """Draw an image, its background and the corrected image, each read once in bands."""
    images = (correction.image, correction.background, correction.corrected())
    size = size_in(BOX, correction.image.shape)
    planes = [resample(image, size) for image in images]
    stretch = display_stretch(*planes)
    before, model, after = (to_rgb(stretch.apply(each)) for each in planes)
    black = ""
    if correction.image.channels > 1:
        linked = np.ptp(stretch.pedestal) == 0
        black = ", one black for all channels" if linked else ", the sky of Before drawn grey"
    return Views(before, model, after, black)


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

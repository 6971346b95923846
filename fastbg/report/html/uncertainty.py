"""How sure the model is, and what gradient there was and is left."""

from __future__ import annotations

import numpy as np

from ...diagnostics import Diagnostics
from . import words
from .colours import SEQUENTIAL, colours, gradient
from .images import drawing
from .markup import Markup, element

ENLARGED = 10
"""Pixels of the picture, per side, for one cell."""

BRIGHTEST = 0.98
"""Quantile of the map at which its colours end: corners, beyond which there is no sky, stand out
far."""


def figure(diagnostics: Diagnostics) -> Markup:
    """The map, its scale, and what each channel measures."""
    mean = diagnostics.uncertainty.mean(axis=2)
    highest = float(np.quantile(mean, BRIGHTEST)) or 1.0
    picture = np.kron(np.nan_to_num(mean / highest), np.ones((ENLARGED, ENLARGED)))
    end = words.number(highest, 2)
    columns = zip(
        words.channels(len(diagnostics.gradient_before)),
        diagnostics.gradient_before,
        diagnostics.gradient_after,
        np.moveaxis(diagnostics.uncertainty, 2, 0),
        strict=True,
    )
    rows = [
        element(
            "tr",
            element("th", name, scope="row", class_=f"channel {name.lower()}"),
            *(element("td", words.number(value, 3)) for value in numbers),
        )
        for name, before, after, plane in columns
        for numbers in [(before, after, np.median(plane), plane.max())]
    ]
    heads = ("", "gradient before", "after", "model ±, median", "highest")
    return element(
        "figure",
        element("h2", "Uncertainty of the model"),
        drawing(
            colours(picture, SEQUENTIAL),
            f"Map of the standard deviation of the model, up to {end}",
            style=f"--aspect:{mean.shape[1] / mean.shape[0]:.4g}",
        ),
        element(
            "div",
            element("span", "0"),
            element("i", style=gradient(SEQUENTIAL)),
            element("span", end),
            class_="scale",
        ),
        element(
            "figcaption",
            "By how much the model changes when parts of the frame are left out of the fit: its "
            f"standard deviation, linear{words.mean_of(len(diagnostics.noise))}. Bright where no "
            "sky is near. A nebula that fills the whole frame cannot be seen here. Gradients are "
            "the standard deviations of what is smooth in the sky.",
        ),
        element(
            "table",
            element("thead", element("tr", *(element("th", h, scope="col") for h in heads))),
            element("tbody", *rows),
        ),
    )

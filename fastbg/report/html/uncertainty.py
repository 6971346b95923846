"""The uncertainty of the model, and the gradient before and after."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from ...diagnostics import Diagnostics
from .colours import SEQUENTIAL, colours
from .template import fill

ENLARGED = 10
"""Pixels of the picture along each side of a cell."""

BRIGHTEST = 0.98
"""The colour scale ends at this quantile of the map, because a corner without sky can have many
times the uncertainty of the rest."""


def figure(diagnostics: Diagnostics) -> Markup:
    """The map with its scale, and a table of the channels."""
    mean = diagnostics.uncertainty.mean(axis=2)
    highest = float(np.quantile(mean, BRIGHTEST)) or 1.0
    picture = np.kron(np.nan_to_num(mean / highest), np.ones((ENLARGED, ENLARGED)))
    return fill(
        "uncertainty.html.j2",
        rgb=colours(picture, SEQUENTIAL),
        highest=highest,
        anchors=SEQUENTIAL,
        before=diagnostics.gradient_before,
        after=diagnostics.gradient_after,
        rms=diagnostics.uncertain,
        largest=diagnostics.uncertainty.max(axis=(0, 1)),
    )

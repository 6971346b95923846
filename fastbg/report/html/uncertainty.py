"""How sure the model is, and what gradient there was and is left."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from ...diagnostics import Judgement
from .colours import SEQUENTIAL, colours
from .template import fill

ENLARGED = 10
"""Pixels of the picture, per side, for one cell."""

BRIGHTEST = 0.98
"""Quantile of the map at which its colours end: corners, beyond which there is no sky, stand out
far."""


def figure(judgement: Judgement) -> Markup:
    """The map, its scale, and what each channel measures."""
    mean = judgement.uncertainty.mean(axis=2)
    highest = float(np.quantile(mean, BRIGHTEST)) or 1.0
    picture = np.kron(np.nan_to_num(mean / highest), np.ones((ENLARGED, ENLARGED)))
    return fill(
        "uncertainty.html.j2",
        rgb=colours(picture, SEQUENTIAL),
        highest=highest,
        anchors=SEQUENTIAL,
        before=judgement.before,
        after=judgement.after,
        median=np.median(judgement.uncertainty, axis=(0, 1)),
        largest=judgement.uncertainty.max(axis=(0, 1)),
    )

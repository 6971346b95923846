"""The chart of the loss over the iterations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from ..preview.histogram import ticks
from . import words
from .plot import Plot
from .template import fill

HEIGHT = 300


def figure(fit: Mapping[str, Any]) -> Markup:
    """The curve of the best start, from the ``fit`` of a report (see `fastbg.report`)."""
    losses, iterations = np.array(fit["history"]), fit["iterations"]
    # The report keeps them evenly spaced, from the first to the last.
    at = np.linspace(1, iterations, len(losses)).round()
    low, high = float(losses.min()), float(losses.max())
    room = 0.06 * (high - low) or 0.5
    plot = Plot((0, max(1, iterations)), (low - room, high + room), top=12, bottom=HEIGHT - 48)
    return fill(
        "loss.html.j2",
        fit=fit,
        plot=plot,
        height=HEIGHT,
        rules=[(value, words.number(value, 6)) for value in ticks(*plot.y)],
        points=plot.points(at, losses),
    )

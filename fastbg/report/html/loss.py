"""The loss over the iterations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..preview.histogram import ticks
from . import words
from .markup import Markup, element
from .plot import Plot, chart

HEIGHT = 300


def figure(fit: Mapping[str, Any]) -> Markup:
    """The curve of the best start, from the ``fit`` of a report (see `fastbg.report.report`)."""
    losses, iterations = np.array(fit["history"]), fit["iterations"]
    # The report keeps them evenly spaced, from the first to the last.
    at = np.linspace(1, iterations, len(losses)).round()
    low, high = float(losses.min()), float(losses.max())
    room = 0.06 * (high - low) or 0.5
    plot = Plot((0, max(1, iterations)), (low - room, high + room), top=12, bottom=HEIGHT - 48)
    best = words.number(fit["loss"], 5)
    starts = [words.number(loss, 5) for loss in fit["losses_of_starts"]]
    more = f" Lowest loss of each start: {', '.join(starts)}." if len(starts) > 1 else ""
    return element(
        "figure",
        element("h2", "Loss"),
        chart(
            HEIGHT,
            f"The loss from {words.number(fit['first_loss'])} to {best} in {iterations} steps",
            plot.y_axis(ticks(*plot.y), lambda value: words.number(value, 6)),
            plot.curve(at, losses, "loss"),
            plot.x_axis("iteration"),
        ),
        element(
            "figcaption",
            f"From {words.number(fit['first_loss'], 5)} to {best}, lower is better. A curve that "
            f"still falls wants more iterations.{more}",
        ),
    )

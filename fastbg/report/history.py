"""What images tell of how they were made, in their FITS HISTORY."""

from __future__ import annotations

import textwrap

from ..fit import Fit
from ..io.image_file import White
from ..io.made import MADE, Made
from ..result import Applied
from ..settings.settings import WITHOUT_EFFECT, Settings
from ..settings.text import HISTORY_WIDTH, to_history
from ..spline.panels import Panels
from ..version import version
from .idle import APPLIED


def history(
    settings: Settings, made_by: Fit | Applied, white: White | None = None, reference: str = ""
) -> dict[Made, list[str]]:
    """Lines for the FITS HISTORY of each image: what it is, and the settings that repeat it.

    ``white`` is told where no declaration and no type of the file decides it, and ``reference`` is
    the name of one.
    """
    told = {k: v for k, v in settings.to_dict().items() if k not in WITHOUT_EFFECT}
    if isinstance(made_by, Applied):
        scale = " ".join(f"{factor:.4g}" for factor in made_by.scale)
        what = f"of the model {made_by.file or 'given'}, scaled by {scale}"
        told = {name: told[name] for name in APPLIED if name in told}
    else:
        what = f"{len(made_by.spline.centres)} control points"
        if isinstance(made_by.spline, Panels):
            what += f" in {len(made_by.spline.splines)} panels"
        if made_by.descent.reason != "chosen":
            what += f", loss {made_by.descent.loss:.4f}"
    if reference:
        what += f", with the reference {reference}"
    if white and white.how in ("guessed", "given"):
        what += f", white {white.value:.17g} ({white.how})"
    return {
        name: [
            *textwrap.wrap(f"fastbg {version()}: {made}, {what}", HISTORY_WIDTH),
            *to_history(told),
        ]
        for name, made in MADE.items()
    }

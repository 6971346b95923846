"""A picture to choose settings by and to judge a fit by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import fit_input, fit_result, histogram
from .fit_input import FitInput as FitInput
from .fit_result import Fitted as Fitted
from .marks import Samples as Samples
from .page import GAP, MARGIN, NARROWEST_COLUMN, WIDTH, Page, is_wide
from .pictures import SkyLevels as SkyLevels
from .pictures import missing_as_nan as missing_as_nan

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LOWEST_HISTOGRAM = 460


def draw(
    shown: FitInput, fitted: Fitted | None = None, *, title: str, captions: Sequence[str] = ()
) -> Picture:
    """Draw the input of a fit and, if it is given, the result.

    The upper part shows the stretched image with the excluded parts and the control points, beside
    the histogram of the linear samples, in which the values of the settings are marked. The lower
    part shows before, model and after, each around its own sky.

    Parameters
    ----------
    shown : FitInput
    fitted : Fitted, optional
    title : str
        One line; it is cut with an ellipsis where it is too long.
    captions : sequence of str
        Lines below the title; they are wrapped.

    Returns
    -------
    PIL.Image.Image, RGB, 1600 pixels wide
    """
    page = Page()
    page.heading(title, captions)
    moved = fitted.centres if fitted else None

    page.y += 3 * GAP
    top = page.y
    height, width = fit_input.draw(page, shown, moved)
    left, bottom = MARGIN, top + height
    if is_wide(shown.image):
        top = bottom + 3 * GAP
    else:
        left += max(width, NARROWEST_COLUMN) + 2 * GAP
    bottom = max(bottom, top + LOWEST_HISTOGRAM)
    marks = histogram.marked_values(shown.stretch, shown.quantile, shown.thresholds)
    box = (left, top, WIDTH - MARGIN, bottom)
    histogram.draw(page, box, shown.image, shown.stretch, marks)
    page.y = bottom + GAP
    fit_input.draw_legend(page, shown, moved)
    if fitted:
        page.y += 3 * GAP
        fit_result.draw(page, shown.image, fitted)
    return page.finished()

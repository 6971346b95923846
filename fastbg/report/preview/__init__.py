"""One picture to choose settings by and to judge a fit by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...image.image import Image
from ...image.stretch import Stretch
from . import fit_input, fit_result, histogram
from .fit_result import Fitted as Fitted
from .page import GAP, MARGIN, NARROWEST_COLUMN, WIDTH, Page, is_wide

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LOWEST_HISTOGRAM = 460


def draw(
    before: Image,
    stretch: Stretch,
    stretched: np.ndarray,
    weight: np.ndarray,
    centres: np.ndarray,
    *,
    quantile: float,
    thresholds: tuple[float, float] | None = None,
    fitted: Fitted | None = None,
    title: str,
    captions: Sequence[str] = (),
) -> Picture:
    """Draw the input of a fit and, if there is one, its result.

    The upper part shows the stretched image as the fit sees it, with what is excluded and the
    control points, beside the histogram of the linear samples and the values that the settings
    stand for. The lower part shows before, model and after under one stretch.

    Parameters
    ----------
    before : Image, linear
    stretch : Stretch
        Measured on `before` with `quantile`.
    stretched : ndarray, (h, w, K), stretched; NaN = missing
    weight : ndarray, (h, w, K), in [0, 1], 1 = used
    centres : ndarray, (N, 2)
        Initial control points, normalised (y, x).
    quantile : float
        In [0, 1]; the one that the stretch maps to 1.
    thresholds : (tmin, tmax), optional
        Limits on the stretched values between which pixels are used.
    fitted : Fitted, optional
    title : str
        One line; cut with an ellipsis where it is too long.
    captions : sequence of str
        Lines below the title, wrapped.

    Returns
    -------
    PIL.Image.Image, RGB, 1600 pixels wide
    """
    page = Page()
    page.heading(title, captions)
    moved = fitted.centres if fitted else None

    page.y += 3 * GAP
    top = page.y
    height, width = fit_input.draw(page, before, stretched, weight, centres, moved)
    left, bottom = MARGIN, top + height
    if is_wide(before):
        top = bottom + 3 * GAP
    else:
        left += max(width, NARROWEST_COLUMN) + 2 * GAP
    bottom = max(bottom, top + LOWEST_HISTOGRAM)
    marks = histogram.marked_values(stretch, quantile, thresholds)
    histogram.draw(page, (left, top, WIDTH - MARGIN, bottom), before, stretch, marks)
    page.y = bottom + GAP
    fit_input.draw_legend(page, stretched, weight, centres, moved)
    if fitted:
        page.y += 3 * GAP
        fit_result.draw(page, before, fitted)
    return page.finished()

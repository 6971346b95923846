"""The picture of a result on an array, for notebooks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..pipeline import Job
from ..result import Corrected, Measured
from .given import opened, reference_of, weights_of
from .outlines import outlines_of_array
from .preview import draw, drawn_result
from .results import AppliedResult, ArrayResult

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def plot(result: ArrayResult | AppliedResult, title: str = "") -> Picture:
    """Draw a result: the input of the fit with what was excluded, before, model and after.

    In a notebook, the picture is shown where it is the last value of a cell; ``.save("sky.png")``
    writes it.

    Parameters
    ----------
    result : ArrayResult or AppliedResult
        What `remove_background` or `apply` returned. The image that it was made from is read
        again; of a model that was applied, only before, model and after are drawn.
    title : str, optional

    Returns
    -------
    PIL.Image.Image, RGB, 1600 pixels wide

    Raises
    ------
    InputError
        If it is the result of a job on files, which holds no pixels, or something else.
    """
    if not isinstance(result, ArrayResult | AppliedResult):
        raise InputError(
            f"a {type(result).__name__} holds no pixels to plot: give the result of "
            "remove_background or apply; preview_file draws files"
        )
    _, frame = opened(result.given)
    outlines, _ = outlines_of_array(result.given.image, frame, result.given.settings)
    frame = replace(frame, outlines=outlines)
    with Job(result.given.settings) as job:
        if isinstance(result, AppliedResult):
            measured = job.measure(frame.image)
            plan = job.plan(frame, result.model, measured)
            corrected = job.correct(plan, lambda *rows: None)
            return _three(title or "Result", measured, corrected)
        weights = weights_of(result.given, frame, [])
        points, reference = result.given.samples, reference_of(result.given, frame)
        prepared = job.prepare(frame, *weights, points, reference)
        plan = job.plan(frame, result.model, prepared.measured, result.fit.levels)
        corrected = job.correct(plan, lambda *rows: None)
        return draw(title or "Result", prepared, job.settings, result, corrected)


def _three(title: str, measured: Measured, corrected: Corrected) -> Picture:
    """Before, model and after alone."""
    from ..report.preview import fit_result
    from ..report.preview.page import GAP, Page

    page = Page()
    page.heading(title, [])
    page.y += 3 * GAP
    shown = drawn_result(measured, corrected, np.empty((0, 2)))
    fit_result.draw(page, corrected.plan.correction.image, shown)
    return page.finished()

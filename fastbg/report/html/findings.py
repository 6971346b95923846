"""What the page shows beyond the report: measured on the images while they can still be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...backends.protocol import choose
from ...diagnostics import Judgement
from ...model.correction import Correction
from ...result import Prepared, Result
from ...settings.settings import Settings
from ..preview.pictures import thinned
from . import histograms, noise, residual, views


@dataclass(frozen=True)
class Findings:
    """Pictures and measurements of a finished fit; none is larger than a screen."""

    views: views.Views
    residual: residual.Residual
    judgement: Judgement
    noise: noise.Noise
    histograms: histograms.Histograms


def examine(
    prepared: Prepared, result: Result, correction: Correction, settings: Settings
) -> Findings:
    """Read the images once more, in bands, and keep what the page shows.

    Parameters
    ----------
    prepared : Prepared
        What was fitted.
    result : Result
        Of the fit.
    correction : Correction
    settings : Settings
    """
    shape, factor = correction.image.shape, settings.downscaling_factor
    step, before = thinned(correction.image)
    _, after = thinned(correction.corrected())
    # Of the blocks of pixels that the fit has weighed.
    y, x = (np.arange(0, size, step) // factor for size in shape)
    problem = prepared.problem
    used = np.moveaxis(problem.weight[np.ix_(y, x)], 2, 0) > 0
    return Findings(
        views.look(correction, settings.worker_threads),
        residual.measure(problem, result.model, prepared.stretch, choose(settings.backend)[1]),
        result.judgement,
        noise.measure(np.where(used, after, np.float32(np.nan)), shape),
        histograms.measure(before, after, step),
    )

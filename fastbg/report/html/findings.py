"""The pictures and measurements that the page shows beside the numbers of the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...backends.protocol import choose
from ...diagnostics import Judgement
from ...model.correction import Correction
from ...result import Prepared, Result
from ...settings.settings import Settings
from ..preview.pictures import thinning, thinning_step
from . import histograms, noise, residual, views


@dataclass(frozen=True)
class Findings:
    """Pictures and measurements of a finished fit, none of them larger than a screen."""

    views: views.Views
    residual: residual.Residual
    judgement: Judgement
    noise: noise.Noise
    histograms: histograms.Histograms


def examine(
    prepared: Prepared, result: Result, correction: Correction, settings: Settings
) -> Findings:
    """Read the input and the corrected image once, in bands, and measure what the page shows."""
    shape, factor = correction.image.shape, settings.downscaling_factor
    together, samples = thinning(views.together(correction))
    seen = views.look(together, settings.worker_threads)
    before, _, after = np.split(samples, 3)
    # The noise of the sky is that of the pixels which the fit uses.
    step = thinning_step(shape)
    y, x = (np.arange(0, size, step) // factor for size in shape)
    problem = prepared.problem
    used = np.moveaxis(problem.weight[np.ix_(y, x)], 2, 0) > 0
    return Findings(
        seen,
        residual.measure(problem, result.model, prepared.stretch, choose(settings.backend)[1]),
        result.judgement,
        noise.measure(np.where(used, after, np.float32(np.nan)), shape),
        histograms.measure(before, after, step),
    )

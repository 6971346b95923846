"""The pictures and measurements that the page shows beside the numbers of the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...diagnostics import Diagnostics
from ...image.bands import thinning_step
from ...pipeline import Job
from ...result import Fitted, Plan, Prepared
from ..preview.pictures import STATISTICS_SAMPLES, SkyLevels, thinning
from . import histograms, noise, residual, views


@dataclass(frozen=True)
class Findings:
    """Pictures and measurements of a finished fit, none of them larger than a screen."""

    views: views.Views
    residual: residual.Residual
    diagnostics: Diagnostics
    noise: noise.Noise
    histograms: histograms.Histograms


def examine(prepared: Prepared, fitted: Fitted, plan: Plan, job: Job) -> Findings:
    """Read the input and the corrected image once, in bands, and measure what the page shows."""
    correction, shape = plan.correction, plan.correction.image.shape
    factor = job.settings.factor(shape)
    together, samples = thinning(views.together(correction), np.isfinite)
    sky = SkyLevels.of(correction, plan.background.median)
    seen = views.look(together, sky, job.threads)
    before, _, after = np.split(samples, 3)
    # The noise of the sky is that of the pixels which the fit uses.
    step = thinning_step(shape, STATISTICS_SAMPLES)
    y, x = (np.arange(0, size, step) // factor for size in shape)
    problem = prepared.problem
    used = np.moveaxis(problem.weight[np.ix_(y, x)], 2, 0) > 0
    return Findings(
        seen,
        residual.measure(problem, fitted.model, prepared.stretch, job.backend),
        fitted.diagnostics,
        noise.measure(np.where(used, after, np.float32(np.nan)), shape),
        histograms.measure(before, after, step),
    )

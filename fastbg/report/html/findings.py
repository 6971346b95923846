"""What the page shows beyond the report: measured on the images while they can still be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...diagnostics import Diagnostics
from ...pipeline import Job
from ...result import Fitted, Plan, Prepared
from ..preview.pictures import thinned
from . import histograms, noise, residual, views


@dataclass(frozen=True)
class Findings:
    """Pictures and measurements of a finished fit; none is larger than a screen."""

    views: views.Views
    residual: residual.Residual
    diagnostics: Diagnostics
    noise: noise.Noise
    histograms: histograms.Histograms


def examine(prepared: Prepared, fitted: Fitted, plan: Plan, job: Job) -> Findings:
    """Read the images once more, in bands, and keep what the page shows.

    Parameters
    ----------
    prepared : Prepared
        The problem that was fitted.
    fitted : Fitted
    plan : Plan
    job : Job
    """
    correction, settings = plan.correction, job.settings
    shape, factor = correction.image.shape, settings.downscaling_factor
    step, before = thinned(correction.image)
    _, after = thinned(correction.corrected())
    # The weights of the blocks of pixels that the fit has seen.
    y, x = (np.arange(0, size, step) // factor for size in shape)
    problem = prepared.problem
    used = np.moveaxis(problem.weight[np.ix_(y, x)], 2, 0) > 0
    return Findings(
        views.look(correction, job.threads),
        residual.measure(problem, fitted.model, prepared.stretch, job.backend),
        fitted.diagnostics,
        noise.measure(np.where(used, after, np.float32(np.nan)), shape),
        histograms.measure(before, after, step),
    )

"""The picture of a fit, before or after it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from ..fit import starting_points
from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.report import Report, describe
from ..result import Corrected, Fitted, Measured, Prepared
from ..samples.sky import SampledSky
from ..settings.options import Options
from ..settings.settings import Settings
from .arguments import GivenReference, GivenSamples, Masks, Source, as_path, merged, public
from .memory import MaxMemory
from .outputs import Outputs
from .source import prepare, read

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from ..report.preview import Fitted as DrawnResult
    from ..report.preview import Samples as DrawnSamples


@public
def preview_file(
    path: Source,
    output: str | Path,
    *,
    mask: Masks = None,
    sky: Masks = None,
    samples: GivenSamples = None,
    reference: GivenReference = None,
    fit: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> Report:
    """Write a PNG of what a fit would see: the stretched image, the mask, the control points.

    Parameters and errors as for `process_file`; ``output`` is the PNG. With ``fit``, it also shows
    before, model and after.

    Returns
    -------
    dict
        The report; without ``fit``, the part that is known before one: see `fastbg.report.report`.
    """
    settings = merged(settings, options)
    path, outputs = as_path(path), Outputs({"preview": output}, overwrite=overwrite)

    with Job(settings, progress) as job, ExitStack() as files:
        source = read(
            *(job, path, mask, sky, outputs, files),
            samples=samples,
            reference=reference,
            max_memory=max_memory,
            draws=True,
            shows_result=fit,
            corrects=fit,
        )
        prepared, fitted, corrected = prepare(job, source), None, None
        preparation = prepared.preparation()
        if fit:
            fitted = job.fit(prepared)
            plan = job.plan(source.frame, fitted.model, preparation.measured, fitted.fit.levels)
            corrected = job.correct(plan, lambda *rows: None)
        with job.stages.stage("write"):
            picture = draw(path.name, prepared, job.settings, fitted, corrected)
            outputs.stage(files)
            picture.save(outputs.parts["preview"], format="png")
            files.close()
        about = source.about(outputs.targets)
        return describe(job, source.frame, preparation, fitted, corrected, about)


def draw(
    title: str,
    prepared: Prepared,
    settings: Settings,
    fitted: Fitted | None = None,
    corrected: Corrected | None = None,
) -> Picture:
    """The preview of an image, with its result if there is one."""
    from ..report import preview
    from ..report.preview.captions import captions

    # The control points of a sky that was found are a grid, and stay.
    points = moved = np.empty((0, 2))
    if settings.control_points and fitted:
        points, moved = fitted.fit.start.centres, fitted.spline.centres
    elif settings.control_points:
        points = starting_points(prepared.problem, settings)[0]
    result = drawn_result(prepared.measured, corrected, moved) if corrected else None
    shown = preview.FitInput(
        prepared.frame.image,
        prepared.stretch,
        prepared.problem.data,
        prepared.problem.weight,
        points,
        settings.quantile,
        (settings.threshold_min, settings.threshold_max),
        _samples_of(prepared),
        [
            (each.name, (each.points() + 0.5) / prepared.frame.image.shape)
            for each in prepared.frame.outlines
        ],
    )
    return preview.draw(shown, result, title=title, captions=captions(prepared, settings, fitted))


def _samples_of(prepared: Prepared) -> DrawnSamples | None:
    """The marks of the samples, if the sky goes through some."""
    from ..report import preview

    if not isinstance(prepared.sky, SampledSky):
        return None
    samples = prepared.sky.samples
    height = prepared.frame.image.shape[0]
    return preview.Samples(samples.places, samples.points.radius / height, prepared.sky.fit.used)


def drawn_result(measured: Measured, corrected: Corrected, centres: np.ndarray) -> DrawnResult:
    """The part of a preview that shows before, model and after; `measured` is the input."""
    from ..report import preview

    plan, correction = corrected.plan, corrected.plan.correction
    levels = {"input": measured, "background": plan.background, "corrected": corrected.measured}
    return preview.Fitted(
        correction.background,
        preview.missing_as_nan(correction.corrected(), correction.image),
        centres,
        {name: each.median.tolist() for name, each in levels.items()},
        preview.SkyLevels.of(correction, plan.background.median),
    )

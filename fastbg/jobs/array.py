"""The jobs on arrays: a background is fitted and taken out, or one that was fitted before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ..errors import InputError
from ..image.frame import Frame
from ..image.image import Image
from ..model.model import BackgroundModel
from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.report import describe
from ..result import Corrected, Fitted, Plan, Preparation
from ..settings.options import Options
from ..settings.settings import Settings
from .apply import fitting
from .arguments import GivenSamples, merged, public
from .containers import Container
from .given import Given, opened, reference_of, weights_of
from .outlines import outlines_of_array
from .results import AppliedResult, ArrayResult
from .samples import points_of
from .strictness import refuse_doubts


@public
def remove_background(
    image: np.ndarray | Any,
    *,
    weight: np.ndarray | Any | None = None,
    sky: np.ndarray | Any | None = None,
    samples: GivenSamples = None,
    reference: np.ndarray | Any | None = None,
    channel_axis: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> ArrayResult:
    """Fit the sky background of a linear image and take it out.

    Parameters
    ----------
    image : array_like, (H, W), (H, W, 1) or (H, W, 3), linear
        Floats and signed integers keep their scale; unsigned integers are scaled to [0, 1] by
        their type's maximum.
        Samples that are zero, NaN or infinite are missing. The array is not changed. An
        undebayered frame is fitted colour by colour if ``cfa`` names its pattern, like "RGGB".
        A masked array, or an NDData, CCDData, Quantity or Masked of astropy, gives results of its
        kind. What its mask hides is missing. With a unit, integers keep their scale, too.
    weight : array_like, (H, W) or as the image, bool, integer or float, optional
        1 = sky to fit, 0 = ignored. Only ratios count: see `fastbg.image.weights.range_of_mask`.
        Floats of more than one value besides 0 lie in [0, 1]. What its own mask hides is ignored.
        Without it, the thresholds of the settings decide.
    sky : array_like, like ``weight``, optional
        1 = sky, whatever it looks like, and 0 = not known. What ``weight`` ignores stays ignored.
    samples : array_like, (n, 3) or (n, 4), or path, optional
        Places of sky, through which the background goes instead of being searched for: x, y and
        radius in pixels of the array, in which (0, 0) is the outer corner of the first pixel; and
        a weight, in [0, 1]. Or a file of them, as for `process_file`.
    reference : array_like, like ``image``, optional
        An image of the same sky on the same grid, mono or RGB, with little or no gradient: what
        both have in common are objects, even if they fill the frame.
    channel_axis : int, optional
        The axis of the channels, of the image, of a weight with three axes and of the results:
        0 for (3, H, W), -1 or None for (H, W, 3). It does not count for an image of two axes.
    settings : Settings, optional
    progress : callable, optional
        Called with a `Progress`; returning False cancels the job.
    **options
        Single settings by name, over ``settings``: see `Settings`.

    Raises
    ------
    InputError, SettingsError, BackendError, DoubtError
        One line with cause and cure.
    Cancelled
        If ``progress`` returned False.
    """
    settings = merged(settings, options)
    given = Given(image, weight, channel_axis, settings, sky)
    array, frame = opened(given)
    points = points_of(samples, frame.samples.shape)
    given = replace(given, samples=points, reference=reference)
    outlines, told = outlines_of_array(image, frame, settings)
    frame = replace(frame, outlines=outlines)
    with Job(settings, progress) as job:
        job.warnings += told
        weights = weights_of(given, frame, job.warnings)
        prepared = job.prepare(frame, *weights, given.samples, reference_of(given, frame))
        fitted = job.fit(prepared)
        preparation = prepared.preparation()
        refuse_doubts(job, "the image", preparation, fitted)
        return finished(job, array, frame, given, preparation, fitted)


@public
def apply(
    model: BackgroundModel | str | Path,
    image: np.ndarray | Any,
    *,
    rescale: bool = False,
    channel_axis: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> AppliedResult:
    """Take a background that was fitted before out of an array, as `apply_model` does of a file.

    Parameters
    ----------
    model : BackgroundModel or path
        A model of as many channels as the image; it is rendered at the size of the image.
    image, channel_axis, progress
        As for `remove_background`.
    rescale : bool
        Scale and shift each channel of the model to the sky of this image, see
        `fastbg.model.rescale`.
    settings, **options
        As for `remove_background`; only pedestal, mode, strength, cfa, strict, backend and threads
        count.

    Raises
    ------
    InputError, SettingsError, BackendError, DoubtError, Cancelled
        One line with cause and cure.
    """
    settings = merged(settings, options)
    name = None
    if not isinstance(model, BackgroundModel):
        name, model = str(model), BackgroundModel.load(model)
    given = Given(image, None, channel_axis, settings)
    array, frame = opened(given)
    with Job(settings, progress) as job:
        try:
            applied = fitting(job, frame, model, name, rescale)
        except InputError as error:
            raise InputError(f"the image {error}") from error
        refuse_doubts(job, "the image", applied, image=frame.image)
        plan = job.plan(frame, applied.model, applied.measured)
        corrected, background, done = _taken_out(job, plan, array)
    report = describe(job, frame, applied, corrected=done)
    return AppliedResult(
        model=applied.model,
        scale=applied.scale,
        report=report,
        thumbnail=done.thumbnail,
        corrected=corrected,
        background=background,
        given=given,
    )


def finished(
    job: Job,
    array: Container,
    frame: Frame,
    given: Given,
    preparation: Preparation,
    fitted: Fitted,
) -> ArrayResult:
    """The result of a job on an array whose background has been fitted.

    Parameters
    ----------
    array : Container
        What was given.
    frame : Frame
        The same, as it was fitted.
    """
    plan = job.plan(frame, fitted.model, preparation.measured, fitted.fit.levels)
    corrected, background, done = _taken_out(job, plan, array)
    return ArrayResult(
        model=fitted.model,
        fit=fitted.fit,
        diagnostics=fitted.diagnostics,
        opinion=fitted.opinion,
        report=describe(job, frame, preparation, fitted, done),
        thumbnail=done.thumbnail,
        corrected=corrected,
        background=background,
        given=given,
    )


def _taken_out(job: Job, plan: Plan, array: Container) -> tuple[Any, Any, Corrected]:
    """The corrected image and the background, of the kind and the layout of what was given."""
    layout = array.layout
    corrected, background = layout.empty(), layout.empty()
    # Views: rows are written where they belong, whatever the layout.
    targets = [*layout.planes(background), *layout.planes(corrected)]

    def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
        # Plane by plane: all of them at once take 2 times as long where their samples interleave.
        for target, plane in zip(targets, [*model, *after], strict=True):
            target[rows] = plane

    done = job.correct(plan, store)
    if array.mask is not None:
        hidden = Image.from_samples(layout.channels_last(array.samples)).planes()
        np.copyto(layout.planes(corrected), hidden, where=layout.planes(array.mask))
    return array.image(corrected), array.model(background), done

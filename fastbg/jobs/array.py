"""The whole job on an array."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from ..errors import InputError
from ..image.frame import Frame
from ..image.image import Image, samples_of_array
from ..image.weights import range_of_mask
from ..io.white import faint
from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.report import describe
from ..result import ArrayResult
from ..settings.options import Options
from ..settings.settings import Settings
from .arguments import merged, public
from .containers import Container


@public
def remove_background(
    image: np.ndarray | Any,
    *,
    weight: np.ndarray | Any | None = None,
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
    weight : array_like, (H, W) or (H, W, K), bool, integer or float, optional
        1 = sky to fit, 0 = ignored. Only ratios count: see `fastbg.image.weights.range_of_mask`.
        Floats of more than one value besides 0 lie in [0, 1]. What its own mask hides is ignored.
        Without it, the thresholds of the settings decide.
    settings : Settings, optional
    progress : callable, optional
        Called with a `Progress`; returning False cancels the job.
    **options
        Single settings by name, over ``settings``.

    Raises
    ------
    InputError, SettingsError, BackendError
        One line with cause and cure.
    Cancelled
        If ``progress`` returned False.
    """
    settings = merged(settings, options)
    given = Container.of(image)
    shape = given.samples.shape
    source = Image.from_samples(given.filled)
    try:
        frame = Frame(source, settings.pattern(None))
    except InputError as error:
        raise InputError(f"the image {error}") from error
    with Job(settings, progress) as job:
        prepared = job.prepare(frame, frame.weight(_weight_image(weight, job.warnings)))
        fitted = job.fit(prepared)
        plan = job.plan(frame, fitted.model, prepared.measured, fitted.fit.levels)
        corrected, background = np.empty((2, source.channels, *source.shape), np.float32)

        def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
            background[:, rows], corrected[:, rows] = model, after

        done = job.correct(plan, store)
    corrected, background = (
        np.moveaxis(planes, 0, 2).reshape(shape) for planes in (corrected, background)
    )
    if given.mask is not None:
        hidden = np.moveaxis(Image.from_samples(given.samples).planes(), 0, 2).reshape(shape)
        np.copyto(corrected, hidden, where=given.mask)
    return ArrayResult(
        model=fitted.model,
        fit=fitted.fit,
        diagnostics=fitted.diagnostics,
        report=describe(job, frame, prepared.preparation(), fitted, done),
        corrected=given.image(corrected),
        background=given.model(background),
    )


def _weight_image(weight: np.ndarray | Any | None, warnings: list[str]) -> Image | None:
    if weight is None:
        return None
    try:
        samples = Container.of(weight).filled
        if samples.dtype.kind not in "iuf":
            samples = samples.astype(np.uint8 if samples.dtype == bool else np.float32)
        source = samples_of_array(samples)
        high = np.iinfo(samples.dtype).max if samples.dtype.kind in "iu" else 1
        found = range_of_mask(source, 0, high)
        if found.guessed:
            warnings.append(f"the mask {faint(found.high)}")
        return Image.of(source, found.bounds)
    except InputError as error:
        raise InputError(f"the mask: {error}") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"the mask is no array of numbers ({error}): give one") from error

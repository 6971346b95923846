"""The whole job, in the order in which it happens.

    read -> stretch -> downscale -> weigh -> protect -> fit -> render -> correct -> write

`prepare` goes as far as the weights, `fit` makes the model, `plan` measures it and `take_out`
takes it out of the image. `remove_background` is all of them for an array; `fastbg.jobs.files` has the
jobs on files. The image is never held whole: all but the descent
go over it in bands of rows (`fastbg.image.bands`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .backends.protocol import PASSED_OVER, choose
from .diagnostics import judge
from .errors import InputError, SettingsError
from .fit import fit_of_sky, fit_spline
from .image.bands import row_bands
from .image.downscale import block_centres, downscale, restretched
from .image.image import Image
from .image.order_statistics import (
    ABOVE_1,
    NEGATIVE,
    VALID,
    Quantiles,
    count_pass,
    guess_quantiles,
    quantiles,
    search,
)
from .image.stretch import Stretch
from .image.weights import feathered, inverted, weight_from_image, weight_from_thresholds
from .model.correction import Correction, plan_correction
from .model.model import BackgroundModel
from .model.render import stretched_image
from .progress import ProgressCallback, Stages
from .report import report as reporting
from .result import ArrayResult, Prepared, Result
from .settings.settings import Settings
from .sky.detection import FITS, protect
from .sky.selection import LEAST_CELLS
from .spline.loss import Problem

if TYPE_CHECKING:
    pass


Report = dict[str, Any]

Store = Callable[[slice, np.ndarray, np.ndarray, np.ndarray], None]
"""Takes some rows of the image, of the background and of the corrected image, on any thread."""


def prepare(image: Image, weight: Image | None, settings: Settings, stages: Stages) -> Prepared:
    """Stretch, downscale and weigh an image: everything before the descent.

    Parameters
    ----------
    image : Image, linear
    weight : Image, of 1 or K channels, in [0, 1], optional
        1 = used. Without it, the thresholds of the settings decide.

    Raises
    ------
    InputError
        If the image cannot be stretched, or the weight image does not fit it.
    SettingsError
        If a weight image is to be inverted and there is none.
    """
    if weight is None and settings.invert_mask:
        raise SettingsError("there is no mask to invert: give one, or leave inverting out")
    factor, function = settings.downscaling_factor, settings.downscaling_func
    threads = settings.worker_threads
    h, w = (-(-size // factor) for size in image.shape)
    if h * w < (settings.control_points or LEAST_CELLS):
        points = settings.control_points
        what, fewer = (f"{points} control points", "fewer points or ") if points else ("a fit", "")
        raise InputError(
            f"a downscaling factor of {factor} leaves {w} x {h} pixels of the image, too few for "
            f"{what}: use {fewer}a smaller factor"
        )
    with stages.stage("prepare"):
        found = quantiles(image, [0, 0.5, settings.quantile, 1], threads)
        statistics = found.values()
        stretch = Stretch.of(statistics, settings.quantile)
        own = Stretch.linear(statistics) if settings.finds_sky else stretch
        stretched = small = downscale(image, own, factor, function, threads)
        if settings.finds_sky:
            stretched = restretched(small, own, stretch)
        if weight is None:
            low, high = settings.threshold_min, settings.threshold_max
            used = weight_from_thresholds(stretched, low, high)
        else:
            weight = inverted(weight) if settings.invert_mask else weight
            used = weight_from_image(weight, image.shape, stretched, factor, function, threads)
        used = feathered(used, settings.feather / factor)
        y, x = (block_centres(size, factor) for size in image.shape)
    sky = None
    if settings.finds_sky:
        with stages.stage("protect", FITS) as advance:
            sky = protect(small, used, y, x, own, settings.protect, advance)
            used = sky.weight
    problem = Problem(stretched, used, y, x, settings.order, settings.alpha)
    missing = image.channels * math.prod(image.shape) - found.total(VALID)
    return Prepared(image, statistics[:, [0, 1, 3]], missing, stretch, problem, sky)


def fit(prepared: Prepared, settings: Settings, stages: Stages) -> Result:
    """Fit: from the prepared problem to the model.

    It is the sky that was found, or where a descent ends that begins with so many control points.

    Raises
    ------
    InputError
        If too few pixels are usable.
    BackendError
        If the backend is not available.
    Cancelled
        If the progress callback asks for it.
    """
    report = reporting.describe_preparation(prepared, settings)
    name, backend = choose(settings.backend, settings.gpu_memory, report["warnings"])
    steps = settings.epochs * settings.starts if settings.control_points else 1
    with stages.stage("fit", steps) as advance:
        if settings.control_points:
            stretch = prepared.stretch
            best = fit_spline(prepared.problem, settings, backend, advance)
        else:
            assert prepared.sky is not None
            stretch = prepared.sky.stretch
            best = fit_of_sky(prepared.sky, prepared.problem, prepared.stretch, settings, backend)
    reporting.add_statistics(report, "input", prepared.statistics)
    # A GPU that failed has been replaced meanwhile.
    name = getattr(backend, "name", name)
    report["fit"] = reporting.describe_fit(best, name, settings)
    if settings.backend == "auto":
        report["fit"]["passed_over"] = {k: v for k, v in PASSED_OVER.items() if k != name}
    model = BackgroundModel(best.spline, stretch, prepared.image.shape)
    judgement = judge(model, prepared.problem, prepared.stretch, prepared.sky)
    report["judgement"] = reporting.describe_judgement(judgement)
    return Result(model, best, judgement, report)


def plan(
    image: Image,
    model: BackgroundModel,
    report: Report,
    settings: Settings,
    stages: Stages,
    levels: np.ndarray | None = None,
) -> Correction:
    """Render the model once for its statistics, and find the level that is put back.

    The report, which has the statistics of the input, gets those of the background. ``levels`` are
    a guess at them: see `Fit.levels`.
    """
    threads = settings.worker_threads
    guess = None if levels is None else np.stack([levels] * 2, axis=2)
    backend = choose(settings.backend, settings.gpu_memory, report["warnings"])[1]
    with stages.stage("render", image.shape[0]) as advance:
        found = quantiles(
            stretched_image(backend, model.spline, image.shape),
            [0, 0.5, 1],
            threads,
            samples=image,
            guess=guess,
            advance=advance,
        )
        # The inverse stretch is monotone: order statistics may pass it instead of every sample.
        statistics = found.values(lambda neighbours: model.stretch.invert(neighbours)[0])
        reporting.add_statistics(report, "background", statistics)
        report["counts"]["held"] = found.total(NEGATIVE) + found.total(ABOVE_1)
        return plan_correction(
            image,
            model.image(backend, image.shape),
            np.array(report["statistics"]["input"]["median"]),
            statistics[:, 1],
            settings.mode,
            settings.pedestal,
            threads,
        )


def take_out(
    correction: Correction,
    report: Report,
    settings: Settings,
    stages: Stages,
    store: Store,
    clipped: bool = False,
) -> None:
    """Take the background out, band by band.

    The report gets the statistics of the corrected image; ``store`` gets every row once,
    (K, n, W) each. ``clipped`` tells whether it clips them to [0, 1].
    """
    image, corrected = correction.image, correction.corrected()
    threads, parts = settings.worker_threads, [0, 0.5, 1]

    def read_and_store(rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        samples, background, after = correction.read(rows, buffers)
        store(rows, samples, background, after)
        return after, samples

    with stages.stage("correct", image.shape[0]) as advance:
        guess = guess_quantiles(corrected, parts, threads, samples=image)
        found, bands = Quantiles(image.channels, parts, guess), row_bands(image.shape)
        count_pass(found, image, bands, threads, read_and_store, planes=3, advance=advance)
        search(found, corrected, bands, threads, samples=image)
    reporting.add_statistics(report, "corrected", found.values())
    report["counts"]["below_0"] = found.total(NEGATIVE)
    report["counts"]["above_1"] = found.total(ABOVE_1)
    report["pedestal"] = correction.levels.tolist()
    reporting.warn(report, clipped)


def remove_background(
    image: np.ndarray,
    *,
    weight: np.ndarray | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> ArrayResult:
    """Fit the sky background of a linear image and take it out.

    Parameters
    ----------
    image : array_like, (H, W), (H, W, 1) or (H, W, 3), linear
        Floats keep their scale; unsigned integers are scaled to [0, 1] by their type's maximum.
        Samples that are zero, NaN or infinite are missing. Not changed.
    weight : array_like, (H, W) or (H, W, K), in [0, 1], optional
        1 = sky to fit, 0 = ignored. Without it, the thresholds of the settings decide.
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
    settings = replace(settings or Settings(), **options)
    samples, stages = np.asarray(image), Stages(progress)
    source = Image.from_samples(samples)
    prepared = prepare(source, _weight_image(weight), settings, stages)
    result = fit(prepared, settings, stages)
    corrected, background = np.empty((2, source.channels, *source.shape), np.float32)

    def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
        background[:, rows], corrected[:, rows] = model, after

    model, report = result.model, result.report
    correction = plan(source, model, report, settings, stages, result.fit.levels)
    take_out(correction, report, settings, stages, store)
    reporting.finish(result.report, stages)
    return ArrayResult(
        model=result.model,
        fit=result.fit,
        judgement=result.judgement,
        report=result.report,
        corrected=np.moveaxis(corrected, 0, 2).reshape(samples.shape),
        background=np.moveaxis(background, 0, 2).reshape(samples.shape),
    )


def _weight_image(weight: np.ndarray | None) -> Image | None:
    if weight is None:
        return None
    try:
        return Image.from_samples(np.asarray(weight, np.float32))
    except InputError as error:
        raise InputError(f"the mask: {error}") from error

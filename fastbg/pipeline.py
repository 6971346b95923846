"""The whole job, in the order in which it happens.

    read -> stretch -> downscale -> weigh -> descend -> render -> correct -> write

`prepare` goes as far as the weights and `solve` does the rest in memory; `remove_background` is
both for an array, `process_file` both between reading and writing files, and `preview_file` shows
what `prepare` made.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import report as reporting
from .backends.base import choose
from .config import Settings
from .correction import correct
from .downscale import block_centres, downscale
from .errors import InputError, OutputError, SettingsError
from .fit import fit_spline, starting_points
from .image import Image
from .io import atomic, xisf
from .loss import Problem
from .model import BackgroundModel
from .progress import ProgressCallback, Stages
from .render import row_bands
from .result import Prepared, Result
from .stretch import Stretch
from .weights import weight_from_image, weight_from_thresholds

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def prepare(
    image: Image, weight: np.ndarray | None, settings: Settings, stages: Stages
) -> Prepared:
    """Stretch, downscale and weigh an image: everything before the descent.

    Parameters
    ----------
    image : Image, linear
    weight : ndarray, (H, W) or (H, W, K), in [0, 1], optional
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
    with stages.stage("prepare"):
        valid = image.valid(threads)
        stretch = Stretch.of(image, valid, settings.quantile, threads)
        stretched = downscale(image, valid, stretch, factor, function, threads)
        if weight is None:
            low, high = settings.threshold_min, settings.threshold_max
            used = weight_from_thresholds(stretched, low, high)
        else:
            weight = np.asarray(weight)
            weight = 1 - weight if settings.invert_mask else weight
            used = weight_from_image(weight, image.shape, stretched, factor, function)
        problem = Problem(
            data=np.where(np.isnan(stretched), np.nanmedian(stretched, axis=(0, 1)), stretched),
            weight=used,
            y=block_centres(image.shape[0], factor),
            x=block_centres(image.shape[1], factor),
            order=settings.order,
            alpha=settings.alpha,
        )
    return Prepared(image, valid, stretch, stretched, problem)


def solve(prepared: Prepared, settings: Settings, stages: Stages) -> Result:
    """Descend, render and correct: from the prepared problem to the result, (H, W, K) each.

    Raises
    ------
    InputError
        If too few pixels are usable.
    BackendError
        If the backend is not available.
    Cancelled
        If the progress callback asks for it.
    """
    backend_name, backend = choose(settings.backend)
    image, valid, threads = prepared.image, prepared.valid, settings.worker_threads

    with stages.stage("fit", settings.epochs * settings.starts) as advance:
        fit = fit_spline(prepared.problem, settings, backend, advance)
    model = BackgroundModel(fit.spline, prepared.stretch, image.shape)

    background, held = np.empty_like(image.planes), 0
    with stages.stage("render", image.shape[0]) as advance:
        for rows in row_bands(image.shape):
            background[:, rows], held_here = model.render_planes(
                backend, image.shape, rows, threads
            )
            held += held_here
            advance(rows.stop)

    with stages.stage("correct"):
        corrected, pedestal = correct(
            image, background, valid, settings.mode, settings.pedestal, threads
        )
        report = reporting.describe_preparation(prepared, settings)
        report["fit"] = reporting.describe_fit(fit, backend_name, settings)
        report["pedestal"] = pedestal.tolist()
        reporting.add_statistics(report, image.planes, background, corrected, valid, held, threads)
    reporting.finish(report, stages)
    return Result(
        corrected=np.moveaxis(corrected, 0, 2),
        background=np.moveaxis(background, 0, 2),
        model=model,
        fit=fit,
        report=report,
    )


def remove_background(
    image: np.ndarray,
    *,
    weight: np.ndarray | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Result:
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
    samples = np.asarray(image)
    stages = Stages(progress)
    result = solve(prepare(Image.from_samples(samples), weight, settings, stages), settings, stages)
    return replace(
        result,
        corrected=result.corrected.reshape(samples.shape),
        background=result.background.reshape(samples.shape),
    )


def process_file(
    path: str | Path,
    *,
    output: str | Path | None = None,
    model_output: str | Path | None = None,
    output_dir: str | Path = ".",
    mask: str | Path | None = None,
    preview: str | Path | None = None,
    compress: bool = False,
    overwrite: bool = False,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Result:
    """Take the background out of an XISF file.

    Parameters
    ----------
    path : path
        A linear XISF image, mono or RGB.
    output, model_output : path, optional
        The corrected image and the background; ``<stem>_bgSubtracted.xisf`` and
        ``<stem>_bgModel.xisf`` in ``output_dir`` by default. Float32, with the FITS keywords and
        properties of the input and a HISTORY of the job.
    mask : path, optional
        An XISF image of the same size: 1 = sky to fit, 0 = ignored.
    preview : path, optional
        Also write a PNG of the fit: input, control points, before, model and after.
    compress : bool
        Write with lz4hc and byte shuffling.
    overwrite : bool
        Allow outputs that exist. They are replaced only when all are complete.
    settings, progress, **options
        As for `remove_background`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = replace(settings or Settings(), **options)
    path, output_dir = Path(path), Path(output_dir)
    targets = {
        "corrected": Path(output or output_dir / f"{path.stem}_bgSubtracted.xisf"),
        "background": Path(model_output or output_dir / f"{path.stem}_bgModel.xisf"),
    }
    if preview:
        targets["preview"] = Path(preview)
    _refuse_early(path, mask, targets, overwrite, settings)

    stages = Stages(progress)
    source, prepared = _read_and_prepare(path, mask, settings, stages)
    result = solve(prepared, settings, stages)
    with stages.stage("write"), atomic.staged([*targets.values()], overwrite=overwrite) as parts:
        history = reporting.history(result.report)
        for part, pixels in zip(parts, (result.corrected, result.background), strict=False):
            xisf.write(part, pixels, source=source, history=history, compress=compress)
        if preview:
            _draw(path, prepared, settings, result).save(parts[-1], format="png")
    reporting.finish(result.report, stages, source=path, outputs=targets, warnings=source.warnings)
    return result


def preview_file(
    path: str | Path,
    output: str | Path,
    *,
    mask: str | Path | None = None,
    fit: bool = False,
    overwrite: bool = False,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Write a PNG of what a fit would see: the stretched image, the mask, the control points.

    Parameters and errors as for `process_file`; ``output`` is the PNG. With ``fit``, it also shows
    before, model and after.

    Returns
    -------
    dict
        The report; without ``fit``, the part that is known before one: see `fastbg.report`.
    """
    settings = replace(settings or Settings(), **options)
    path, targets = Path(path), {"preview": Path(output)}
    _refuse_early(path, mask, targets, overwrite, settings)

    stages = Stages(progress)
    source, prepared = _read_and_prepare(path, mask, settings, stages)
    result = solve(prepared, settings, stages) if fit else None
    report = result.report if result else reporting.describe_preparation(prepared, settings)
    with stages.stage("write"), atomic.staged([*targets.values()], overwrite=overwrite) as (part,):
        _draw(path, prepared, settings, result).save(part, format="png")
    reporting.finish(report, stages, source=path, outputs=targets, warnings=source.warnings)
    return report


def _refuse_early(
    path: Path,
    mask: str | Path | None,
    targets: dict[str, Path],
    overwrite: bool,
    settings: Settings,
) -> None:
    """Raise now what would otherwise be found after minutes of work."""
    choose(settings.backend)
    inputs = [path, mask] if mask else [path]
    atomic.check_targets(targets.values(), overwrite=overwrite, inputs=inputs)
    for name, target in targets.items():
        suffix = ".png" if name == "preview" else ".xisf"
        if target.suffix.lower() != suffix:
            raise OutputError(f"{target} will not hold what its name says: end it in {suffix}")


def _read_and_prepare(
    path: Path, mask: str | Path | None, settings: Settings, stages: Stages
) -> tuple[xisf.XisfImage, Prepared]:
    with stages.stage("read"):
        source, image = _read(path)
        weight = _read(Path(mask))[1].to_array() if mask else None
    try:
        return source, prepare(image, weight, settings, stages)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(path: Path) -> tuple[xisf.XisfImage, Image]:
    source = xisf.read(path)
    try:
        return source, Image.from_samples(source.samples, source.bounds)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _draw(path: Path, prepared: Prepared, settings: Settings, result: Result | None) -> Picture:
    """The preview of a file, with its result if there is one."""
    from . import preview

    if result is None:
        points, fitted = starting_points(prepared.problem, settings)[0], None
    else:
        points = result.fit.start.centres
        background, after = (
            Image(np.moveaxis(array, 2, 0)) for array in (result.background, result.corrected)
        )
        fitted = (background, after, result.spline.centres)
    return preview.draw(
        prepared.image,
        prepared.stretch,
        prepared.stretched,
        prepared.problem.weight,
        points,
        quantile=settings.quantile,
        thresholds=(settings.threshold_min, settings.threshold_max),
        fitted=fitted,
        title=path.name,
        captions=reporting.captions(prepared, settings, result),
    )

"""The whole job, in the order in which it happens.

    read -> stretch -> downscale -> weigh -> descend -> render -> correct -> write

`prepare` goes as far as the weights, `descend` fits the model, `plan` measures it and `take_out`
takes it out of the image. `remove_background` is all of them for an array, `process_file` for
files, and `preview_file` shows what they see. The image is never held whole: all but the descent
go over it in bands of rows (`fastbg.bands`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import report as reporting
from .backends.base import choose
from .bands import row_bands
from .config import Settings
from .correction import Correction, plan_correction
from .downscale import block_centres, downscale
from .errors import InputError, OutputError, SettingsError
from .fit import fit_spline, starting_points
from .image import Image
from .io import atomic, xisf
from .loss import Problem
from .memory import Job
from .model import BackgroundModel
from .order_statistics import (
    ABOVE_1,
    NEGATIVE,
    VALID,
    Quantiles,
    count_pass,
    guess_quantiles,
    quantiles,
    search,
)
from .progress import ProgressCallback, Stages
from .render import stretched_image
from .result import ArrayResult, Prepared, Result
from .sample_format import FLOAT32, SampleFormat
from .stretch import Stretch
from .weights import inverted, weight_from_image, weight_from_thresholds

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


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
    with stages.stage("prepare"):
        found = quantiles(image, [0, 0.5, settings.quantile, 1], threads)
        statistics = found.values()
        stretch = Stretch.of(statistics, settings.quantile)
        stretched = downscale(image, stretch, factor, function, threads)
        if weight is None:
            low, high = settings.threshold_min, settings.threshold_max
            used = weight_from_thresholds(stretched, low, high)
        else:
            weight = inverted(weight) if settings.invert_mask else weight
            used = weight_from_image(weight, image.shape, stretched, factor, function, threads)
        problem = Problem(
            data=stretched,
            weight=used,
            y=block_centres(image.shape[0], factor),
            x=block_centres(image.shape[1], factor),
            order=settings.order,
            alpha=settings.alpha,
        )
    missing = image.channels * math.prod(image.shape) - found.total(VALID)
    return Prepared(image, statistics[:, [0, 1, 3]], missing, stretch, problem)


def descend(prepared: Prepared, settings: Settings, stages: Stages) -> Result:
    """Descend: from the prepared problem to the model.

    Raises
    ------
    InputError
        If too few pixels are usable.
    BackendError
        If the backend is not available.
    Cancelled
        If the progress callback asks for it.
    """
    name, backend = choose(settings.backend)
    with stages.stage("fit", settings.epochs * settings.starts) as advance:
        best = fit_spline(prepared.problem, settings, backend, advance)
    report = reporting.describe_preparation(prepared, settings)
    reporting.add_statistics(report, "input", prepared.statistics)
    report["fit"] = reporting.describe_fit(best, name, settings)
    model = BackgroundModel(best.spline, prepared.stretch, prepared.image.shape)
    return Result(model, best, report)


def plan(image: Image, result: Result, settings: Settings, stages: Stages) -> Correction:
    """Render the model once for its statistics, and find the level that is put back.

    ``result.report`` gets the statistics of the background.
    """
    model, threads = result.model, settings.worker_threads
    backend = choose(settings.backend)[1]
    with stages.stage("render", image.shape[0]) as advance:
        found = quantiles(
            stretched_image(backend, model.spline, image.shape),
            [0, 0.5, 1],
            threads,
            samples=image,
            guess=np.stack([result.fit.levels] * 2, axis=2),
            advance=advance,
        )
        # The inverse stretch is monotone: order statistics may pass it instead of every sample.
        statistics = found.values(lambda neighbours: model.stretch.invert(neighbours)[0])
        reporting.add_statistics(result.report, "background", statistics)
        result.report["counts"]["held"] = found.total(NEGATIVE) + found.total(ABOVE_1)
        return plan_correction(
            image,
            model.image(backend, image.shape),
            np.array(result.report["statistics"]["input"]["median"]),
            statistics[:, 1],
            settings.mode,
            settings.pedestal,
            threads,
        )


def take_out(
    correction: Correction,
    result: Result,
    settings: Settings,
    stages: Stages,
    store: Store,
    clipped: bool = False,
) -> None:
    """Take the background out, band by band.

    ``result.report`` gets the statistics of the corrected image; ``store`` gets every row once,
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
    reporting.add_statistics(result.report, "corrected", found.values())
    result.report["counts"]["below_0"] = found.total(NEGATIVE)
    result.report["counts"]["above_1"] = found.total(ABOVE_1)
    result.report["pedestal"] = correction.levels.tolist()
    reporting.warn(result.report, clipped)


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
    result = descend(prepared, settings, stages)
    corrected, background = np.empty((2, source.channels, *source.shape), np.float32)

    def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
        background[:, rows], corrected[:, rows] = model, after

    correction = plan(source, result, settings, stages)
    take_out(correction, result, settings, stages, store)
    reporting.finish(result.report, stages)
    return ArrayResult(
        model=result.model,
        fit=result.fit,
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
    max_memory: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Result:
    """Take the background out of an XISF file.

    What the file stores uncompressed is read in bands, and written so, whatever its size.

    Parameters
    ----------
    path : path
        A linear XISF image, mono or RGB.
    output, model_output : path, optional
        The corrected image and the background; ``<stem>_bgSubtracted.xisf`` and
        ``<stem>_bgModel.xisf`` in ``output_dir`` by default. Float32 (the corrected image as
        ``sample_format`` says), with all that accompanies the input and a HISTORY of the job.
    mask : path, optional
        An XISF image of the same size: 1 = sky to fit, 0 = ignored.
    preview : path, optional
        Also write a PNG of the fit: input, control points, before, model and after.
    compress : bool
        Write with lz4hc and byte shuffling. Needs memory for both outputs.
    overwrite : bool
        Allow outputs that exist. They are replaced only when all are complete.
    max_memory : int, optional
        Bytes; a job that is estimated to need more is refused before it takes them.
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
    with ExitStack() as files:
        job = partial(Job, settings=settings, preview=preview is not None, compress=compress)
        source, prepared = _read_and_prepare(path, mask, job, max_memory, stages, files)
        result = descend(prepared, settings, stages)
        # The down-scaled image grows with the file, and the rest needs the memory.
        image, drawn = prepared.image, prepared if preview else None
        del prepared
        correction = plan(image, result, settings, stages)
        parts = files.enter_context(atomic.staged([*targets.values()], overwrite=overwrite))
        create = partial(
            xisf.create,
            shape=source.shape,
            header=source.header,
            history=reporting.history(result.report),
            compress=compress,
        )
        kept = settings.sample_format == "same"
        kind = SampleFormat(source.dtype, source.bounds) if kept else FLOAT32
        corrected = files.enter_context(create(parts[0], dtype=kind.dtype, bounds=kind.bounds))
        background = files.enter_context(create(parts[1]))

        def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
            if kept:
                after = kind.restore(source.read_rows(rows), before, after)
            corrected.write_rows(rows, after)
            background.write_rows(rows, model)

        take_out(correction, result, settings, stages, store, clipped=kind.clips)
        with stages.stage("write"):
            if drawn:
                picture = _draw(path, drawn, settings, result, correction)
                picture.save(parts[-1], format="png")
            files.close()
    reporting.finish(result.report, stages, source=path, outputs=targets, warnings=source.warnings)
    return result


def preview_file(
    path: str | Path,
    output: str | Path,
    *,
    mask: str | Path | None = None,
    fit: bool = False,
    overwrite: bool = False,
    max_memory: int | None = None,
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
    with ExitStack() as files:
        job = partial(Job, settings=settings, preview=True)
        source, prepared = _read_and_prepare(path, mask, job, max_memory, stages, files)
        if fit:
            result = descend(prepared, settings, stages)
            correction = plan(prepared.image, result, settings, stages)
            take_out(correction, result, settings, stages, lambda *rows: None)
            report = result.report
        else:
            result, correction = None, None
            report = reporting.describe_preparation(prepared, settings)
        with stages.stage("write"):
            (part,) = files.enter_context(atomic.staged([output], overwrite=overwrite))
            picture = _draw(path, prepared, settings, result, correction)
            picture.save(part, format="png")
            files.close()
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
    path: Path,
    mask: str | Path | None,
    job: Callable[..., Job],
    max_memory: int | None,
    stages: Stages,
    files: ExitStack,
) -> tuple[xisf.XisfImage, Prepared]:
    """Open the files, which stay open as long as the bands of their images are read."""
    with stages.stage("read") as advance:
        source, image = _open(path, files)
        opened = [source]
        if mask:
            mask_source, weight = _open(Path(mask), files)
            opened.append(mask_source)
        planned = job(
            source.shape,
            held=sum(each.held_bytes for each in opened),
            packed=max(each.packed_bytes for each in opened),
            float32=all(each.dtype == np.float32 for each in opened),
        )
        advance(0, memory=planned.bytes_needed())
        planned.check(max_memory)
        for each in opened:
            each.load()
    try:
        return source, prepare(image, weight if mask else None, planned.settings, stages)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _open(path: Path, files: ExitStack) -> tuple[xisf.XisfImage, Image]:
    source = files.enter_context(xisf.open_image(path))
    try:
        return source, Image.of(source, source.bounds)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _draw(
    path: Path,
    prepared: Prepared,
    settings: Settings,
    result: Result | None = None,
    correction: Correction | None = None,
) -> Picture:
    """The preview of a file, with its result if there is one."""
    from . import preview

    if result and correction:
        points = result.fit.start.centres
        fitted = preview.Fitted(
            correction.background,
            correction.corrected(),
            result.spline.centres,
            {name: values["median"] for name, values in result.report["statistics"].items()},
        )
    else:
        points, fitted = starting_points(prepared.problem, settings)[0], None
    return preview.draw(
        prepared.image,
        prepared.stretch,
        prepared.problem.data,
        prepared.problem.weight,
        points,
        quantile=settings.quantile,
        thresholds=(settings.threshold_min, settings.threshold_max),
        fitted=fitted,
        title=path.name,
        captions=reporting.captions(prepared, settings, result),
    )

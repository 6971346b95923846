"""The jobs on files: everything `fastbg.pipeline` does, read from and written to disk.

What a file stores uncompressed is read in bands, and written so, whatever its size. Outputs appear
complete or not at all.
"""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import report as reporting
from .backends.base import choose
from .config import Settings
from .correction import Correction
from .errors import InputError, OutputError
from .fit import starting_points
from .image import Image
from .io import atomic, xisf
from .level import match_level
from .memory import Job
from .model import BackgroundModel
from .order_statistics import VALID, quantiles
from .pipeline import Report, descend, plan, prepare, take_out
from .progress import ProgressCallback, Stages
from .result import Prepared, Result
from .sample_format import FLOAT32, SampleFormat

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


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
        correction = plan(image, result.model, result.report, settings, stages, result.fit.levels)
        parts = files.enter_context(atomic.staged([*targets.values()], overwrite=overwrite))
        _write(parts, source, correction, result.report, settings, stages, compress, files)
        with stages.stage("write"):
            if drawn:
                picture = _draw(path, drawn, settings, result, correction)
                picture.save(parts[-1], format="png")
            files.close()
    reporting.finish(result.report, stages, source=path, outputs=targets, warnings=source.warnings)
    return result


def fit_file(
    path: str | Path,
    output: str | Path,
    *,
    mask: str | Path | None = None,
    overwrite: bool = False,
    max_memory: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Result:
    """Fit the background of an XISF file and write the model alone, as JSON.

    Parameters and errors as for `process_file`; ``output`` is what `BackgroundModel.save` writes,
    and `apply_model` takes.
    """
    settings = replace(settings or Settings(), **options)
    path, targets = Path(path), {"model": Path(output)}
    _refuse_early(path, mask, targets, overwrite, settings)

    stages = Stages(progress)
    with ExitStack() as files:
        job = partial(Job, settings=settings)
        source, prepared = _read_and_prepare(path, mask, job, max_memory, stages, files)
        result = descend(prepared, settings, stages)
        with stages.stage("write"):
            (part,) = files.enter_context(atomic.staged([output], overwrite=overwrite))
            result.model.save(part)
            files.close()
    result.report["counts"] |= {"held": 0, "below_0": 0, "above_1": 0}
    reporting.finish(result.report, stages, source=path, outputs=targets, warnings=source.warnings)
    return result


def apply_model(
    model: BackgroundModel | str | Path,
    path: str | Path,
    *,
    output: str | Path | None = None,
    model_output: str | Path | None = None,
    output_dir: str | Path = ".",
    rescale: bool = False,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Report:
    """Take a background that was fitted before out of an XISF file.

    Parameters
    ----------
    model : BackgroundModel or path
        Of as many channels as the image; it is rendered at the size of the image.
    output : path, optional
        The corrected image; ``<stem>_bgSubtracted.xisf`` in ``output_dir`` by default.
    model_output : path, optional
        Also write the background as an image.
    rescale : bool
        Scale and shift each channel of the model to the sky of this file: see `fastbg.level`.
    compress, overwrite, max_memory, settings, progress, **options
        As for `process_file`; of the settings, only pedestal, mode, sample_format, backend and
        threads count.

    Returns
    -------
    dict
        The report: see `fastbg.report`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = replace(settings or Settings(), **options)
    path, name = Path(path), None
    if not isinstance(model, BackgroundModel):
        name, model = str(model), BackgroundModel.load(model)
    targets = {"corrected": Path(output or Path(output_dir) / f"{path.stem}_bgSubtracted.xisf")}
    if model_output:
        targets["background"] = Path(model_output)
    _refuse_early(path, None, targets, overwrite, settings)

    stages = Stages(progress)
    with ExitStack() as files:
        job = partial(Job, settings=settings, compress=compress)
        source, image, _ = _read(path, None, job, max_memory, stages, files)
        channels = len(model.stretch.scale)
        if channels != image.channels:
            raise InputError(
                f"{path} has {image.channels} channels and the model {channels}: "
                "fit a model to an image of that kind"
            )
        with stages.stage("prepare"):
            found = quantiles(image, [0, 0.5, 1], settings.worker_threads)
            if not found.total(VALID):
                raise InputError(
                    f"{path} is empty: every sample is missing; give an image with data"
                )
            scale = np.ones(channels)
            if rescale:
                model, scale = match_level(model, image, choose(settings.backend)[1])
        report = reporting.describe_model(model, name, scale, image, settings)
        report["counts"] = {"missing": image.channels * math.prod(image.shape) - found.total(VALID)}
        reporting.add_statistics(report, "input", found.values())
        correction = plan(image, model, report, settings, stages)
        parts = files.enter_context(atomic.staged([*targets.values()], overwrite=overwrite))
        _write(parts, source, correction, report, settings, stages, compress, files)
        with stages.stage("write"):
            files.close()
    reporting.finish(report, stages, source=path, outputs=targets, warnings=source.warnings)
    return report


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
            report = result.report
            correction = plan(
                prepared.image, result.model, report, settings, stages, result.fit.levels
            )
            take_out(correction, report, settings, stages, lambda *rows: None)
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


def _write(
    parts: list[Path],
    source: xisf.XisfImage,
    correction: Correction,
    report: Report,
    settings: Settings,
    stages: Stages,
    compress: bool,
    files: ExitStack,
) -> None:
    """Write the corrected image into the first part, and the background into the second, if any."""
    create = partial(
        xisf.create,
        shape=source.shape,
        header=source.header,
        history=reporting.history(report),
        compress=compress,
    )
    same = settings.sample_format == "same"
    kind = SampleFormat(source.dtype, source.bounds) if same else FLOAT32
    corrected = files.enter_context(create(parts[0], dtype=kind.dtype, bounds=kind.bounds))
    background = files.enter_context(create(parts[1])) if len(parts) > 1 else None

    def store(rows: slice, before: np.ndarray, model: np.ndarray, after: np.ndarray) -> None:
        if same:
            after = kind.restore(source.read_rows(rows), before, after)
        corrected.write_rows(rows, after)
        if background:
            background.write_rows(rows, model)

    take_out(correction, report, settings, stages, store, clipped=kind.clips)


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
        suffix = {"preview": ".png", "model": ".json"}.get(name, ".xisf")
        if target.suffix.lower() != suffix:
            raise OutputError(f"{target} will not hold what its name says: end it in {suffix}")


def _read_and_prepare(
    path: Path,
    mask: str | Path | None,
    job: partial[Job],
    max_memory: int | None,
    stages: Stages,
    files: ExitStack,
) -> tuple[xisf.XisfImage, Prepared]:
    source, image, weight = _read(path, mask, job, max_memory, stages, files)
    try:
        return source, prepare(image, weight, job.keywords["settings"], stages)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(
    path: Path,
    mask: str | Path | None,
    job: partial[Job],
    max_memory: int | None,
    stages: Stages,
    files: ExitStack,
) -> tuple[xisf.XisfImage, Image, Image | None]:
    """Open the files, which stay open as long as the bands of their images are read."""
    weight = None
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
    return source, image, weight


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

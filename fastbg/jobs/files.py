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

from ..backends.protocol import choose
from ..errors import InputError
from ..fit import starting_points
from ..image.bayer import MosaicCorrection
from ..image.order_statistics import VALID, quantiles
from ..io import formats
from ..model.correction import Correction
from ..model.model import BackgroundModel
from ..model.rescale import match_level
from ..pipeline import Report, plan, prepare, take_out
from ..pipeline import fit as fit_model
from ..progress import ProgressCallback, Stages
from ..report import report as reporting
from ..result import Prepared, Result
from ..settings.settings import Settings
from .memory import Job
from .outputs import Outputs, default_name
from .source import Masks, Source, open_source, paths_of

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def process_file(
    path: str | Path,
    *,
    output: str | Path | None = None,
    model_output: str | Path | None = None,
    output_dir: str | Path = ".",
    mask: Masks = None,
    preview: str | Path | None = None,
    report_dir: str | Path | None = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Result:
    """Take the background out of a file.

    What the file stores uncompressed is read in bands, and written so, whatever its size.

    Parameters
    ----------
    path : path
        A linear image, mono, RGB or undebayered: XISF, FITS or TIFF.
    output, model_output : path, optional
        The corrected image and the background; ``<stem>_bgSubtracted`` and ``<stem>_bgModel`` in
        ``output_dir`` and in the format of the input by default. The suffix tells the format.
        Float32 (the corrected image as ``sample_format`` says), with all that accompanies the
        input and a HISTORY of the job.
    mask : path or sequence of path, optional
        Images of the same size: 1 = sky to fit, 0 = ignored; of several, the product.
    preview : path, optional
        Also write a PNG of the fit: input, control points, before, model and after.
    report_dir : path, optional
        Also write ``<stem>_report.html``, a page for a browser that needs no network, and the
        report as ``<stem>_report.json`` into this folder.
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
    path = Path(path)
    targets = {
        "corrected": output or default_name(path, output_dir, "bgSubtracted"),
        "background": model_output or default_name(path, output_dir, "bgModel"),
    }
    if preview:
        targets["preview"] = preview
    if report_dir:
        stem = Path(report_dir) / formats.split_suffix(path)[0]
        targets |= {"report": f"{stem}_report.html", "report_json": f"{stem}_report.json"}
    outputs = Outputs(targets, overwrite=overwrite, compress=compress)
    _refuse_early(path, mask, outputs, settings)

    stages = Stages(progress)
    with ExitStack() as files:
        draws = bool(preview or report_dir)
        job = partial(Job, settings=settings, preview=draws, compress=outputs.hold_images)
        source, prepared = _read_and_prepare(path, mask, job, outputs, max_memory, stages, files)
        result = fit_model(prepared, settings, stages)
        # The down-scaled image grows with the file, and the rest needs the memory.
        image, drawn = prepared.image, prepared if draws else None
        del prepared
        correction = plan(image, result.model, result.report, settings, stages, result.fit.levels)
        outputs.stage(files)
        written = files.enter_context(ExitStack())
        _write(outputs, source, result.model, correction, result.report, settings, stages, written)
        if drawn and report_dir:
            from ..report import html

            with stages.stage("report"):
                findings = html.examine(drawn, result, correction, settings)
        with stages.stage("write"):
            if drawn and preview:
                picture = _draw(path, drawn, settings, result, correction)
                picture.save(outputs.parts["preview"], format="png")
            # The report tells of everything but of putting it in place.
            (written if report_dir else files).close()
        _finish(result.report, stages, path, source, outputs)
        if report_dir:
            html.write(
                result.report, findings, outputs.parts["report"], outputs.parts["report_json"]
            )
    return result


def fit_file(
    path: str | Path,
    output: str | Path,
    *,
    mask: Masks = None,
    overwrite: bool = False,
    max_memory: int | None = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Result:
    """Fit the background of a file and write the model alone, as JSON.

    Parameters and errors as for `process_file`; ``output`` is what `BackgroundModel.save` writes,
    and `apply_model` takes.
    """
    settings = replace(settings or Settings(), **options)
    path, outputs = Path(path), Outputs({"model": output}, overwrite=overwrite)
    _refuse_early(path, mask, outputs, settings)

    stages = Stages(progress)
    with ExitStack() as files:
        job = partial(Job, settings=settings)
        source, prepared = _read_and_prepare(path, mask, job, outputs, max_memory, stages, files)
        result = fit_model(prepared, settings, stages)
        source.check_unchanged()
        with stages.stage("write"):
            outputs.stage(files)
            result.model.save(outputs.parts["model"])
            files.close()
    result.report["counts"] |= {"held": 0, "below_0": 0, "above_1": 0}
    _finish(result.report, stages, path, source, outputs)
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
    """Take a background that was fitted before out of a file.

    Parameters
    ----------
    model : BackgroundModel or path
        Of as many channels as the image; it is rendered at the size of the image.
    output : path, optional
        The corrected image; ``<stem>_bgSubtracted`` in ``output_dir`` and in the format of the
        input by default.
    model_output : path, optional
        Also write the background as an image.
    rescale : bool
        Scale and shift each channel of the model to the sky of this file, see
        `fastbg.model.rescale`.
    compress, overwrite, max_memory, settings, progress, **options
        As for `process_file`; of the settings, only pedestal, mode, sample_format, backend and
        threads count.

    Returns
    -------
    dict
        The report: see `fastbg.report.report`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = replace(settings or Settings(), **options)
    path, name = Path(path), None
    if not isinstance(model, BackgroundModel):
        name, model = str(model), BackgroundModel.load(model)
    targets = {"corrected": output or default_name(path, output_dir, "bgSubtracted")}
    if model_output:
        targets["background"] = model_output
    outputs = Outputs(targets, overwrite=overwrite, compress=compress)
    _refuse_early(path, None, outputs, settings)

    stages = Stages(progress)
    with ExitStack() as files:
        job = partial(Job, settings=settings, compress=outputs.hold_images)
        source = _read(path, None, job, outputs, max_memory, stages, files)
        image = source.image
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
        outputs.stage(files)
        _write(outputs, source, model, correction, report, settings, stages, files)
        with stages.stage("write"):
            files.close()
    _finish(report, stages, path, source, outputs)
    return report


def preview_file(
    path: str | Path,
    output: str | Path,
    *,
    mask: Masks = None,
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
        The report; without ``fit``, the part that is known before one: see `fastbg.report.report`.
    """
    settings = replace(settings or Settings(), **options)
    path, outputs = Path(path), Outputs({"preview": output}, overwrite=overwrite)
    _refuse_early(path, mask, outputs, settings)

    stages = Stages(progress)
    with ExitStack() as files:
        job = partial(Job, settings=settings, preview=True)
        source, prepared = _read_and_prepare(path, mask, job, outputs, max_memory, stages, files)
        if fit:
            result = fit_model(prepared, settings, stages)
            report = result.report
            correction = plan(
                prepared.image, result.model, report, settings, stages, result.fit.levels
            )
            take_out(correction, report, settings, stages, lambda *rows: None)
        else:
            result, correction = None, None
            report = reporting.describe_preparation(prepared, settings)
        with stages.stage("write"):
            picture = _draw(path, prepared, settings, result, correction)
            outputs.stage(files)
            picture.save(outputs.parts["preview"], format="png")
            files.close()
    _finish(report, stages, path, source, outputs)
    return report


def _write(
    outputs: Outputs,
    source: Source,
    model: BackgroundModel,
    correction: Correction,
    report: Report,
    settings: Settings,
    stages: Stages,
    files: ExitStack,
) -> None:
    """Write the corrected image, and the background if it is asked for."""
    same, history = settings.sample_format == "same", reporting.history(report)
    store, kind = outputs.create(source.file, history, files, same=same)
    if not source.cfa:
        take_out(correction, report, settings, stages, store, clipped=kind.clips)
        source.check_unchanged()
        return
    mosaic = MosaicCorrection(
        source.samples,
        model.image(choose(settings.backend)[1], source.samples.shape),
        correction.mode,
        correction.levels,
        correction.divisor,
        source.cfa,
    )
    take_out(mosaic, report, settings, stages, store, clipped=kind.clips)
    # By colour, as those of the input and of the background.
    found = quantiles(correction.corrected(), [0, 0.5, 1], settings.worker_threads)
    reporting.add_statistics(report, "corrected", found.values())
    source.check_unchanged()


def _refuse_early(path: Path, mask: Masks, outputs: Outputs, settings: Settings) -> None:
    """Raise now what would otherwise be found after minutes of work."""
    choose(settings.backend)
    outputs.check([path, *paths_of(mask)])


def _read_and_prepare(
    path: Path,
    mask: Masks,
    job: partial[Job],
    outputs: Outputs,
    max_memory: int | None,
    stages: Stages,
    files: ExitStack,
) -> tuple[Source, Prepared]:
    source = _read(path, mask, job, outputs, max_memory, stages, files)
    try:
        return source, prepare(source.image, source.weight, job.keywords["settings"], stages)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _read(
    path: Path,
    mask: Masks,
    job: partial[Job],
    outputs: Outputs,
    max_memory: int | None,
    stages: Stages,
    files: ExitStack,
) -> Source:
    """Open the files, which stay open as long as the bands of their images are read."""
    with stages.stage("read") as advance:
        settings = job.keywords["settings"]
        source = open_source(path, mask, settings, files)
        planned = job(
            (source.image.channels, *source.samples.shape),
            held=sum(each.held_bytes for each in source.opened),
            packed=max(each.packed_bytes for each in source.opened),
            float32=source.all_float32,
        )
        advance(0, memory=planned.bytes_needed())
        planned.check(max_memory)
        outputs.check_room(source.file, same=settings.sample_format == "same")
        for each in source.opened:
            each.load()
    return source


def _finish(report: Report, stages: Stages, path: Path, source: Source, outputs: Outputs) -> None:
    if source.cfa:
        report["image"]["cfa"] = source.cfa
    reporting.finish(
        report, stages, source=path, outputs=outputs.targets, warnings=source.file.warnings
    )


def _draw(
    path: Path,
    prepared: Prepared,
    settings: Settings,
    result: Result | None = None,
    correction: Correction | None = None,
) -> Picture:
    """The preview of a file, with its result if there is one."""
    from ..report import preview

    # Those of a sky that was found are a grid, and stay.
    none = np.empty((0, 2))
    if result and correction:
        points = result.fit.start.centres if settings.control_points else none
        fitted = preview.Fitted(
            correction.background,
            correction.corrected(),
            result.spline.centres if settings.control_points else none,
            {name: values["median"] for name, values in result.report["statistics"].items()},
        )
    else:
        points = starting_points(prepared.problem, settings)[0] if settings.control_points else none
        fitted = None
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

"""The job on the panels of a mosaic: they are solved together, and each is corrected where it is.

`panels` are opened and placed by their coordinate systems; `labels` name those of a merged mosaic.
The backgrounds come from `fastbg.mosaic`, and everything after that is as of a single image.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ...errors import InputError, SettingsError
from ...io.atomic import check_targets
from ...io.names import clashes, default_name, same_name
from ...mosaic.borders import Borders
from ...mosaic.cells import Panel
from ...mosaic.labels import Labelled
from ...mosaic.scales import Scales
from ...mosaic.sky import Patchwork
from ...mosaic.solve import Group, Solution, connected, solve
from ...mosaic.surfaces import ROUNDS
from ...pipeline import Job
from ...progress import ProgressCallback
from ...report.history import history
from ...report.html.mosaic_page import Pictures
from ...report.report import Report, describe
from ...result import Fitted, Plan, Prepared
from ...search_input import centres, objects_of
from ...settings.options import Options
from ...settings.settings import Settings
from ..arguments import Masks, Paths, merged, public
from ..inputs import Inputs
from ..memory import MaxMemory
from ..outputs import Outputs
from ..strictness import refuse_doubts
from ..write import write
from .judged import Judged
from .labels import LabelImage
from .pages import in_place, pages
from .pages import write as write_pages
from .panels import Copy, placed
from .told import apart, describe_mosaic, noise_of, scales_in_words


@dataclass(frozen=True, eq=False)
class Solved:
    """A mosaic whose backgrounds are known.

    Attributes
    ----------
    names : list of str
        Those of the panels.
    solution : Solution
    scales : Scales
        The flux scales of the panels.
    pictures : Pictures
        The panels where they lie in the sky.
    images : list of (Patchwork, Judged)
        The background of each image, and what the picture of all tells of it.
    """

    names: list[str]
    solution: Solution
    scales: Scales
    pictures: Pictures
    images: list[tuple[Patchwork, Judged]]


@public
def process_mosaic(
    paths: Paths,
    *,
    panels: str | Path | None = None,
    output_dir: str | Path = ".",
    match_scale: bool = False,
    again: bool = False,
    write_model: bool = True,
    mask: Masks = None,
    sky: Masks = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> Report:
    """Take the backgrounds out of the panels of a mosaic, so that no seams are left.

    Where panels overlap, they differ by their backgrounds alone: no object is left in the
    differences. The backgrounds of all panels are solved from these together, with the sky that
    they show. Panels are neither moved nor merged: any program does that afterwards.

    Parameters
    ----------
    paths : path, str or iterable of them
        The panels: files, folders and patterns, as for `process_files`. Each has a coordinate
        system (FITS keywords, or the astrometric solution of PixInsight), or all were registered on
        one canvas. With ``panels``, one merged mosaic.
    panels : path, optional
        An image of the size of the mosaic, FITS, XISF, TIFF or PNG: a whole number for each panel,
        0 where there is none.
    output_dir : path
        The folder of the outputs, ``<stem>_bgSubtracted`` and ``<stem>_bgModel``, and of
        ``mosaic_report.html`` and ``mosaic_report.json``.
    match_scale : bool
        Also bring all panels to one flux scale, as far as overlaps tell it.
    mask, sky
        As for `process_file`; the same for all panels.
    again, write_model, compress, overwrite, max_memory, settings, progress, **options
        As for `process_files` and `process_file`; ``max_memory`` is that of one panel.

    Returns
    -------
    dict
        The report of the mosaic: see `fastbg.jobs.mosaic.told.describe_mosaic`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, DoubtError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = merged(settings, options)
    _check(settings, match_scale=match_scale, merged_before=panels is not None)
    given = [paths] if isinstance(paths, str | Path) else [*paths]
    images, left_out = Inputs([str(each) for each in given], again=again).find()
    warnings = [f"{path} is left out, since fastbg wrote it" for path in left_out]
    _check_count(images, panels)
    unit = settings.sample_format == "unit"
    outputs = [
        Outputs(
            _targets(path, output_dir, write_model),
            overwrite=overwrite,
            compress=compress,
            unit=unit,
        )
        for path in images
    ]
    for pair in clashes(images, {}, lambda path: default_name(path, output_dir, "bgSubtracted")):
        raise InputError(same_name(*pair))
    own_pages = pages(Path(output_dir))
    check_targets(own_pages, overwrite=overwrite, inputs=images)
    for each in outputs:
        each.check(images)

    with ExitStack() as files:
        copies = []
        for path, own in zip(images, outputs, strict=True):
            job = files.enter_context(Job(settings, progress))
            copies.append(Copy.of(path, job, own, files, (mask, sky), max_memory=max_memory))
        _check_channels(copies)
        solved = _labelled(copies[0], Path(panels), files) if panels else _overlapping(copies)
        warnings += apart(solved.names, solved.solution.groups)
        warnings += scales_in_words(solved.names, solved.scales, matched=match_scale)
        noise = float(np.median([noise_of(copy.linear) for copy in copies]))
        begun = [_fitted(copy, *told) for copy, told in zip(copies, solved.images, strict=True)]
        level = solved.solution.level
        divisors = solved.scales.values if match_scale else np.ones_like(solved.scales.values)
        reports = [
            _written(copy, *fit, level, divisor, files)
            for copy, fit, divisor in zip(copies, begun, divisors, strict=False)
        ]
        report = describe_mosaic(
            *(solved.names, solved.solution, solved.scales, noise, reports, warnings),
            match_scale=match_scale,
        )
        write_pages(own_pages, report, solved.pictures, files)
    return report


def _overlapping(copies: Sequence[Copy]) -> Solved:
    """The backgrounds of panels that overlap."""
    panels = [copy.panel(at) for copy, at in zip(copies, placed(copies), strict=True)]
    scales = Scales.of(panels, connected(panels))
    alike = scales.taken_out(panels)
    solution = scales.back(_solve(copies[0], alike, connected(alike)))
    images = []
    for number, copy in enumerate(copies):
        judged = Judged.of(copy.shape, panels, [number], solution)
        own = Patchwork([solution.backgrounds[number]], (panels[number].box,))
        images.append((own, judged))
    pictures = in_place(panels, solution.backgrounds)
    return Solved([str(copy.path) for copy in copies], solution, scales, pictures, images)


def _labelled(copy: Copy, path: Path, files: ExitStack) -> Solved:
    """The backgrounds of the panels of a merged mosaic."""
    image, pixel = copy.reduced.frame.image, 2 if copy.source.frame.pattern else 1
    block = pixel * copy.reduced.factor
    labels = LabelImage.open(path, copy.source.file, copy.shape, block, files)
    told = copy.known, objects_of(copy.reduced, copy.known)
    small = Labelled(copy.linear, copy.weight, labels.small, *centres(copy.reduced), *told)
    try:
        panels = small.panels(labels.boxes)
        borders = Borders(image.shape, image.rows, partial(labels.rows, pixel=pixel))
        whole = Group.meeting(panels, borders.differences(labels.boxes))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    solution = _solve(copy, panels, whole.connected())
    judged = Judged.of(copy.shape, panels, range(len(panels)), solution)
    patchwork = Patchwork(solution.backgrounds, labels.boxes, labels)
    names = [f"{number:g}" for number in labels.numbers]
    unknown = Scales.unknown(len(panels), len(solution.level))
    pictures = in_place(panels, solution.backgrounds)
    return Solved(names, solution, unknown, pictures, [(patchwork, judged)])


def _solve(first: Copy, panels: Sequence[Panel], groups: Sequence[Group]) -> Solution:
    """Solve, and tell the progress as that of the first panel's search."""
    job = first.job
    protection = job.settings.protection(masked=first.masked)
    with job.stages.stage("protect", ROUNDS * len(groups)) as advance:
        return solve(panels, groups, protection, advance, job.threads, job.backend.kernels)


def _fitted(copy: Copy, patchwork: Patchwork, judged: Judged) -> tuple[Prepared, Fitted]:
    """The problem of one image and its model."""
    reduced, job = copy.reduced, copy.job
    y, x = centres(reduced)
    sky = patchwork.sky(reduced.small, copy.used.copy(), y, x, reduced.own, judged.share)
    prepared = copy.prepared(sky)
    fitted = judged.applied(job.fit(prepared), sky.mesh)
    refuse_doubts(job, str(copy.path), prepared.preparation(), fitted)
    return prepared, fitted


def _written(
    copy: Copy,
    prepared: Prepared,
    fitted: Fitted,
    level: np.ndarray,
    divisor: np.ndarray,
    files: ExitStack,
) -> Report:
    """Write the corrected image, which gets its name when `files` is closed, and its report."""
    job, source = copy.job, copy.source
    preparation = prepared.preparation()
    plan = job.plan(source.frame, fitted.model, preparation.measured, fitted.fit.levels)
    plan = _levelled(plan, job.settings, level, divisor)
    copy.outputs.stage(files)
    with ExitStack() as written:
        lines = history(job.settings, fitted.fit, source.file.white)
        corrected = write(job, source, plan, copy.outputs, lines, written)
        with job.stages.stage("write"):
            written.close()
    about = source.about(copy.outputs.targets)
    return describe(job, source.frame, preparation, fitted, corrected, about)


def _levelled(plan: Plan, settings: Settings, level: np.ndarray, divisor: np.ndarray) -> Plan:
    """The plan with the level and the flux scale that all panels get."""
    if settings.pedestal == "neutral":
        level = np.full_like(level, level.mean())
    elif settings.pedestal != "model-median":
        level = plan.correction.levels  # the same for all
    told: Any = {"levels": level * divisor, "divisor": divisor}
    own, stored = (replace(each, **told) for each in (plan.correction, plan.stored))
    return replace(plan, correction=own, stored=stored)


def _targets(path: Path, folder: str | Path, write_model: bool) -> dict[str, Path]:
    targets = {"corrected": default_name(path, folder, "bgSubtracted")}
    if write_model:
        targets["background"] = default_name(path, folder, "bgModel")
    return targets


def _check(settings: Settings, *, match_scale: bool, merged_before: bool) -> None:
    if match_scale and merged_before:
        raise SettingsError(
            "the panels of a merged mosaic do not overlap, so that nothing tells their flux "
            "scales: leave match_scale out"
        )
    if settings.control_points:
        raise SettingsError(
            "the panels of a mosaic are solved together, without a descent: leave the number of "
            "control points out"
        )
    if settings.pedestal in ("bgoptimizer", "ancestor"):
        raise SettingsError(
            f"the pedestal {settings.pedestal} is another one for each panel: choose model-median, "
            "neutral, none or a number"
        )


def _check_count(images: Sequence[Path], panels: str | Path | None) -> None:
    if panels and len(images) > 1:
        raise InputError(
            f"a label image names the panels of one merged mosaic, and there are {len(images)} "
            "images: give one, or leave the label image out"
        )
    if not panels and len(images) < 2:
        raise InputError(
            f"{images[0]} alone is no mosaic: give all panels, or name those of a merged one with "
            "--panels (panels= in Python)"
        )


def _check_channels(copies: Sequence[Copy]) -> None:
    first = copies[0]
    for copy in copies[1:]:
        mine, its = first.used.shape[2], copy.used.shape[2]
        if mine != its:
            raise InputError(
                f"{copy.path} has {its} channel{'s'[: its > 1]} and {first.path} {mine}: give "
                "panels of one kind"
            )

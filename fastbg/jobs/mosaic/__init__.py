"""The job on the panels of a mosaic: they are solved together, and each is corrected where it is.

Workers make the small copies of images (`small`). `placing` lays them on one plane by their
coordinate systems, or `labels` name the panels of a merged mosaic. `solving` turns that into what
is taken out of each image, which `correcting` does, again in workers; `told` and `pages` say what
was found. `runs` are the batches in which that is done: workers, journals and clusters are those of
any batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from ...backends.registry import choose
from ...errors import InputError, SettingsError
from ...io.image_file import check_readable
from ...pipeline import Job
from ...report.report import Report
from ...settings.options import Options
from ...settings.settings import Settings
from .. import set_pages
from ..arguments import Count, Masks, Paths, merged, public
from ..batch import BatchCallback, Summary, hash_of
from ..batch.tasks import doubtful, failed, key_of
from ..drawn import paths_of
from ..inputs import Inputs
from ..memory import MaxMemory, in_bytes
from . import pages
from .runs import Run
from .small import FOLDER
from .solving import CLOUDED, HIDDEN, Solver
from .told import describe_mosaic


@dataclass(frozen=True)
class Mosaic(Summary):
    """The outcomes of the images of a mosaic.

    Attributes
    ----------
    outcomes, seconds
        As in `Summary`. A panel that shows nothing of the field has failed.
    report : dict
        What was found: see `fastbg.jobs.mosaic.told.describe_mosaic`.
    """

    report: Report

    __repr__ = Summary.__repr__


@public
def process_mosaic(
    paths: Paths,
    *,
    panels: str | Path | None = None,
    output_dir: str | Path = ".",
    preview: str | Path | None = None,
    match_scale: bool = False,
    again: bool = False,
    write_model: bool = True,
    mask: Masks = None,
    sky: Masks = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    workers: Count = 0,
    dask: str | None = None,
    settings: Settings | None = None,
    progress: BatchCallback | None = None,
    **options: Unpack[Options],
) -> Mosaic:
    """Take the backgrounds out of the panels of a mosaic, so that no seams are left.

    Where panels overlap, they differ by their backgrounds alone: no object is left in the
    differences. The backgrounds of all panels are solved from these together, with the sky that
    they show. Panels are neither moved nor merged: any program does that afterwards. See
    docs/mosaic.md. Finished panels are skipped, as by `process_files`, as long as the mosaic is the
    same; the folder ``.fastbg-mosaic`` in the output folder keeps the small copies of panels.

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
    preview : path, optional
        Also write a PNG of the whole mosaic, before and after.
    match_scale : bool
        Also bring all panels to one flux scale, as far as overlaps tell it.
    mask, sky
        As for `process_file`; the same for all panels.
    again, write_model, compress, overwrite, max_memory, workers, dask
        As for `process_files`.
    settings, **options
        As for `remove_background`.
    progress : callable, optional
        Called with a `BatchProgress`; it cancels the work by returning False.

    Raises
    ------
    InputError
        If the panels are no mosaic: they have nothing in common, nothing tells how they lie, or the
        label image does not fit. Nothing was corrected.
    SettingsError, OutputError, BackendError
        If no panel at all can be processed.
    Cancelled
        If ``progress`` returned False. Finished panels remain finished.
    """
    begun = time.monotonic()
    settings = merged(settings, options)
    _check(settings, match_scale=match_scale, merged_before=panels is not None)
    if dask and workers:
        raise SettingsError("a cluster has its own workers: leave their number out")
    if not dask:
        choose(settings.backend)
    folder, labels = Path(output_dir), Path(panels) if panels else None
    files = set_pages.pages(folder, "mosaic", FOLDER, overwrite=overwrite)
    given = [paths] if isinstance(paths, str | Path) else [*paths]
    found = Inputs([str(each) for each in given], again=again).find()
    _check_count(found.images, labels)
    least = 1 if labels else 2
    if preview:
        own = [*found.images, *([labels] if labels else [])]
        pages.check_preview(Path(preview), files, own, overwrite=overwrite)
    drawn = {name: hash_of(each, name) for name, each in (("mask", mask), ("sky", sky))}
    key = key_of(settings, **drawn, compress=compress, write_model=write_model)
    how: dict[str, Any] = {
        "settings": settings,
        "masks": tuple(paths_of(mask)),
        "sky": tuple(paths_of(sky)),
        "compress": compress,
        "max_memory": in_bytes(max_memory),
        "overwrite": overwrite,
        "write_model": write_model,
    }
    batches = Run(int(workers), dask, progress, len(found.images), folder / FOLDER)
    with batches as run, Job(settings) as job:
        run.check_names(found.images, folder, settings)
        frames = run.looked(found.images, settings, least)
        solver = Solver(job, mask is not None, run.watch)
        if labels:
            key["panels"] = hash_of(labels, "label image")
            solver.check_labels(frames[0], labels)
        else:
            frames = run.usable(frames)
        frames, copies = run.reduced(frames, folder, drawn, how, least)
        if labels:
            solved = solver.labelled(frames[0], copies[0], labels)
        else:
            solved = solver.overlapping(frames, copies)
        models = solved.matched() if match_scale else solved.models
        left_out = [failed(path, HIDDEN.format(path)) for path in solved.hidden]
        if settings.strict:
            left_out += [doubtful(path, CLOUDED.format(path)) for path in solved.clouded]
        outcomes = run.corrected(models, left_out, folder, labels, key, how)
        seconds = time.monotonic() - begun
        report = describe_mosaic(
            *(solved, outcomes, settings),
            [f"{path} is left out, since fastbg wrote it" for path in found.left_out],
            match_scale=match_scale,
            preview=str(preview) if preview else None,
            seconds=seconds,
        )
        factors = {frame.path: copy.factor for frame, copy in zip(frames, copies, strict=True)}
        pages.write(files, report, solved, factors)
    return Mosaic(outcomes, seconds, report)


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


def _check_count(images: Sequence[Path], panels: Path | None) -> None:
    if panels and len(images) > 1:
        raise InputError(
            f"a label image names the panels of one merged mosaic, and there are {len(images)} "
            "images: give one, or leave the label image out"
        )
    if not panels and len(images) < 2:
        check_readable(images[0])
        raise InputError(
            f"{images[0]} alone is no mosaic: give all panels, or name those of a merged one with "
            "--panels (panels= in Python)"
        )

"""Many frames of one field: their backgrounds are found together and taken out of each.

Workers make the small copies of frames (`small`), on a grid on which `placing` lays them. `solving`
turns these into a model for each frame, which `correcting` takes out, again in workers; `described`
says what was found. `runs` are the batches in which that is done: workers, journals and clusters
are those of any batch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from ...backends.registry import choose
from ...errors import InputError, SettingsError
from ...image.downscale import block_centres
from ...joint.compare import Comparison, compare
from ...joint.solve import Watch
from ...joint.surfaces import Surfaces
from ...pipeline import Job
from ...report import together as reporting
from ...report.html import set_page
from ...settings.options import Options
from ...settings.settings import Settings
from ...words import listed
from .. import set_pages
from ..arguments import Count, Masks, Paths, merged, public
from ..batch import BatchCallback, Summary, hash_of
from ..batch.tasks import key_of
from ..inputs import Inputs
from ..memory import MaxMemory, in_bytes
from . import described
from .placing import Canvas, Placed
from .runs import Run
from .small import FOLDER, Copies
from .solving import common_of, fit_mean, mean_of, models_of, reduced_of, with_objects

SMOOTHED = 3.5
"""The deviation, in pixels of the frames, of the Gaussian that smooths what tells flux scales; at
least `LEAST_SMOOTHED` blocks."""

LEAST_SMOOTHED = 0.8


@dataclass(frozen=True)
class Together(Summary):
    """The outcomes of frames that were corrected together.

    Attributes
    ----------
    outcomes, seconds
        As in `Summary`. A frame that does not show the field has failed.
    report : dict
        What was found: see `fastbg.report.together`.
    """

    report: dict[str, Any]

    __repr__ = Summary.__repr__


@public
def together(
    paths: Paths,
    *,
    output_dir: str | Path = ".",
    reference_frame: str | Path | None = None,
    relative: bool = False,
    match_scale: bool = False,
    again: bool = False,
    write_model: bool = True,
    mask: Masks = None,
    sky: Masks = None,
    reference: str | Path | None = None,
    compress: bool = False,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    workers: Count = 0,
    dask: str | None = None,
    settings: Settings | None = None,
    progress: BatchCallback | None = None,
    **options: Unpack[Options],
) -> Together:
    """Take the backgrounds out of many frames of one field, found from all of them together.

    In the differences of frames there is no object, so that their gradients are known but for one
    that all share; that one is searched for in their mean. All corrected frames have one sky. See
    docs/together.md. Finished frames are skipped, as by `process_files`, as long as the set is the
    same; the folder ``.fastbg-together`` in the output folder keeps the small copies of frames.

    Parameters
    ----------
    paths : path, str or iterable of them
        As for `process_files`: frames that are registered, or that have coordinate systems.
    output_dir : path
        The folder of the outputs: the corrected frames, their backgrounds,
        ``together_report.html`` and ``together_report.json``.
    reference_frame : path, optional
        One of the frames, to whose gradient and flux scale all others are brought before the
        gradient that is left is searched for; by default no frame is special.
    relative : bool
        Leave the gradient that all share.
    match_scale : bool
        Also bring all frames to one flux scale.
    mask, sky
        As for `process_file`, of the search in the mean; frames must be on one grid for that.
    reference : path, optional
        An image of the same sky, as for `process_file`: it tells the gradient that all share.
    again, write_model, compress, overwrite, max_memory, workers, dask
        As for `process_files`.
    settings, **options
        As for `remove_background`.
    progress : callable, optional
        Called with a `BatchProgress`; it cancels the work by returning False.

    Raises
    ------
    InputError
        If fewer than two frames show the same field, frames do not overlap, or nothing tells how
        they lie. Nothing was corrected.
    SettingsError, OutputError, BackendError
        If no frame at all can be processed.
    DoubtError
        If the settings are strict and the gradient that all share is doubtful. Nothing was
        corrected. Of frames that clouds dim, strict settings leave out each alone.
    Cancelled
        If ``progress`` returned False. Finished frames remain finished.
    """
    begun = time.monotonic()
    settings = _checked(merged(settings, options), dask, workers)
    folder = Path(output_dir)
    pages = set_pages.pages(folder, "together", FOLDER, overwrite=overwrite)
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found = Inputs([str(each) for each in given], again=again).find()
    wanted = Path(reference_frame) if reference_frame else None
    drawn = {"mask": mask, "sky": sky, "reference": reference}
    if relative and any(drawn.values()):
        names = " and the ".join(name for name, each in drawn.items() if each)
        raise SettingsError(f"the common gradient is to be left: leave out the {names}")
    hashes = {name: hash_of(each, name) for name, each in drawn.items()}
    how: dict[str, Any] = {
        "settings": settings,
        "compress": compress,
        "max_memory": in_bytes(max_memory),
        "overwrite": overwrite,
        "write_model": write_model,
    }
    with Run(int(workers), dask, progress, len(found.images), folder / FOLDER) as run:
        run.check_names(found.images, folder, settings)
        group = run.placed(found.images, wanted, settings)
        if (mask or sky) and not group.canvas.alike:
            raise SettingsError("a mask needs frames on one grid: register the frames, or omit it")
        target = group.target
        frames, canvas, copies = run.reduced(group, folder, how, needs_target=wanted is not None)
        comparison = _compared(frames, canvas, copies, target, wanted, run.watch)
        with Job(settings) as job:
            reduced = reduced_of(job, mean_of(comparison, copies), canvas)
            beside = mask, sky, reference
            fitted, doubts = None, list[str]()
            if not relative:
                reduced = with_objects(job, reduced, canvas)
                fitted, doubts = fit_mean(job, reduced, comparison, canvas, *beside)
            common = common_of(job, reduced, fitted)
            warnings = list(job.warnings)
        own = comparison, common, frames, canvas, target.field, copies
        models = models_of(*own, match_scale=match_scale)
        key = key_of(settings, **hashes, compress=compress, write_model=write_model)
        outcomes = run.corrected(frames, models, comparison, folder, key, how)
        seconds = time.monotonic() - begun
        report = reporting.describe(
            settings=settings,
            grid=described.grid(canvas, frames),
            frames=described.frames(frames, comparison, common, models, outcomes, group.left_out),
            common=described.common(common, reference, reduced.frame.outlines),
            choices={
                "reference_frame": str(wanted) if wanted else None,
                "relative": relative,
                "match_scale": match_scale,
                "scales_known": comparison.scaled,
            },
            doubts=doubts,
            warnings=warnings,
            seconds=seconds,
        )
        shown = described.pictures(comparison, common, reduced, canvas)
        set_pages.write(pages, set_page.render(report, shown), report)
    return Together(outcomes, seconds, report)


def _checked(settings: Settings, dask: str | None, workers: Count) -> Settings:
    """The settings of the set; raises SettingsError for those that it cannot have."""
    if dask and workers:
        raise SettingsError("a cluster has its own workers: leave their number out")
    if settings.mode != "subtract":
        raise SettingsError(
            "frames differ by light that is added: backgrounds of a set are subtracted, not divided"
        )
    if settings.pedestal == "bgoptimizer":
        raise SettingsError(
            "the pedestal of bgoptimizer depends on each frame, and a set has one sky: choose "
            "another"
        )
    if not settings.finds_sky or settings.control_points:
        raise SettingsError(
            "the background of a set is a sky that is searched for: leave out control points and "
            "what makes a descent"
        )
    if settings.seams not in ("auto", "off"):
        raise SettingsError(
            "the mean of a set has no panels: leave the seams out, or take fastbg mosaic"
        )
    if not dask:
        choose(settings.backend)
    return replace(settings, seams="off")


def _compared(
    frames: list[Placed],
    canvas: Canvas,
    copies: Copies,
    target: Placed,
    wanted: Path | None,
    watch: Watch,
) -> Comparison:
    """The comparison of the frames; raises InputError if fewer than two show the same field."""
    y, x = (block_centres(size, canvas.factor) for size in canvas.shape)
    surfaces = Surfaces(y, x)
    deviation = max(LEAST_SMOOTHED, SMOOTHED / canvas.factor)
    own = copies.means, target.channels, surfaces, deviation, watch
    comparison = compare(*own)
    if comparison.used.sum() < 2:
        bad = [str(frame.path) for frame, v in zip(frames, comparison.verdicts, strict=True) if v]
        raise InputError(
            f"fewer than two frames show the same field without clouds (see {listed(bad)}): "
            "give registered frames of one field"
        )
    if wanted is not None:
        number = [frame.path for frame in frames].index(target.path)
        if comparison.verdicts[number] in described.UNUSABLE:
            raise InputError(
                f"{target.path} {described.WORDS[comparison.verdicts[number]]}: choose another "
                "reference frame"
            )
        comparison = comparison.relative_to(number)
    return comparison

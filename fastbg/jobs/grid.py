"""An automatic grid of samples of a file, to be looked at, changed and given to another job."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

import numpy as np

from ..checks import check_settings
from ..errors import InputError
from ..io.sample_points import csv, json
from ..pipeline import Job
from ..progress import ProgressCallback
from ..report.report import Report, describe
from ..result import Prepared
from ..samples.checks import LEAST
from ..samples.grid import PER_ROW, Ground, generate
from ..samples.points import SamplePoints
from ..settings.checks import number, whole
from ..settings.options import Options
from ..settings.settings import Settings
from .arguments import Masks, as_path, merged, public
from .arguments import Source as Given
from .memory import MaxMemory
from .outputs import Outputs
from .preview import draw
from .source import Source, errors_of, read

MOST_PER_ROW = 100


@public
def samples_file(
    path: Given,
    output: str | Path,
    *,
    per_row: int = PER_ROW,
    radius: float | None = None,
    keep_all: bool = False,
    mask: Masks = None,
    sky: Masks = None,
    preview: str | Path | None = None,
    overwrite: bool = False,
    max_memory: MaxMemory = None,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    **options: Unpack[Options],
) -> Report:
    """Write an automatic grid of samples, which ``samples=`` of the other functions takes.

    The sky is searched for. Each sample moves to the darkest place near, and weighs as much as of
    its disc is sky; those of which less than half is are left out.

    Parameters
    ----------
    output : path
        CSV or JSON, by its suffix. Places count pixels as the file stores its rows.
    per_row : int, optional
        The number of samples along the longer side, 2 to 100.
    radius : float, optional
        In pixels. Without it, a quarter of the distance between samples, 40 pixels at most.
    keep_all : bool, optional
        Samples that are left out otherwise are written with the weight 0.
    preview : path, optional
        Also write a PNG with the samples.
    path, mask, sky, overwrite, max_memory, settings, progress, **options
        As for `process_file`.

    Returns
    -------
    dict
        The report of a fit through these samples; see `fastbg.report.report`.

    Raises
    ------
    InputError, SettingsError, OutputError, BackendError, Cancelled
        One line with cause and cure; nothing was written.
    """
    settings = merged(settings, options)
    check_grid(per_row, radius)
    path = as_path(path)
    targets = {"samples": output} | ({"preview": preview} if preview else {})
    outputs = Outputs(targets, overwrite=overwrite)

    with Job(settings, progress) as job, ExitStack() as files:
        draws = bool(preview)
        opened = job, path, mask, sky, outputs, files
        source = read(
            *opened, max_memory=max_memory, draws=draws, shows_result=False, corrects=False
        )
        with errors_of(source):
            points, prepared = _grid(job, source, per_row, radius, keep_all)
        with job.stages.stage("write"):
            outputs.stage(files)
            text = json if outputs.targets["samples"].suffix.lower() == ".json" else csv
            rows = _as_stored(points, source).rows
            outputs.parts["samples"].write_text(text(rows), encoding="utf-8")
            if preview:
                picture = draw(path.name, prepared, job.settings)
                picture.save(outputs.parts["preview"], format="png")
            source.check_unchanged()
            files.close()
        about = source.about(outputs.targets)
        return describe(job, source.frame, prepared.preparation(), files=about)


def check_grid(per_row: int, radius: float | None) -> None:
    """Raise SettingsError for a grid that cannot be."""
    whole("number of samples per row", 2, MOST_PER_ROW)(per_row)
    if radius is not None:
        number("radius", lambda value: value > 0, "be more than 0 pixels")(radius)


def _grid(
    job: Job, source: Source, per_row: int, radius: float | None, keep_all: bool
) -> tuple[SamplePoints, Prepared]:
    """The samples, in pixels of ``frame.samples``, and a fit through them."""
    frame, (weight, sky) = source.frame, source.drawn
    check_settings(job.settings, masked=weight is not None, sampled=True)
    most = min(frame.samples.shape) / 2
    if radius is not None and radius > most:
        raise InputError(
            f"the radius is {radius:g} pixels: give {most:g} at most, half the side of the image"
        )
    with job.stages.stage("prepare"):
        reduced = job.reduce(frame)
        known = job.known(reduced, sky)
        used = job.weigh(reduced, weight, known)
    masked, shape = weight is not None, frame.samples.shape
    prepared = job.search(reduced, used.copy(), masked=masked, known=known)
    assert prepared.sky is not None
    ground = Ground.of(reduced.small, prepared.sky, shape)
    points = generate(ground, shape, per_row=per_row, radius=radius, keep_all=keep_all)
    found = np.count_nonzero(points.weight)
    if found < LEAST:
        raise InputError(
            f"{found} of the samples are sky, and {LEAST} are the least: choose more per row, a "
            "smaller radius, or places of your own"
        )
    measured = job.measure_samples(frame, points, weight)
    return points, job.search(reduced, used, masked=masked, samples=measured)


def _as_stored(points: SamplePoints, source: Source) -> SamplePoints:
    """The samples in the order of rows of the file."""
    shape, turn = source.frame.samples.shape, source.file.turn
    return points.mirrored(shape, rows=turn.rows, columns=turn.columns)

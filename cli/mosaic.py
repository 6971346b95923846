"""``fastbg mosaic``: the panels of a mosaic, solved together."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from ..settings.settings import Settings
from .batch import Dask, MaxMemory, Workers
from .options import (
    INPUT,
    OUTPUT,
    PREVIEW_OUTPUT,
    RUNNING,
    STRETCH,
    Again,
    Compress,
    Json,
    Masks,
    NoModel,
    Quiet,
    Sky,
    flag,
    option,
)
from .with_settings import with_settings

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="PANEL...",
        help="The panels, linear images that overlap and have coordinate systems: files, folders "
        "or quoted patterns. With --panels, one merged mosaic.",
        show_default=False,
    ),
]
Panels = Annotated[
    Path | None,
    option(
        INPUT,
        "--panels",
        metavar="FILE",
        help="An image of the size of the one merged mosaic, whose whole numbers tell which panel "
        "each pixel belongs to: 1, 2 and so on, 0 where there is none.",
    ),
]
OutputDir = Annotated[
    Path,
    option(
        OUTPUT,
        "-o",
        "--output-dir",
        metavar="FOLDER",
        help="Folder of the corrected panels, of the page mosaic_report.html, and of the journal, "
        "from which an interrupted run continues.",
    ),
]
PreviewOutput = Annotated[
    Path | None,
    option(
        OUTPUT,
        *PREVIEW_OUTPUT,
        metavar="PNG",
        help="Also draw the whole mosaic, before and after, in this file.",
    ),
]
Overwrite = Annotated[
    bool,
    flag(OUTPUT, "--overwrite", help="Correct finished panels again, and replace all outputs."),
]

MatchScale = Annotated[
    bool,
    flag(
        OUTPUT,
        "--match-scale",
        help="Bring all panels to one flux scale, too, as far as overlaps tell it.",
    ),
]


@with_settings(
    *("white", "cfa", OUTPUT, STRETCH, "threshold_min", "threshold_max", "invert_mask"),
    *("no_invert_mask", "protect", "catalogue", "no_catalogue", "protect_at", "feather", "border"),
    RUNNING,
)
def mosaic(
    inputs: Inputs,
    *,
    panels: Panels = None,
    again: Again = False,
    output_dir: OutputDir = Path(),
    preview_output: PreviewOutput = None,
    match_scale: MatchScale = False,
    no_model: NoModel = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    sky: Sky = None,
    settings: Settings,
    workers: Workers = 0,
    max_memory: MaxMemory = None,
    dask: Dask = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove the backgrounds of the panels of a mosaic, so that no seams are left.

    The panels are solved together, from their differences where they overlap and from the sky that
    they show. They stay where they are: any program merges them afterwards.
    """
    from ..jobs.mosaic import process_mosaic
    from .batch_display import BatchDisplay
    from .set_summary import tell_mosaic

    if dask:
        # Dask logs tracebacks of the errors that are printed here in one line.
        logging.disable()
    with BatchDisplay(quiet=quiet, as_json=as_json, watch=False, summary=False) as display:
        found = process_mosaic(
            inputs,
            panels=panels,
            output_dir=output_dir,
            preview=preview_output,
            match_scale=match_scale,
            again=again,
            write_model=not no_model,
            mask=mask,
            sky=sky,
            compress=compress,
            overwrite=overwrite,
            max_memory=max_memory,
            workers=workers,
            dask=dask,
            settings=settings,
            progress=display,
        )
    tell_mosaic(found, output_dir, quiet=quiet, as_json=as_json)
    if display.exit_code:
        raise typer.Exit(display.exit_code)

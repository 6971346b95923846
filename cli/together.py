"""``fastbg together``: the backgrounds of many frames of one field, found from all of them."""

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
    REFERENCE,
    RUNNING,
    STRETCH,
    Again,
    Compress,
    Json,
    Masks,
    NoModel,
    Quiet,
    Reference,
    Sky,
    flag,
    option,
)
from .with_settings import with_settings

Frames = Annotated[
    list[str],
    typer.Argument(
        metavar="FRAME...",
        help="Linear frames of one field, registered or with coordinate systems; folders, or "
        "quoted patterns.",
        show_default=False,
    ),
]
OutputDir = Annotated[
    Path,
    option(
        OUTPUT,
        "-o",
        "--output-dir",
        metavar="FOLDER",
        help="Folder of the corrected frames, of the page together_report.html, and of the "
        "journal, from which an interrupted run continues.",
    ),
]
Overwrite = Annotated[
    bool,
    flag(OUTPUT, "--overwrite", help="Correct finished frames again, and replace all outputs."),
]
ReferenceFrame = Annotated[
    Path | None,
    option(
        INPUT,
        "--reference-frame",
        metavar="FILE",
        help="Bring all frames to the gradient and the flux scale of this one, before the gradient "
        "that is left is searched for. No frame is special without it.",
    ),
]
Relative = Annotated[
    bool,
    flag(OUTPUT, "--relative", help="Leave the gradient that all frames share."),
]
MatchScale = Annotated[
    bool,
    flag(OUTPUT, "--match-scale", help="Bring all frames to one flux scale, too."),
]


@with_settings(
    *("white", "cfa", OUTPUT, STRETCH, "threshold_min", "threshold_max", "invert_mask"),
    *("no_invert_mask", "protect", "catalogue", "no_catalogue", "protect_at", "feather", "border"),
    *("flexibility", REFERENCE, RUNNING),
)
def together(
    frames: Frames,
    *,
    again: Again = False,
    reference_frame: ReferenceFrame = None,
    output_dir: OutputDir = Path(),
    relative: Relative = False,
    match_scale: MatchScale = False,
    no_model: NoModel = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    sky: Sky = None,
    reference: Reference = None,
    settings: Settings,
    workers: Workers = 0,
    max_memory: MaxMemory = None,
    dask: Dask = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove the backgrounds of many frames of one field, found from all of them together.

    In the differences of frames there is no object: gradients that vary from frame to frame are
    known whatever fills the field. Clouds and frames of another field are noticed and named.
    """
    from ..jobs.together import together as correct
    from .batch_display import BatchDisplay
    from .set_summary import tell_set

    if dask:
        # Dask logs tracebacks of the errors that are printed here in one line.
        logging.disable()
    with BatchDisplay(quiet=quiet, as_json=as_json, watch=False, summary=False) as display:
        found = correct(
            frames,
            output_dir=output_dir,
            reference_frame=reference_frame,
            relative=relative,
            match_scale=match_scale,
            again=again,
            write_model=not no_model,
            mask=mask,
            sky=sky,
            reference=reference,
            compress=compress,
            overwrite=overwrite,
            max_memory=max_memory,
            workers=workers,
            dask=dask,
            settings=settings,
            progress=display,
        )
    tell_set(found, output_dir, quiet=quiet, as_json=as_json)
    if display.exit_code:
        raise typer.Exit(display.exit_code)

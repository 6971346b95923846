"""``fastbg apply``: a background that was fitted before, out of any number of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import Cancelled, FastbgError
from ..settings.settings import Settings
from .options import (
    INPUT,
    OUTPUT,
    RUNNING,
    Compress,
    Events,
    Json,
    MaxMemory,
    Overwrite,
    Quiet,
    option,
    with_settings,
)


@with_settings(INPUT, OUTPUT, RUNNING, also=["cfa"])
def apply(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="Of fastbg fit, JSON.", show_default=False),
    ],
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT", help="Linear images, XISF, FITS or TIFF.", show_default=False
        ),
    ],
    *,
    output_dir: Annotated[
        Path,
        option(
            OUTPUT,
            "-o",
            "--output-dir",
            metavar="FOLDER",
            help="Of the outputs, <input>_bgSubtracted.",
        ),
    ] = Path(),
    rescale: Annotated[
        bool,
        option(
            OUTPUT,
            "--rescale",
            help="Scale and shift the model to the sky of each file, channel by channel.",
        ),
    ] = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Take a fitted background out of files. What fails is told, and the rest is done."""
    from ..jobs.apply import apply_model
    from ..model.model import BackgroundModel
    from .errors import REFUSED, refused
    from .events import emit
    from .progress import display
    from .summary import print_json, tell

    BackgroundModel.load(model)  # told once, not for each file
    reports, failed = [], 0
    for path in inputs:
        try:
            with display(quiet=quiet, as_json=as_json, events=events, input=str(path)) as progress:
                report = apply_model(
                    model,
                    path,
                    output_dir=output_dir,
                    rescale=rescale,
                    compress=compress,
                    overwrite=overwrite,
                    max_memory=max_memory,
                    settings=settings,
                    progress=progress,
                )
        except Cancelled:
            raise
        except FastbgError as error:
            refused(error)
            failed += 1
            if events:
                emit("failed", input=str(path), message=str(error))
        else:
            reports.append(report)
            tell(report, quiet=quiet or as_json or events, as_json=False)
    if as_json:
        print_json(reports)
    if events and failed:
        message = f"{failed} of {len(inputs)} files failed"
        emit("error", message=message, exit_code=REFUSED, report=reports)
    elif events:
        emit("done", report=reports)
    if failed:
        raise typer.Exit(REFUSED)

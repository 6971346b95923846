"""``fastbg run``: the whole job on one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SettingsError
from ..settings.settings import Settings
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    RUNNING,
    SPLINE,
    STRETCH,
    Compress,
    Events,
    Input,
    Json,
    Masks,
    MaxMemory,
    Overwrite,
    Quiet,
    option,
    with_settings,
)


@with_settings(INPUT, OUTPUT, STRETCH, MASK, SPLINE, DESCENT, RUNNING)
def run(
    input: Input,
    output_dir: Annotated[
        Path, typer.Argument(metavar="OUTPUT_DIR", help="Folder for the outputs.")
    ] = Path(),
    *,
    output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "-o",
            "--output",
            metavar="FILE",
            help="The corrected image, instead of OUTPUT_DIR/<input>_bgSubtracted; its suffix "
            "tells the format.",
        ),
    ] = None,
    model_output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "--model-output",
            metavar="FILE",
            help="The background, instead of OUTPUT_DIR/<input>_bgModel.",
        ),
    ] = None,
    preview_output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "--preview-output",
            metavar="PNG",
            help="Also draw the fit: before, model and after.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        option(
            OUTPUT,
            "--report",
            metavar="FOLDER",
            help="Also write <input>_report.html, for a browser, and <input>_report.json into it.",
        ),
    ] = None,
    preview: Annotated[
        bool,
        option(
            OUTPUT,
            "-p",
            "--preview",
            help="Only draw OUTPUT_DIR/<input>_preview.png, without a fit.",
        ),
    ] = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Fit the background, subtract it, write image and model."""
    from ..io.names import default_name
    from ..jobs.preview import preview_file
    from ..jobs.run import process_file
    from .progress import display
    from .summary import tell

    if preview and (output or model_output or report):
        raise SettingsError(
            "-p writes only a preview: leave out -o, --model-output and --report, or use "
            "--preview-output"
        )
    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        if preview:
            told = preview_file(
                input,
                preview_output or default_name(input, output_dir, "preview", ".png"),
                mask=mask,
                overwrite=overwrite,
                max_memory=max_memory,
                settings=settings,
                progress=progress,
            )
        else:
            told = process_file(
                input,
                output=output,
                model_output=model_output,
                output_dir=output_dir,
                mask=mask,
                preview=preview_output,
                report_dir=report,
                compress=compress,
                overwrite=overwrite,
                max_memory=max_memory,
                settings=settings,
                progress=progress,
            ).report
    tell(told, quiet=quiet, as_json=as_json, events=events)

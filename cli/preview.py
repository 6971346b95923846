"""``fastbg preview``: one picture to choose the settings by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..settings.settings import Settings
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    RUNNING,
    SPLINE,
    STRETCH,
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


@with_settings(INPUT, STRETCH, MASK, SPLINE, DESCENT, RUNNING)
def preview(
    input: Input,
    *,
    output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "-o",
            "--output",
            metavar="PNG",
            help="The picture, instead of <input>_preview.png in this folder.",
        ),
    ] = None,
    fit: Annotated[
        bool, option(OUTPUT, "--fit", help="Also fit, and draw before, model and after.")
    ] = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Draw what a fit would see: stretch, mask, control points."""
    from ..io.names import default_name
    from ..jobs.preview import preview_file
    from .progress import display
    from .summary import tell

    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        report = preview_file(
            input,
            output or default_name(input, ".", "preview", ".png"),
            mask=mask,
            fit=fit,
            overwrite=overwrite,
            max_memory=max_memory,
            settings=settings,
            progress=progress,
        )
    tell(report, quiet=quiet, as_json=as_json, events=events)

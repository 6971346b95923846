"""``fastbg preview``: one picture by which to choose the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..settings.settings import Settings
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    PREVIEW_OUTPUT,
    REFERENCE,
    RUNNING,
    STRETCH,
    Events,
    Input,
    Json,
    Masks,
    MaxMemory,
    Overwrite,
    Quiet,
    Reference,
    Samples,
    Sky,
    flag,
    option,
    the_samples,
)
from .with_settings import with_settings

PreviewOutput = Annotated[
    Path | None,
    option(
        OUTPUT,
        *PREVIEW_OUTPUT,
        "-o",
        metavar="PNG",
        help="Draw in this file, instead of <input>_preview.png in the current folder.",
    ),
]
Fit = Annotated[
    bool,
    flag(
        OUTPUT,
        "--fit",
        help="Also fit the background, and draw the image, the background and the corrected image.",
    ),
]


@with_settings(INPUT, "pedestal", "mode", "strength", STRETCH, MASK, REFERENCE, DESCENT, RUNNING)
def preview(
    input: Input,
    *,
    preview_output: PreviewOutput = None,
    fit: Fit = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    sky: Sky = None,
    samples: Samples = None,
    reference: Reference = None,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Draw the stretched image, the ignored pixels and the control points, to choose settings."""
    from ..io.names import default_name
    from ..jobs.preview import preview_file
    from .progress import display
    from .summary import tell

    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        report = preview_file(
            input,
            preview_output or default_name(input, ".", "preview", ".png"),
            mask=mask,
            sky=sky,
            samples=the_samples(samples),
            reference=reference,
            fit=fit,
            overwrite=overwrite,
            max_memory=max_memory,
            settings=settings,
            progress=progress,
        )
    tell(report, quiet=quiet, as_json=as_json, events=events)

"""``fastbg fit``: the background alone, to be applied to any number of files."""

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
def fit(
    input: Input,
    *,
    output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "-o",
            "--output",
            metavar="JSON",
            help="The model, instead of <input>_model.json in this folder.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    mask: Masks = None,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Fit the background and write the model, for fastbg apply."""
    from ..io.names import default_name
    from ..jobs.fit import fit_file
    from .progress import display
    from .summary import tell

    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        report = fit_file(
            input,
            output or default_name(input, ".", "model", ".json"),
            mask=mask,
            overwrite=overwrite,
            max_memory=max_memory,
            settings=settings,
            progress=progress,
        ).report
    tell(report, quiet=quiet, as_json=as_json, events=events)

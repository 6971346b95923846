"""``fastbg samples``: an automatic grid of samples, to be changed and given to fastbg run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..settings.settings import Settings
from .options import (
    INPUT,
    MASK,
    OUTPUT,
    RUNNING,
    Events,
    Input,
    Json,
    Masks,
    MaxMemory,
    Overwrite,
    Quiet,
    Sky,
    flag,
    number,
    option,
    whole,
)
from .with_settings import with_settings

Output = Annotated[
    Path | None,
    option(
        OUTPUT,
        "-o",
        "--output",
        metavar="FILE",
        help="Name of the samples, .csv or .json, instead of <input>_samples.csv in the current "
        "folder.",
    ),
]
Preview = Annotated[
    Path | None,
    option(OUTPUT, "--preview", metavar="PNG", help="Also draw the samples in this file."),
]
PerRow = Annotated[
    int,
    whole(OUTPUT, "--per-row", metavar="COUNT", help="Number of samples along the longer side."),
]
Radius = Annotated[
    float | None,
    number(
        OUTPUT,
        "--radius",
        metavar="PIXELS",
        show_default="a quarter of their distance, 40 at most",
        help="Radius of the samples.",
    ),
]
KeepAll = Annotated[
    bool,
    flag(
        OUTPUT,
        "--keep-all",
        help="Also write the samples of which less than half is sky, with the weight 0.",
    ),
]


@with_settings(INPUT, "downscaling_factor", "threshold_min", "threshold_max", MASK, RUNNING)
def samples(
    input: Input,
    *,
    output: Output = None,
    per_row: PerRow = 20,
    radius: Radius = None,
    keep_all: KeepAll = False,
    preview: Preview = None,
    overwrite: Overwrite = False,
    mask: Masks = None,
    sky: Sky = None,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Write a grid of samples on the sky, as CSV, for --samples of the other commands."""
    from ..io.names import default_name
    from ..jobs.grid import samples_file
    from .progress import display
    from .summary import tell

    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        report = samples_file(
            input,
            output or default_name(input, ".", "samples", ".csv"),
            per_row=per_row,
            radius=radius,
            keep_all=keep_all,
            mask=mask,
            sky=sky,
            preview=preview,
            overwrite=overwrite,
            max_memory=max_memory,
            settings=settings,
            progress=progress,
        )
    tell(report, quiet=quiet, as_json=as_json, events=events)

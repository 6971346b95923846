"""``fastbg fit``: fit a background and save it, for ``fastbg apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..settings.settings import Settings
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
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
    option,
    the_samples,
)
from .with_settings import with_settings

Output = Annotated[
    Path | None,
    option(
        OUTPUT,
        "-o",
        "--output",
        metavar="JSON",
        help="Name of the model, instead of <input>_model.json in the current folder.",
    ),
]


@with_settings(INPUT, "strict", "no_strict", STRETCH, MASK, REFERENCE, DESCENT, RUNNING)
def fit(
    input: Input,
    *,
    output: Output = None,
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
    """Fit the background of an image and save the model, for fastbg apply."""
    from ..io.names import default_name
    from ..jobs.fit import fit_file
    from .progress import display
    from .summary import tell

    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        report = fit_file(
            input,
            output or default_name(input, ".", "model", ".json"),
            mask=mask,
            sky=sky,
            samples=the_samples(samples),
            reference=reference,
            overwrite=overwrite,
            max_memory=max_memory,
            settings=settings,
            progress=progress,
        ).report
    tell(report, quiet=quiet, as_json=as_json, events=events)

"""``fastbg run``: the whole job on one image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import SettingsError
from ..settings.settings import Settings
from .meant import check_single
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    PREVIEW_OUTPUT,
    REFERENCE,
    RUNNING,
    STRETCH,
    Compress,
    Events,
    Input,
    Json,
    Masks,
    MaxMemory,
    NoModel,
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

OutputDir = Annotated[
    Path,
    typer.Argument(metavar="OUTPUT_DIR", help="Folder of the outputs; it is created if needed."),
]
Output = Annotated[
    Path | None,
    option(
        OUTPUT,
        "-o",
        "--output",
        metavar="FILE",
        help="Name of the corrected image, instead of OUTPUT_DIR/<input>_bgSubtracted. The suffix "
        "selects the format.",
    ),
]
ModelOutput = Annotated[
    Path | None,
    option(
        OUTPUT,
        "--model-output",
        metavar="FILE",
        help="Name of the background, instead of OUTPUT_DIR/<input>_bgModel.",
    ),
]
PreviewOutput = Annotated[
    Path | None,
    option(
        OUTPUT,
        *PREVIEW_OUTPUT,
        metavar="PNG",
        help="Also draw the image, the background and the corrected image in this file. With -p, "
        "it is the name of the preview.",
    ),
]
Report = Annotated[
    Path | None,
    option(
        OUTPUT,
        "--report",
        metavar="FOLDER",
        help="Also write <input>_report.html, a page for a browser, and <input>_report.json into "
        "this folder.",
    ),
]
PreviewOnly = Annotated[
    bool,
    flag(
        OUTPUT,
        "-p",
        "--preview",
        help="Only draw OUTPUT_DIR/<input>_preview.png, as fastbg preview does.",
    ),
]


@with_settings(INPUT, OUTPUT, STRETCH, MASK, REFERENCE, DESCENT, RUNNING)
def run(
    input: Input,
    output_dir: OutputDir = Path(),
    *,
    output: Output = None,
    model_output: ModelOutput = None,
    no_model: NoModel = False,
    preview_output: PreviewOutput = None,
    report: Report = None,
    preview: PreviewOnly = False,
    compress: Compress = False,
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
    """Remove the background of an image, and write the corrected image and the background."""
    from ..io.names import default_name
    from ..jobs.run import process_file
    from .progress import display
    from .summary import tell

    if preview and (output or model_output or no_model or report):
        raise SettingsError(
            "-p writes only a preview: leave out -o, --model-output, --no-model and --report; "
            "--preview-output names it"
        )
    if no_model and model_output:
        raise SettingsError("--no-model and --model-output exclude each other: leave one out")
    check_single(input, output_dir, output)
    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        if preview:
            from ..jobs.preview import preview_file

            told = preview_file(
                input,
                preview_output or default_name(input, output_dir, "preview", ".png"),
                mask=mask,
                sky=sky,
                samples=the_samples(samples),
                reference=reference,
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
                write_model=not no_model,
                output_dir=output_dir,
                mask=mask,
                sky=sky,
                samples=the_samples(samples),
                reference=reference,
                preview=preview_output,
                report_dir=report,
                compress=compress,
                overwrite=overwrite,
                max_memory=max_memory,
                settings=settings,
                progress=progress,
            ).report
    tell(told, quiet=quiet, as_json=as_json, events=events)

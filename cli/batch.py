"""``fastbg batch``: the whole job on any number of images."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from ..settings.settings import Settings
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    REFERENCE,
    RUNNING,
    STRETCH,
    Again,
    Compress,
    Inputs,
    Json,
    KeepTree,
    Masks,
    NoModel,
    Quiet,
    Reference,
    Samples,
    Sky,
    flag,
    option,
    size,
    the_samples,
    whole,
)
from .with_settings import with_settings

OutputDir = Annotated[
    Path,
    option(
        OUTPUT,
        "-o",
        "--output-dir",
        metavar="FOLDER",
        help="Folder of the outputs and of the journal, from which an interrupted batch continues.",
    ),
]
Overwrite = Annotated[
    bool,
    flag(OUTPUT, "--overwrite", help="Process finished images again, and replace all outputs."),
]
Workers = Annotated[
    int,
    whole(
        RUNNING,
        "--workers",
        metavar="COUNT",
        help="Number of processes, which share the threads; 0 means as many as the cores and the "
        "memory allow.",
    ),
]
MaxMemory = Annotated[
    int | None,
    size(
        RUNNING,
        "--max-memory",
        show_default="what is available",
        help="Memory of all workers together, for example 8GB.",
    ),
]
Watch = Annotated[
    bool,
    flag(RUNNING, "--watch", help="In the end, wait for new and changed images, until Ctrl-C."),
]
Dask = Annotated[
    str | None,
    option(
        RUNNING,
        "--dask",
        metavar="ADDRESS",
        help="Use the workers of a Dask scheduler, for example tcp://host:8786. The images must "
        "have the same absolute paths there. The package distributed must be installed.",
    ),
]


@with_settings(INPUT, OUTPUT, STRETCH, MASK, REFERENCE, DESCENT, RUNNING)
def batch(
    inputs: Inputs,
    *,
    again: Again = False,
    output_dir: OutputDir = Path(),
    keep_tree: KeepTree = False,
    no_model: NoModel = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    sky: Sky = None,
    samples: Samples = None,
    reference: Reference = None,
    settings: Settings,
    workers: Workers = 0,
    max_memory: MaxMemory = None,
    watch: Watch = False,
    dask: Dask = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove the backgrounds of many images, several at a time.

    Finished images are skipped. If an image fails, or is doubtful with --strict, that is printed
    and the others go on.
    """
    from ..jobs.batch import process_files
    from .batch_display import BatchDisplay

    if dask:
        # Dask logs tracebacks of the errors that are printed here in one line.
        logging.disable()
    with BatchDisplay(quiet=quiet, as_json=as_json, watch=watch) as display:
        process_files(
            inputs,
            output_dir=output_dir,
            keep_tree=keep_tree,
            again=again,
            write_model=not no_model,
            mask=mask,
            sky=sky,
            samples=the_samples(samples),
            reference=reference,
            compress=compress,
            overwrite=overwrite,
            max_memory=max_memory,
            workers=workers,
            watch=watch,
            dask=dask,
            settings=settings,
            progress=display,
        )
    if display.exit_code:
        raise typer.Exit(display.exit_code)

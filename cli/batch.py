"""``fastbg batch``: the whole job on any number of files."""

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
    RUNNING,
    SPLINE,
    STRETCH,
    Compress,
    Json,
    Masks,
    MemoryOfAll,
    Quiet,
    Workers,
    option,
    with_settings,
)


@with_settings(INPUT, OUTPUT, STRETCH, MASK, SPLINE, DESCENT, RUNNING)
def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Linear images, folders of them, and quoted patterns: 'lights/*.xisf', or "
            "'lights/**/*.xisf' for all folders below.",
            show_default=False,
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
            help="Of the outputs, and of the journal by which a batch goes on where it ended.",
        ),
    ] = Path(),
    compress: Compress = False,
    overwrite: Annotated[
        bool, option(OUTPUT, "--overwrite", help="Do all files again, and replace any output.")
    ] = False,
    mask: Masks = None,
    settings: Settings,
    workers: Workers = 0,
    max_memory: MemoryOfAll = None,
    watch: Annotated[
        bool,
        option(RUNNING, "--watch", help="Then wait for new and changed files, until Ctrl-C."),
    ] = False,
    dask: Annotated[
        str | None,
        option(
            RUNNING,
            "--dask",
            metavar="ADDRESS",
            help="Run on the workers of this Dask scheduler, like tcp://host:8786. They must see "
            "the files under the same absolute names. Needs the package distributed.",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit and subtract many files, side by side. What is finished is skipped next time.

    A file that fails is told, and the rest is done.
    """
    from ..jobs.batch import process_files
    from .batch_display import BatchDisplay

    if dask:
        # It logs with tracebacks what is told here in one line.
        logging.disable()
    with BatchDisplay(quiet=quiet, as_json=as_json, watch=watch) as display:
        process_files(
            inputs,
            output_dir=output_dir,
            mask=mask,
            compress=compress,
            overwrite=overwrite,
            max_memory=max_memory,
            workers=workers,
            watch=watch,
            dask=dask,
            settings=settings,
            progress=display,
        )
    if display.failed:
        raise typer.Exit(2)

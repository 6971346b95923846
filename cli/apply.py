"""``fastbg apply``: remove a background that was fitted before from any number of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import Cancelled, DoubtError, FastbgError, InputError
from ..settings.settings import Settings
from .meant import check_model
from .options import (
    OUTPUT,
    RUNNING,
    Again,
    Compress,
    Events,
    Inputs,
    Json,
    KeepTree,
    MaxMemory,
    Overwrite,
    Quiet,
    flag,
    option,
)
from .with_settings import with_settings

Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A model that fastbg fit wrote.", show_default=False),
]
OutputDir = Annotated[
    Path,
    option(
        OUTPUT,
        "-o",
        "--output-dir",
        metavar="FOLDER",
        help="Folder of the corrected images, <input>_bgSubtracted; it is created if needed.",
    ),
]
Rescale = Annotated[
    bool,
    flag(
        OUTPUT,
        "--rescale",
        help="Scale and shift each channel of the model to the sky of each image.",
    ),
]


@with_settings("white", "cfa", OUTPUT, RUNNING)
def apply(
    model: Model,
    inputs: Inputs,
    *,
    again: Again = False,
    output_dir: OutputDir = Path(),
    keep_tree: KeepTree = False,
    rescale: Rescale = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Remove a background that fastbg fit has found from any number of images.

    If an image fails, or is doubtful with --strict, that is printed and the others are still
    processed.
    """
    from ..jobs.apply import apply_model
    from ..model.model import BackgroundModel
    from .errors import DOUBTFUL, REFUSED, refused, worded
    from .events import emit
    from .lines import tell_line
    from .progress import display
    from .summary import print_json, tell

    check_model(model, inputs)
    targets, left_out = _targets(inputs, output_dir, again=again, keep_tree=keep_tree)
    BackgroundModel.load(model)  # so that a bad model is refused once, not for each image
    for path in left_out:
        if events:
            emit("left_out", input=str(path))
        elif not quiet:
            tell_line(f"{path} is left out, since fastbg wrote it: add --again to correct it, too")
    reports, failed, code = [], 0, DOUBTFUL
    for path, target in targets.items():
        try:
            with display(quiet=quiet, as_json=as_json, events=events, input=str(path)) as progress:
                report = apply_model(
                    model,
                    path,
                    output=target,
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
            code = code if isinstance(error, DoubtError) else REFUSED
            if events:
                emit("failed", input=str(path), message=worded(str(error)))
        else:
            reports.append(report)
            tell(report, quiet=quiet or as_json or events, as_json=False)
    if as_json:
        print_json(reports)
    if events and failed:
        message = f"{failed} of {len(targets)} files failed"
        emit("error", message=message, exit_code=code, report=reports)
    elif events:
        emit("done", report=reports)
    if failed:
        raise typer.Exit(code)


def _targets(
    names: list[str], folder: Path, *, again: bool, keep_tree: bool
) -> tuple[dict[Path, Path], list[Path]]:
    """The name of each image's corrected one, and the files that are left out."""
    from ..io.names import clashes, default_name, same_name
    from ..jobs.inputs import Inputs as Given

    given = Given(names, again=again)
    images, left_out = given.find()
    folder_of = given.output_folders(folder, keep_tree=keep_tree)
    targets = {path: default_name(path, folder_of(path), "bgSubtracted") for path in images}
    for pair in clashes(images, {}, targets.__getitem__):
        raise InputError(same_name(*pair))
    return targets, left_out

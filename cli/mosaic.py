"""``fastbg mosaic``: the panels of a mosaic, solved together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.settings import Settings
from .options import (
    INPUT,
    OUTPUT,
    RUNNING,
    STRETCH,
    Again,
    Compress,
    Events,
    Json,
    Masks,
    MaxMemory,
    NoModel,
    Overwrite,
    Quiet,
    Sky,
    flag,
    option,
)
from .with_settings import with_settings

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="PANEL",
        help="The panels, linear images that overlap and have coordinate systems: files, folders "
        "or quoted patterns. With --panels, one merged mosaic.",
        show_default=False,
    ),
]
Panels = Annotated[
    Path | None,
    option(
        INPUT,
        "--panels",
        metavar="FILE",
        help="An image of the size of the one merged mosaic, whose whole numbers tell which panel "
        "each pixel belongs to: 1, 2 and so on, 0 where there is none.",
    ),
]
OutputDir = Annotated[
    Path,
    option(
        OUTPUT,
        "-o",
        "--output-dir",
        metavar="FOLDER",
        help="Folder of the outputs, <input>_bgSubtracted and <input>_bgModel, and of the page "
        "mosaic_report.html; it is created if needed.",
    ),
]

MatchScale = Annotated[
    bool,
    flag(
        OUTPUT,
        "--match-scale",
        help="Bring all panels to one flux scale, too, as far as overlaps tell it.",
    ),
]


@with_settings(
    *("white", "cfa", OUTPUT, STRETCH, "threshold_min", "threshold_max", "invert_mask"),
    *("no_invert_mask", "protect", "catalogue", "no_catalogue", "protect_at", "feather", "border"),
    RUNNING,
)
def mosaic(
    inputs: Inputs,
    *,
    panels: Panels = None,
    again: Again = False,
    output_dir: OutputDir = Path(),
    match_scale: MatchScale = False,
    no_model: NoModel = False,
    compress: Compress = False,
    overwrite: Overwrite = False,
    mask: Masks = None,
    sky: Sky = None,
    settings: Settings,
    max_memory: MaxMemory = None,
    as_json: Json = False,
    events: Events = False,
    quiet: Quiet = False,
) -> None:
    """Remove the backgrounds of the panels of a mosaic, so that no seams are left.

    The panels are solved together, from their differences where they overlap and from the sky that
    they show. They stay where they are: any program merges them afterwards.
    """
    from ..jobs.mosaic import process_mosaic
    from .progress import display

    with display(quiet=quiet, as_json=as_json, events=events) as progress:
        report = process_mosaic(
            inputs,
            panels=panels,
            output_dir=output_dir,
            match_scale=match_scale,
            again=again,
            write_model=not no_model,
            mask=mask,
            sky=sky,
            compress=compress,
            overwrite=overwrite,
            max_memory=max_memory,
            settings=settings,
            progress=progress,
        )
    _tell(report, output_dir, quiet=quiet, as_json=as_json, events=events)


def _tell(
    report: Mapping[str, Any], folder: Path, *, quiet: bool, as_json: bool, events: bool
) -> None:
    """Print the report of a mosaic on stdout, and on stderr that a frame got worse."""
    from .events import emit
    from .lines import tell_line
    from .summary import print_json, print_rows

    if not (events or as_json):
        for image in report["images"]:
            for line in image["worse"]:
                tell_line(f"fastbg: warning: {image['input']}: {line}")
    if events:
        emit("done", report=report)
    elif as_json:
        print_json(report)
    elif not quiet:
        print_rows([*_rows(report), ("report", str(folder / "mosaic_report.html"))])


def _rows(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from ..jobs.mosaic.told import step_in_words
    from ..report.gradient import Gradient
    from ..words import format_bytes

    for image in report["images"]:
        yield "corrected", image["outputs"]["corrected"]
        yield "gradient", str(Gradient.of(image["diagnostics"]))
    seams = len(report["seams"])
    yield "panels", f"{len(report['panels'])}, with {seams} seam{'s'[: seams != 1]} between them"
    if report["seams"]:
        yield "steps", step_in_words(report["seams"], report["noise"])
    yield "time", f"{sum(report['seconds'].values()):.1f} s"
    yield "memory", f"{format_bytes(report['peak_memory_bytes'])} at its peak"
    for warning in report["warnings"]:
        yield "warning", warning
    for image in report["images"]:
        for warning in image["warnings"]:
            yield "warning", f"{image['input']}: {warning}"

"""``fastbg catalogue``: the known objects in an image, as a list and as regions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ..settings.settings import Settings
from .options import OUTPUT, Input, Json, Overwrite, Quiet, option
from .with_settings import with_settings

Output = Annotated[
    Path | None,
    option(
        OUTPUT,
        "-o",
        "--output",
        metavar="FILE",
        help="Write the outlines as DS9 regions, .reg, to be edited and given to -m.",
    ),
]


@with_settings("cfa", "protect_at")
def catalogue(
    input: Input,
    *,
    output: Output = None,
    overwrite: Overwrite = False,
    settings: Settings,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the known objects in an image, which --catalogue protects.

    The image must have a coordinate system. The objects are those of OpenNGC.
    """
    from ..jobs.catalogue import catalogue_file
    from .summary import print_json, print_rows

    told = catalogue_file(input, output, overwrite=overwrite, settings=settings)
    if as_json:
        print_json(told)
        return
    if quiet:
        return
    rows = [
        (
            str(each["name"]),
            f"at x {each['x']:.0f}, y {each['y']:.0f}, {2 * each['major']:.0f} x "
            f"{2 * each['minor']:.0f} pixels",
        )
        for each in told["protected"]
    ]
    rows += [("regions", str(output))] if output else []
    print_rows([*rows, *(("warning", str(line)) for line in told["warnings"])])

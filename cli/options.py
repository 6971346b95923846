"""How an option is made, and the options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import SettingsError
from ..words import SIZE, bytes_of
from . import completion

INPUT = "Input"
OUTPUT = "Output"
STRETCH = "Stretch and downscaling"
MASK = "Mask"
REFERENCE = "Reference"
DESCENT = "Control points and descent"
RUNNING = "Running"
PANELS = (None, INPUT, OUTPUT, STRETCH, MASK, REFERENCE, DESCENT, RUNNING)
"""The panels in the order of ``--help``; arguments have none."""

EVENTS_OPTION = "--events"

PREVIEW_OUTPUT = "--preview-output", "-po"
"""The names of the option that names the picture, wherever one is drawn."""


def option(panel: str | None, *names: str, help: str, **more: Any) -> Any:
    """An option in a panel of ``--help``."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


def the_samples(files: list[Path] | None) -> Path | None:
    """The file of ``--samples``: the last of several would win in silence otherwise."""
    if files and len(files) > 1:
        raise SettingsError(f"--samples was given {len(files)} times: join the files, and give one")
    return files[0] if files else None


def parsed(parse: Callable[[str], Any], meaning: str) -> Callable[[Any], Any]:
    """A parser of values whose error says what the value must be.

    The messages of Typer differ between its releases, and do not repeat the value.
    """

    def parser(value: Any) -> Any:
        if not isinstance(value, str):  # Typer parses the default, too
            return value
        try:
            return parse(value)
        except ValueError:
            raise typer.BadParameter(f"{value} is not {meaning}") from None

    return parser


whole = partial(option, parser=parsed(int, "a whole number"))
number = partial(option, parser=parsed(float, "a number"))
flag = option
size = partial(option, metavar="SIZE", parser=parsed(bytes_of, SIZE))


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="A linear image in XISF, FITS or TIFF: mono, RGB, or not debayered.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Linear images, folders with images, or quoted patterns: 'lights/*.xisf' for one "
        "folder, 'lights/**/*.xisf' for all folders below it, too.",
        show_default=False,
    ),
]
Again = Annotated[
    bool,
    flag(
        INPUT,
        "--again",
        help="Process images that fastbg wrote, too, which are left out otherwise.",
    ),
]
Preset = Annotated[
    str | None,
    option(
        None,
        "--preset",
        metavar="NAME|FILE",
        autocompletion=completion.presets,
        help="Take the settings from a preset (fastbg presets lists them), a TOML file, the JSON "
        "report of a job, or an image that fastbg wrote. Options on the command line take "
        "precedence.",
    ),
]
Masks = Annotated[
    list[Path] | None,
    option(
        MASK,
        "-m",
        "--mask",
        metavar="FILE",
        help="A mask image of the size of the input (XISF, FITS, TIFF or PNG), where white is sky "
        "and black is ignored; or DS9 regions or GeoJSON polygons around objects to ignore. The "
        "option may be repeated. With a mask, the thresholds have no effect.",
    ),
]
Sky = Annotated[
    list[Path] | None,
    option(
        MASK,
        "--sky",
        metavar="FILE",
        help="What is sky, whatever it looks like: an image of the size of the input, where white "
        "is sky, or DS9 regions or GeoJSON polygons around sky. The option may be repeated. What a "
        "mask ignores stays ignored.",
    ),
]
Samples = Annotated[
    list[Path] | None,
    option(
        MASK,
        "--samples",
        metavar="FILE",
        help="Places of sky, through which the background goes: CSV or JSON of x, y and radius in "
        "pixels, as fastbg samples writes them; or the points of GraXpert or Siril. The sky is not "
        "searched for then.",
    ),
]
Reference = Annotated[
    Path | None,
    option(
        REFERENCE,
        "--reference",
        metavar="FILE",
        help="An image of the same sky with little or no gradient, by which objects are told from "
        "the background, even if they fill the frame. It is registered to the input, or both have "
        "coordinates of the sky.",
    ),
]
KeepTree = Annotated[
    bool,
    flag(
        OUTPUT,
        "--keep-tree",
        help="Keep the folders of the inputs below their common folder, so that images of the same "
        "name stay apart.",
    ),
]
NoModel = Annotated[
    bool, flag(OUTPUT, "--no-model", help="Write only the corrected image, not the background.")
]
Overwrite = Annotated[
    bool,
    flag(OUTPUT, "--overwrite", help="Replace existing outputs, which are an error otherwise."),
]
Compress = Annotated[
    bool,
    flag(
        OUTPUT,
        "-c",
        "--compress",
        help="Compress XISF with LZ4-HC and TIFF with Deflate. FITS is compressed if its name ends "
        "in .fz or .gz.",
    ),
]
MaxMemory = Annotated[
    int | None,
    size(
        RUNNING,
        "--max-memory",
        help="Refuse a job whose estimated memory is larger, for example 350MB or 2GB.",
    ),
]
Json = Annotated[
    bool, flag(RUNNING, "--json", help="Print the report as JSON on stdout, and nothing else.")
]
Events = Annotated[
    bool,
    flag(
        RUNNING,
        EVENTS_OPTION,
        help="Print JSON lines on stdout for another program: stages, progress, and finally the "
        "report or the error.",
    ),
]
Quiet = Annotated[
    bool,
    flag(RUNNING, "-q", "--quiet", help="Print nothing but errors, and that a frame got worse."),
]

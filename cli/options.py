"""The options that commands share: each is described once, and its default is the library's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import SettingsError
from ..settings.settings import PEDESTALS, Settings

INPUT = "Input"
OUTPUT = "Output"
STRETCH = "Stretch and downscaling"
MASK = "Mask"
SPLINE = "Spline"
DESCENT = "Descent"
RUNNING = "Running"
_PANELS = (None, INPUT, OUTPUT, STRETCH, MASK, SPLINE, DESCENT, RUNNING)
"""In the order of --help; arguments have none."""


def option(panel: str | None, *names: str, help: str, **more: Any) -> Any:
    """An option in a panel of --help."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


def _parsed(parse: Callable[[str], Any], meaning: str) -> Callable[[str], Any]:
    # The words for a value that is no number differ between Typer's releases, and leave it out.
    def parser(text: str) -> Any:
        try:
            return parse(text)
        except ValueError:
            raise typer.BadParameter(f"{text} is not {meaning}") from None

    return parser


_whole = partial(option, parser=_parsed(int, "a whole number"))
_number = partial(option, parser=_parsed(float, "a number"))


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT",
        help="A linear image, XISF, FITS or TIFF: mono, RGB or undebayered.",
        show_default=False,
    ),
]
Preset = Annotated[
    str | None,
    option(
        None,
        "--preset",
        metavar="NAME|FILE",
        help="Settings by name (see fastbg presets), or from a TOML file, a JSON report, or an "
        "image that fastbg wrote. Options that are given win.",
    ),
]
Masks = Annotated[
    list[Path] | None,
    option(
        MASK,
        "-m",
        "--mask",
        metavar="FILE",
        help="Image of the size of the input (XISF, FITS, TIFF, PNG): white = sky to fit, black = "
        "ignored; or DS9 regions or GeoJSON polygons of what is no sky. Several may be given. "
        "Replaces the thresholds.",
    ),
]
Overwrite = Annotated[
    bool, option(OUTPUT, "--overwrite", help="Replace outputs that exist; else they are refused.")
]
Compress = Annotated[
    bool, option(OUTPUT, "-c", "--compress", help="Write XISF with lz4hc, TIFF with deflate.")
]
Json = Annotated[
    bool, option(RUNNING, "--json", help="Print one JSON report on stdout and nothing else.")
]

EVENTS_OPTION = "--events"
Events = Annotated[
    bool,
    option(
        RUNNING,
        EVENTS_OPTION,
        help="Print JSON lines on stdout for another program: stages, progress, and in the end the "
        "report or the error.",
    ),
]


def _bytes(text: str) -> int:
    """A size like 350MB."""
    match = re.fullmatch(r"([0-9.]+) ?([kmg])b?", text.lower())
    if not match:
        raise ValueError
    return int(float(match[1]) * 1000 ** (1 + "kmg".index(match[2])))


_size = partial(
    option,
    RUNNING,
    "--max-memory",
    metavar="SIZE",
    parser=_parsed(_bytes, "a size like 350MB or 2GB"),
)
MaxMemory = Annotated[
    int | None,
    _size(help="Refuse a job that is estimated to need more, for example 350MB or 2GB."),
]
MemoryOfAll = Annotated[
    int | None,
    _size(help="For all workers together, for example 8GB. Without it: what is available."),
]
Workers = Annotated[
    int,
    _whole(
        RUNNING,
        "--workers",
        metavar="COUNT",
        help="Processes, which share the threads; 0 = as many as there are cores, and as fit into "
        "memory.",
    ),
]
Quiet = Annotated[bool, option(RUNNING, "-q", "--quiet", help="Print nothing but errors.")]

# Here because it is too long for the column of names of an 80-column --help.
_ANCESTORS_QUANTILE = "--delinearization-quantile"

_SETTINGS: dict[str, Any] = {
    "white": _number(
        INPUT,
        "--white",
        metavar="VALUE",
        show_default="as the file or its samples tell",
        help="The number in the file that is white, and becomes 1 in XISF: 1, 65535 or another.",
    ),
    "pedestal": option(
        OUTPUT,
        "--pedestal",
        metavar="POLICY",
        help="What is added back: model-median (the sky keeps its level and colour), neutral (one "
        "level for all channels), none, ancestor (as bgoptimizer), or a number in linear units.",
    ),
    "mode": option(
        OUTPUT,
        "--mode",
        metavar="MODE",
        help="How the model is taken out: subtract, or divide (vignetting).",
    ),
    "sample_format": option(
        OUTPUT,
        "--sample-format",
        metavar="FORMAT",
        help="Of the corrected image: float32, or the same as the input's.",
    ),
    "downscaling_factor": _whole(
        STRETCH,
        "-dx",
        "--downscaling-factor",
        metavar="PIXELS",
        help="Side of the blocks that become one pixel of the fit.",
    ),
    "downscaling_func": option(
        STRETCH,
        "-df",
        "--downscaling-func",
        metavar="NAME",
        help="What a block becomes: its median or mean.",
    ),
    "quantile": _number(
        STRETCH,
        "-dq",
        "--quantile",
        metavar="0..1",
        help="Quantile of the linear image that the stretch maps to 1; lower stretches more. Also "
        f"{_ANCESTORS_QUANTILE}.",
    ),
    "threshold_min": _number(
        MASK,
        "-tm",
        "--threshold-min",
        metavar="VALUE",
        help="Ignore what is darker in the stretched image (0..1).",
    ),
    "threshold_max": _number(
        MASK,
        "-tM",
        "--threshold-max",
        metavar="VALUE",
        help="Ignore what is brighter in the stretched image (0..1).",
    ),
    "invert_mask": option(
        MASK, "--invert-mask/--no-invert-mask", help="Take black as sky in the mask files."
    ),
    "protect": option(
        MASK,
        "--protect",
        metavar="auto|off|strong",
        help="Find what is no sky in the image itself and exclude it: auto = where -N is auto, "
        "off = as bgoptimizer, strong = more of it.",
    ),
    "feather": _number(
        MASK,
        "--feather",
        metavar="PIXELS",
        help="Let the weight rise over so many pixels beside what is ignored.",
    ),
    "cfa": option(
        MASK,
        "--cfa",
        metavar="auto|off",
        help="Undebayered frames: auto = fit each colour, off = treat as mono.",
    ),
    "control_points": option(
        SPLINE,
        "-N",
        "--control-points",
        metavar="COUNT|auto",
        parser=_parsed(lambda text: 0 if text == "auto" else int(text), "a whole number or auto"),
        show_default="auto",
        help="Control points of the descent; a grid takes the nearest square number. auto: as many "
        "as the data ask for, without a descent.",
    ),
    "order": _whole(
        SPLINE,
        "-O",
        "--order",
        metavar="1..4",
        help="Order of the spline: 2 = thin plate.",
    ),
    "initializer": option(
        SPLINE,
        "-i",
        "--initializer",
        metavar="NAME",
        help="Where the control points start: random or grid.",
    ),
    "seed": _whole(
        SPLINE,
        "--seed",
        metavar="NUMBER",
        help="Of the random points: same seed, same result.",
    ),
    "optimizer": option(
        DESCENT,
        "--optimizer",
        metavar="NAME",
        help="How the loss is minimised: lbfgs, or adam as in the ancestor, ten times slower.",
    ),
    "epochs": _whole(DESCENT, "-e", "--epochs", metavar="COUNT", help="Most iterations."),
    "alpha": _number(
        DESCENT,
        "-a",
        "--alpha",
        metavar="FACTOR",
        help="Weight of the penalties for a model above the data or below zero.",
    ),
    "stiffness": _number(
        DESCENT,
        "--stiffness",
        metavar="FACTOR",
        help="Weight of the bending energy in the loss: 0.1 keeps the model out of nebulae, but "
        "out of steep gradients, too.",
    ),
    "starts": _whole(
        DESCENT,
        "-B",
        "--starts",
        metavar="COUNT",
        help="Independent starts, of which the best is kept.",
    ),
    "learning_rate": _number(
        DESCENT,
        "-lr",
        "--learning-rate",
        metavar="RATE",
        help="Of adam, before it falls.",
    ),
    "backend": option(
        RUNNING,
        "--backend",
        metavar="NAME",
        help="Evaluator: auto, c, numpy or cuda; see fastbg doctor.",
    ),
    "threads": _whole(RUNNING, "--threads", metavar="COUNT", help="Threads; 0 = all cores."),
    "gpu_memory": option(
        RUNNING,
        "--gpu-memory",
        metavar="SIZE",
        # Typer parses the default, too.
        parser=_parsed(
            lambda size: _bytes(size) if isinstance(size, str) else size, "a size like 350MB or 2GB"
        ),
        show_default="a quarter of what is free",
        help="Of the memory of a GPU, the most that the backend cuda may take.",
    ),
}


def with_settings(
    *panels: str, also: Iterable[str] = (), made: Callable[..., Any] = Settings
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these panels in the place of its parameter ``settings``.

    ``also`` names single settings of other panels whose options it gets.

    The command is called with what is ``made`` of those that were given on the command line, and of
    the whole preset, also of its settings that have no option there; others keep their defaults.
    """
    chosen = {
        field.name: inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[type(field.default), _SETTINGS[field.name]],
        )
        for name in _SETTINGS
        for field in fields(Settings)
        if field.name == name and (_SETTINGS[name].rich_help_panel in panels or name in also)
    }
    keyword = partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
    preset = keyword("preset", default=None, annotation=Preset)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            is_settings = parameter.name == "settings"
            parameters += (preset, *chosen.values()) if is_settings else [parameter]
        parameters.sort(key=lambda p: _PANELS.index(p.annotation.__metadata__[0].rich_help_panel))
        parameters.append(keyword("context", annotation=typer.Context))

        @wraps(command)
        def wrapper(context: typer.Context, preset: str | None, **values: Any) -> None:
            if values.get("events") and (values["as_json"] or values["quiet"]):
                raise SettingsError(
                    f"{EVENTS_OPTION} ends with the report and prints nothing for people: leave "
                    "out --json and -q"
                )
            options = {} if preset is None else _of_preset(preset)
            for name in chosen:
                value = values.pop(name)
                if context.get_parameter_source(name).name != "DEFAULT":  # type: ignore[union-attr]
                    options[name] = _pedestal(value) if name == "pedestal" else value
            command(**values, settings=made(**options))

        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _of_preset(preset: str) -> dict[str, Any]:
    from ..settings.presets import find, read

    return read(find(preset)).options


def _pedestal(text: str) -> str | float:
    try:
        return text if text in PEDESTALS else float(text)
    except ValueError:
        return text


def spelled_for_typer(arguments: Iterable[str]) -> list[str]:
    """Spell what the ancestor took and Typer would not: ``-N=36``, and one option's long name."""
    return [
        re.sub(f"^{_ANCESTORS_QUANTILE}(?==|$)", "--quantile", re.sub("^(-[A-Za-z])=", r"\1", a))
        for a in arguments
    ]

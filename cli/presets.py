"""``fastbg presets``: the settings that have a name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import SettingsError
from .options import DESCENT, INPUT, MASK, OUTPUT, RUNNING, SPLINE, STRETCH, option, with_settings


@with_settings(INPUT, OUTPUT, STRETCH, MASK, SPLINE, DESCENT, RUNNING, made=dict)
def presets(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE", help="Print this one, as TOML; without it, list all."),
    ] = None,
    *,
    save: Annotated[
        str | None,
        option(
            None,
            "--save",
            metavar="NAME",
            help="Write a preset of your own: the options that are given, and --preset.",
        ),
    ] = None,
    description: Annotated[
        str, option(None, "--description", metavar="TEXT", help="Of it, for the list.")
    ] = "",
    overwrite: Annotated[
        bool, option(None, "--overwrite", help="Replace your preset of that name.")
    ] = False,
    settings: dict[str, Any],
) -> None:
    """List the presets, print one, or save your own."""
    if save is not None:
        if name is not None:
            raise SettingsError(f"--save would ignore {name}: start from it with --preset {name}")
        if not settings:
            raise SettingsError(f"{save} would be empty: give the options to keep")
        _save(save, settings, description, overwrite)
    elif settings or description or overwrite:
        raise SettingsError("options are kept with --save NAME: give a name, or leave them out")
    elif name is not None:
        _print(name)
    else:
        _list()


def _list() -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..settings.presets import built_in_folder, named, read, user_folder

    table = Table("preset", "from", "what it is for", box=None, header_style="dim")
    for name, path in named().items():
        built_in = built_in_folder() / path.name
        owner = "fastbg" if path == built_in else "you"
        if owner == "you" and built_in.exists():
            owner = "you, instead of fastbg"
        try:
            description = Text(read(path).description)
        except SettingsError as error:
            description = Text(str(error), style="yellow")
        table.add_row(Text(name, style="bold"), owner, description)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 100_000
    console.print(table)
    console.print(Text(f"\nYours are in {user_folder()}", style="dim"), soft_wrap=True)


def _print(preset: str) -> None:
    from ..settings.presets import find, read
    from ..settings.text import to_toml

    path = find(preset)
    options = read(path).options
    is_toml = path.suffix.lower() == ".toml"
    typer.echo(path.read_text(encoding="utf-8") if is_toml else to_toml(options), nl=False)


def _save(name: str, options: dict[str, Any], description: str, overwrite: bool) -> None:
    from ..settings.presets import built_in_folder, save
    from .summary import print_rows

    path = save(name, options, description=description, overwrite=overwrite)
    rows = [("saved", str(path)), ("use it with", f"--preset {name}")]
    if (built_in_folder() / path.name).exists():
        rows.append(("warning", f"it is used instead of the {name} that comes with fastbg"))
    print_rows(rows)

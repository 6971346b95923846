"""``fastbg presets``: list, print and save named settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import SettingsError
from . import completion
from .options import DESCENT, INPUT, MASK, OUTPUT, RUNNING, STRETCH, flag, option
from .with_settings import with_settings

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME|FILE",
        autocompletion=completion.presets,
        help="A preset to print as TOML; without it, all are listed.",
    ),
]
Save = Annotated[
    str | None,
    option(
        None,
        "--save",
        metavar="NAME",
        help="Save a preset of your own. It holds the options on the command line and those of "
        "--preset.",
    ),
]
Description = Annotated[
    str,
    option(
        None,
        "--description",
        metavar="TEXT",
        help="One line about the saved preset, which the list shows.",
    ),
]
Overwrite = Annotated[bool, flag(None, "--overwrite", help="Replace your preset of the same name.")]


@with_settings(INPUT, OUTPUT, STRETCH, MASK, DESCENT, RUNNING, made=dict)
def presets(
    name: Name = None,
    *,
    save: Save = None,
    description: Description = "",
    overwrite: Overwrite = False,
    settings: dict[str, Any],
) -> None:
    """List the presets, print one, or save your own."""
    if save is not None:
        if name is not None:
            raise SettingsError(
                f"--save has no use for the argument {name}: give --preset {name} to start from it"
            )
        if not settings:
            raise SettingsError(f"the preset {save} would be empty: give the options to save")
        _save(save, settings, description, overwrite)
    elif settings or description or overwrite:
        raise SettingsError(
            "options are only saved: give --save NAME to save them, or leave them out"
        )
    elif name is not None:
        _print(name)
    else:
        _list()


def _list() -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..settings.presets import built_in_folder, named, read, user_folder

    table = Table("preset", "from", "description", box=None, header_style="dim")
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
    console.print(f"\nYour own presets are in {user_folder()}", markup=False, soft_wrap=True)


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

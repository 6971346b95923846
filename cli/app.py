"""The application: all commands, and the options that stand before a command."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from .errors import Boundary
from .help import Command, epilog_of, help_of

COMMANDS = (
    "run",
    "live",
    "batch",
    "together",
    "mosaic",
    "preview",
    "samples",
    "catalogue",
    "fit",
    "apply",
    "presets",
    "demo",
    "doctor",
)
"""The names of all commands, and of their modules and functions, as ``--help`` lists them."""


class _Commands(Mapping[str, Any]):
    """Each command by its name. It is loaded when it is looked up: all of them take 25 ms."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _command(name: str) -> Any:
    function = getattr(import_module(f".{name}", __package__), name)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    how = {"help": help_of(function), "epilog": epilog_of(name)}
    alone.command(name, cls=Command, **how)(function)
    return get_command(alone)


class _Application(Boundary):
    """The group of all commands, which loads those that are looked up."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Commands()


app = typer.Typer(
    cls=_Application,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        typer.echo(f"fastbg {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _fastbg(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "-V",
            "--version",
            help="Print the version.",
            callback=_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Remove the gradient of the sky background from linear astrophotos."""
    gc.freeze()  # what is loaded stays, and need not be looked at again
    # Every 700 new objects, as Python does it, would take 10 ms while the modules of a job load.
    gc.set_threshold(10_000)
    gc.enable()
    if context.invoked_subcommand is None:
        # Typer prints the help itself if rich is installed, and returns it otherwise.
        typer.echo(context.get_help(), nl=False)


def main() -> None:
    """Run the command line of this process and exit."""
    app(prog_name="fastbg")

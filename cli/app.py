"""The application: all commands, and the options that stand before a command."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from .apply import apply
from .batch import batch
from .catalogue import catalogue
from .demo import demo
from .doctor import doctor
from .errors import Boundary
from .fit import fit
from .help import Command, epilog_of, help_of
from .live import live
from .mosaic import mosaic
from .presets import presets
from .preview import preview
from .run import run
from .samples import samples

app = typer.Typer(
    cls=Boundary,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run,
    live,
    batch,
    mosaic,
    preview,
    samples,
    catalogue,
    fit,
    apply,
    presets,
    demo,
    doctor,
):
    how = {"help": help_of(command), "epilog": epilog_of(command.__name__)}
    app.command(cls=Command, **how)(command)


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
    gc.enable()
    if context.invoked_subcommand is None:
        # Typer prints the help itself if rich is installed, and returns it otherwise.
        typer.echo(context.get_help(), nl=False)


def main() -> None:
    """Run the command line of this process and exit."""
    app(prog_name="fastbg")

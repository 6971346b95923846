"""Commands whose ``--help`` has no names of types, and ends with examples."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from .lacking import check_values

EXAMPLES = {
    "run": (
        "fastbg run m94.xisf                   # the defaults suit most images",
        "fastbg run m94.fits out --report out  # into a folder, with a page on the fit",
        "fastbg run m94.fits -m galaxy.reg     # regions of DS9 around what is no sky",
    ),
    "live": (
        "fastbg live m94.xisf                  # opens the page in the browser",
        "fastbg live m94.xisf out --no-browser # prints its address",
    ),
    "batch": (
        "fastbg batch lights -o out            # all images of a folder",
        "fastbg batch 'lights/**/*.fits' -o out --keep-tree",
        "fastbg batch lights -o out --watch    # and those that arrive later",
    ),
    "together": (
        "fastbg together night -o out          # all frames of a folder, and a page",
        "fastbg together night -o out --match-scale",
        "fastbg together night -o out --relative  # fit the stack later",
    ),
    "mosaic": (
        "fastbg mosaic panels -o out           # all images of a folder",
        "fastbg mosaic merged.xisf --panels panels.png -o out",
    ),
    "preview": (
        "fastbg preview m94.xisf               # what is taken for sky",
        "fastbg preview m94.xisf --fit         # and what becomes of the image",
    ),
    "samples": (
        "fastbg samples m94.xisf --preview s.png  # writes m94_samples.csv",
        "fastbg run m94.xisf --samples m94_samples.csv",
    ),
    "catalogue": (
        "fastbg catalogue m31.fits             # lists what --catalogue protects",
        "fastbg catalogue m31.fits -o m31.reg  # to be edited, then given to -m",
    ),
    "fit": (
        "fastbg fit first.fits -o sky.json",
        "fastbg apply sky.json lights -o out --rescale",
    ),
    "apply": (
        "fastbg fit first.fits -o sky.json",
        "fastbg apply sky.json lights -o out --rescale",
    ),
    "presets": (
        "fastbg presets nebula                 # prints one",
        "fastbg presets --save moon --preset stack -tM 0.8",
        "fastbg run m94.xisf --preset moon",
    ),
    "demo": ("fastbg demo",),
    "doctor": ("fastbg doctor",),
}
"""Commands as they are typed, by the command whose help shows them."""


class _PlainParameters:
    """Parameters of a command as ``--help`` shows them: no types beside flags and arguments."""

    def get_params(self, context: Any) -> list[Any]:
        """All parameters, ``--help`` included."""
        parameters: list[Any] = super().get_params(context)  # type: ignore[misc]
        for each in parameters:
            if each.param_type_name == "argument":
                each.type.get_metavar = lambda param, ctx: ""
            elif getattr(each, "is_flag", False):
                each.metavar = ""
        return parameters

    def collect_usage_pieces(self, context: Any) -> list[str]:
        """The parts of the line of usage, without the braces around what is required."""
        pieces: list[str] = super().collect_usage_pieces(context)  # type: ignore[misc]
        return [piece.replace("{", "").replace("}", "") for piece in pieces]


class Group(_PlainParameters, TyperGroup):
    """A group of commands."""


class Command(_PlainParameters, TyperCommand):
    """One command."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Take the values of all parameters; one that is an option is refused."""
        rest: list[str] = super().parse_args(context, arguments)
        check_values(context, self.get_params(context))
        return rest


def help_of(command: Callable[..., Any]) -> str:
    """The docstring of a command, a line for each paragraph: Typer keeps the ends of lines."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def epilog_of(command: str) -> str:
    """The examples of a command; Typer prints a line for each paragraph."""
    return "\n\n".join(["Examples:", *EXAMPLES[command]])

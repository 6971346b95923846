"""An option that lacks its value, and would take the next option for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer

# The module of this class differs between releases of Typer, which exports only a subclass.
UsageError: Any = typer.BadParameter.__base__


def check_values(context: Any, parameters: Iterable[Any]) -> None:
    """Raise UsageError where the value of an option is the name of one.

    ``--report --overwrite`` would write the report to a folder called ``--overwrite``.

    Parameters
    ----------
    context : typer.Context
        With the values that were given.
    parameters : iterable
        Those of the command.
    """
    options = [each for each in parameters if each.param_type_name == "option"]
    names = {name for each in options for name in (*each.opts, *each.secondary_opts)}
    for each in options:
        given = context.params.get(each.name)
        for value in given if isinstance(given, list | tuple) else [given]:
            if str(value) in names:
                lacking = f"{each.opts[0]} needs a value before {value}, which is an option"
                raise UsageError(lacking, context)

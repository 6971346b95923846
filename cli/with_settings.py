"""A decorator that gives a command the options of its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any

import typer

from ..errors import SettingsError
from ..settings.settings import Settings
from .options import EVENTS_OPTION, PANELS, Preset
from .setting_options import SETTING_OPTIONS, SWITCHED_OFF

Command = Callable[..., None]

_DEFAULTS = {field.name: field.default for field in fields(Settings)} | dict.fromkeys(
    SWITCHED_OFF, False
)


def with_settings(*parts: str, made: Callable[..., Any] = Settings) -> Callable[[Command], Command]:
    """Replace the parameter ``settings`` of a command by the options of panels and settings.

    The command is called with ``made(**options)``. The options are those given on the command line
    and those of the preset, also where the command has no option for them; the command line takes
    precedence. All others keep their defaults.
    """
    chosen = [
        name
        for name, each in SETTING_OPTIONS.items()
        if name in parts or each.rich_help_panel in parts
    ]

    def decorate(command: Command) -> Command:
        parameters = _parameters(command, chosen)

        @wraps(command)
        def wrapper(context: typer.Context, preset: str | None, **values: Any) -> None:
            _check_what_is_printed(values)
            options = _of_preset(preset) if preset is not None else {}
            for name in chosen:
                value = values.pop(name)
                if context.get_parameter_source(name).name == "DEFAULT":  # type: ignore[union-attr]
                    continue
                if name in SWITCHED_OFF:
                    name, value = SWITCHED_OFF[name], False
                options[name] = value
            command(**values, settings=made(**options))

        wrapper.__annotations__ = {each.name: each.annotation for each in parameters}
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _parameters(command: Command, chosen: list[str]) -> list[inspect.Parameter]:
    """The parameters of a command with the chosen options, in the order of the panels."""

    def keyword(name: str, annotation: Any, **more: Any) -> inspect.Parameter:
        return inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, **more
        )

    options = [keyword("preset", Preset, default=None)]
    for name in chosen:
        default = _DEFAULTS[name]
        options.append(
            keyword(name, Annotated[type(default), SETTING_OPTIONS[name]], default=default)
        )
    parameters: list[inspect.Parameter] = []
    for each in inspect.signature(command, eval_str=True).parameters.values():
        parameters += options if each.name == "settings" else [each]
    parameters.sort(key=lambda p: PANELS.index(p.annotation.__metadata__[0].rich_help_panel))
    return [*parameters, keyword("context", typer.Context)]


def _check_what_is_printed(values: Mapping[str, Any]) -> None:
    if values.get("events") and (values["as_json"] or values["quiet"]):
        raise SettingsError(
            f"{EVENTS_OPTION} prints the report already, and nothing for people: leave out --json "
            "and -q"
        )


def _of_preset(preset: str) -> dict[str, Any]:
    from ..settings.presets import find, read

    return read(find(preset)).options

"""What users give to the functions of the library: named in full, and checked before any work."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import wraps
from pathlib import Path
from reprlib import repr
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal, TypeVar, cast

import numpy as np

from ..errors import FastbgError, InputError, SettingsError
from ..io.names import check_current_folder
from ..io.stream import PREFIX, store, without_folder
from ..model.model import BackgroundModel
from ..samples.points import SamplePoints
from ..settings.checks import one_of, or_auto, path_of, whole
from ..settings.options import Options, check_names
from ..settings.settings import Settings, named_parameters

Source = str | Path | BinaryIO
"""A file by its path, or as a stream of bytes."""

Masks = Source | Sequence[Source] | None
"""The masks of a job: one file, several, or none."""

GivenSamples = Source | SamplePoints | np.ndarray | Sequence[Sequence[float]] | None
"""Sample points: a file of them, or rows of x, y and radius in pixels."""

GivenReference = Source | None
"""An image of the same sky, or none."""

Count = int | Literal["auto"]

Paths = str | Path | Iterable[str | Path]

Function = TypeVar("Function", bound=Callable[..., Any])


def public(function: Function) -> Function:
    """Check the arguments of a function that takes settings, by the types in its signature.

    Its ``**options`` are the settings: the signature that editors and `help` show has each of them
    as a parameter of its own.

    Raises
    ------
    InputError, SettingsError
        From the function, for an argument of another type or an unknown name.
    """
    plain = inspect.signature(function)
    own = [each for each in plain.parameters.values() if each.kind is not each.VAR_KEYWORD]
    checks = {each.name: _CHECKS[each.annotation] for each in own if each.annotation in _CHECKS}
    shown = plain.replace(parameters=[*own, *named_parameters()])

    @wraps(function)
    def checked(*args: Any, **named: Any) -> Any:
        check_names(named, shown.parameters)
        given = plain.bind(*args, **named)
        values = given.arguments
        with ExitStack() as files:
            for name in values.keys() & checks.keys():
                if plain.parameters[name].annotation in _FILES:
                    values[name] = _stored(values[name], files)
                values[name] = checks[name](name, values[name])
            try:
                return function(*given.args, **given.kwargs)
            except OSError:
                check_current_folder()
                raise
            except FastbgError as error:
                error.args = (without_folder(str(error)),)
                raise

    checked.__signature__ = shown  # type: ignore[attr-defined]
    return cast(Function, checked)


def merged(settings: Settings | None, options: Options) -> Settings:
    """The settings with single ones replaced."""
    return replace(settings or Settings(), **cast("dict[str, Any]", options))


def as_path(source: Source) -> Path:
    """The path of a source that was checked: by then, a stream is a temporary file."""
    assert isinstance(source, str | Path)
    return Path(source)


def _stored(value: Any, files: ExitStack) -> Any:
    """The same with temporary files instead of streams, which last as long as `files`."""
    if isinstance(value, list | tuple) and any(hasattr(each, "read") for each in value):
        return [_stored(each, files) for each in value]
    if not hasattr(value, "read"):
        return value
    folder = files.enter_context(TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True))
    return store(value, Path(folder))


def _path(name: str, value: Any) -> str | Path:
    if hasattr(value, "shape"):
        raise InputError(
            f"the {_words(name)} must be a path, not an array; remove_background and apply take "
            "arrays"
        )
    path = path_of(value, _words(name))
    return value if isinstance(value, str) else path  # a Path would change a pattern


def _paths(name: str, value: Any) -> list[str | Path]:
    several = [value] if isinstance(value, str | os.PathLike) else value
    if hasattr(value, "shape") or not isinstance(several, Iterable):
        raise InputError(f"the {_words(name)} must be a path or some of them, not {repr(value)}")
    return [_path(name, each) for each in several]


def _samples(name: str, value: Any) -> str | Path | SamplePoints | None:
    if value is None or isinstance(value, SamplePoints):
        return value
    if isinstance(value, str | os.PathLike):
        return _path(name, value)
    return SamplePoints.of(value)


def _model(name: str, value: Any) -> BackgroundModel | str | Path:
    if isinstance(value, BackgroundModel):
        return value
    if hasattr(value, "model"):
        kind = type(value).__name__
        raise InputError(f"the model must be a BackgroundModel, not a {kind}: give its .model")
    return _path(name, value)


def _settings(name: str, value: Any) -> Settings | None:
    if value is None or isinstance(value, Settings):
        return value
    cure = "give fastbg.Settings(...)"
    if isinstance(value, str | os.PathLike):
        cure = f"fastbg.load_preset({os.fspath(value)!r}) reads them"
    elif isinstance(value, Mapping):
        cure = "give fastbg.Settings(**...) of it"
    raise SettingsError(f"the settings must be a Settings, not {repr(value)}: {cure}")


def _callback(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise SettingsError(
            f"the progress must be a function, which is called with a Progress, not {repr(value)}"
        )
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"the {_words(name)} must be a text, not {repr(value)}")
    return value


def _flag(name: str, value: Any) -> Any:
    return one_of(f"choice of {name}", False, True)(value)


def _or_none(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else check(name, value)


def _words(name: str) -> str:
    return name.replace("_", " ")


_FILES = ("Source", "GivenReference", "Given", "Masks", "GivenSamples")
"""The types of arguments that may be streams."""

_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "Source": _path,
    "Given": _path,
    "str | Path": _path,
    "str | Path | None": _or_none(_path),
    "GivenReference": _or_none(_path),
    "str | None": _or_none(_text),
    "Masks": _or_none(_paths),
    "GivenSamples": _samples,
    "Paths": _paths,
    "BackgroundModel | str | Path": _model,
    "bool": _flag,
    "Count": lambda name, value: or_auto(whole(f"number of {name}", 0))(value),
    "Settings | None": _settings,
    "ProgressCallback | None": _callback,
    "BatchCallback | None": _callback,
}
"""How an argument is checked, by its type as it stands in the signature."""

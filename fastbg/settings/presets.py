"""Presets: settings by name, or from a file.

A named one is a TOML file with any of the settings, whose names are those of `Settings` or, the
same, of the options of the command line; and with a ``description``::

    description = "Frames of my small telescope"
    control-points = 16
    initializer = "grid"

fastbg has some beside this file, and the user has a folder for more. A preset may also be any such
file, the report of a job, or an image that fastbg wrote: it holds the settings in its HISTORY.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from reprlib import repr
from typing import Any

from ..errors import InputError, SettingsError
from ..words import did_you_mean
from .settings import AUTOMATIC, Settings
from .text import from_history, to_toml, toml_value

LARGEST_PRESET, LARGEST_REPORT = 1 << 15, 1 << 22
"""Bytes. Some have thousands; the time to read TOML grows with the square of a key's length."""

_ALIASES = {"ancestor": "bgoptimizer"}
"""Other names of presets that come with fastbg."""

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*")
_DEFAULTS = {field.name: field.default for field in fields(Settings)}
_KINDS: dict[type, tuple[str, Collection[type]]] = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (float, int)),
    str: ("a text", (str,)),
}

_ALSO: dict[str, tuple[str, Collection[type]]] = {
    "pedestal": (" or a number", (int, float)),
    "downscaling_factor": (" or a whole number", (int,)),
    "smoothing": (" or a number", (int, float)),
    "strength": (" or a text", (str,)),
    "gpu_memory": (" or a text", (str,)),
    "border": (", a list or a text", (list, str)),
    "reference_scale": (", a number or a list", (list, int, float)),
}
"""The types that settings may have beside those of their defaults."""


@dataclass(frozen=True)
class Preset:
    """Some settings that were read from a file, and are possible.

    Attributes
    ----------
    path : Path
        Where they come from.
    options : dict
        The settings that it has, by name.
    description : str
        One line for the user; may be empty.
    """

    path: Path
    options: dict[str, Any]
    description: str


def load_preset(preset: str | Path) -> Settings:
    """The settings of a preset; what it leaves out has its default.

    Parameters
    ----------
    preset : str or path
        A name (letters, digits, ``-`` and ``_``): of the user's folder, else of fastbg itself. Or
        a file: TOML, the JSON report of a job, or an image that fastbg wrote, whose HISTORY tells
        the settings of its last job. The mask of that job is not among them.

    Raises
    ------
    SettingsError
        If there is no such preset, or it holds what is no setting or has an impossible value.
    """
    return Settings(**read(find(preset)).options)


def find(preset: str | Path) -> Path:
    """The file of a preset, by its name; what cannot be a name is the file itself.

    Raises
    ------
    SettingsError
        If there is no preset of that name.
    """
    if not isinstance(preset, str | Path):
        raise SettingsError(f"a preset has a name or a file, not {repr(preset)}")
    if not isinstance(preset, str) or not _NAME.fullmatch(preset):
        return Path(preset)
    known = named()
    if preset not in known:
        preset = _ALIASES.get(preset, preset)
    if preset not in known:
        raise SettingsError(
            f"there is no preset {preset} among {', '.join(known)}{did_you_mean(preset, known)}"
        )
    return known[preset]


def named() -> dict[str, Path]:
    """The files of all named presets, sorted; of two with one name, the user's."""
    files = {path.stem: path for path in (*_in(built_in_folder()), *_in(user_folder()))}
    return dict(sorted(files.items()))


def built_in_folder() -> Path:
    """The folder of the presets that come with fastbg."""
    return Path(__file__).parent


def user_folder() -> Path:
    """The folder of the user's own presets, which need not exist.

    ``~/.config/fastbg/presets`` on Linux (or below ``XDG_CONFIG_HOME``),
    ``%APPDATA%\\fastbg\\presets`` on Windows, ``~/Library/Application Support/fastbg/presets`` on
    macOS; there too ``~/.config/fastbg/presets``, if it exists.
    """
    import platformdirs

    usual = Path("~/.config/fastbg/presets").expanduser()
    if sys.platform == "darwin" and usual.is_dir():
        return usual
    return platformdirs.user_config_path("fastbg", appauthor=False, roaming=True) / "presets"


def read(path: Path) -> Preset:
    """Read a preset from a file of any kind.

    Raises
    ------
    SettingsError
        As from `load_preset`.
    """
    suffix = path.suffix.lower()
    try:
        content = {".toml": _toml, ".json": _report}.get(suffix, _image)(path)
        description = content.pop("description", "") if suffix == ".toml" else ""
        if not isinstance(description, str):
            raise SettingsError(f"the description must be a text, not {repr(description)}")
        options = _checked(content)
        Settings(**options)
    except InputError as error:  # names the file itself
        raise SettingsError(
            f"{error}; or give a preset (.toml) or the report of a job (.json)"
        ) from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    return Preset(path, options, " ".join(description.split()))


def save(
    name: str, options: Mapping[str, Any], *, description: str = "", overwrite: bool = False
) -> Path:
    """Write a preset into the user's folder, and return its file.

    Raises
    ------
    SettingsError
        If the name or an option is impossible.
    OutputError
        If it exists, unless `overwrite`, or cannot be written.
    """
    from ..io import atomic

    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name} is no name for a preset: use letters, digits, - and _")
    Settings(**options)
    path = user_folder() / f"{name}.toml"
    head = f"description = {toml_value(description)}\n" if description else ""
    atomic.check_targets([path], overwrite=overwrite)
    with atomic.staged([path], overwrite=overwrite) as (part,):
        part.write_text(head + to_toml(options), encoding="utf-8", errors="replace")
    return path


def _in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*.toml") if _NAME.fullmatch(path.stem))


def _text(path: Path, largest: int) -> str:
    from ..io.small_file import read_small

    try:
        return read_small(path, largest, "give a preset").decode("utf-8")
    except InputError as error:
        raise SettingsError(str(error)) from error


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(_text(path, LARGEST_PRESET))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"not TOML ({error}): write lines like control-points = 16") from error


def _report(path: Path) -> dict[str, Any]:
    import json

    try:
        return dict(json.loads(_text(path, LARGEST_REPORT))["settings"])
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise SettingsError("not the report of a job: give what --json of one printed") from error


def _image(path: Path) -> dict[str, Any]:
    from ..io import formats

    with formats.open_image(path) as image:
        lines = [line.comment for line in image.header.keywords if line.name == "HISTORY"]
    try:
        options = from_history(lines)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"its HISTORY was changed ({error}): give another file") from error
    if not options:
        raise SettingsError("its HISTORY tells of no job: give an image that fastbg wrote")
    return options


def _checked(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with the names of `Settings`, each value of the right type."""
    options: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in _DEFAULTS:
            spelled = [name.replace("_", "-") for name in _DEFAULTS]
            asked = did_you_mean(key, spelled) or f": there are {', '.join(spelled)}"
            raise SettingsError(f"{key} is no setting{asked}")
        if name in options:
            raise SettingsError(f"{key} stands there twice: leave one out")
        if name in AUTOMATIC and value == "auto":
            value = 0
        default = _DEFAULTS[name]
        words, kinds = _KINDS[type(default)]
        others, more = _ALSO.get(name, ("", ()))
        if type(value) not in (*kinds, *more):
            raise SettingsError(
                f"{key} must be {words} like {toml_value(default)}{others}, not {repr(value)}"
            )
        options[name] = value
    return options

"""The command line that repeats what a page shows, bit for bit."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..settings.settings import Settings
from .document import changed_settings


def command_line(
    path: Path,
    settings: Settings,
    inputs: Mapping[str, Sequence[Path]],
    outputs: Mapping[str, Path],
    *,
    folder: Path,
    model: bool,
    overwrite: bool,
) -> str:
    """A line for a shell.

    Parameters
    ----------
    path : Path
        The image.
    settings : Settings
        Those of the job.
    inputs : mapping of str to paths
        Files by the names of their options, like ``mask``.
    outputs : mapping of str to Path
        Files and folders by the names of their options.
    folder : Path
        That of the outputs which have no option.
    model : bool
        Whether the background is written, too.
    overwrite : bool
        Whether outputs that exist are replaced.
    """
    words = ["fastbg", "run", str(path.absolute()), str(folder.absolute())]
    for option, files in inputs.items():
        for file in files:
            words += [f"--{option}", str(file.absolute())]
    for name, value in changed_settings(settings).items():
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, spelled(value)]
    for option, file in outputs.items():
        words += [f"--{option}", str(file.absolute())]
    if not model:
        words.append("--no-model")
    if overwrite:
        words.append("--overwrite")
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """A word as a shell reads it; bytes of a name that are no text are escaped, to be pasted."""
    raw = os.fsencode(word)
    if raw.decode(errors="replace") == word:
        return shlex.quote(word)
    return (
        "$'" + "".join(chr(b) if chr(b).isalnum() and b < 128 else f"\\x{b:02x}" for b in raw) + "'"
    )


def spelled(value: object) -> str:
    """A value of a setting as an option has it; numbers keep every bit."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

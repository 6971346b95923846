"""The command that is meant where another one, or none, is given."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError

_MAGIC = set("*?[")


def command_for(names: Sequence[str]) -> str:
    """The command that removes the background of what is named, as it is typed.

    Parameters
    ----------
    names : sequence of str
        The arguments. Only the leading ones that are images, folders or patterns count.
    """
    count = next((n for n, name in enumerate(names) if not is_input(name)), len(names))
    inputs = names[: max(count, 1)]
    if len(inputs) > 1 or _holds_several(inputs[0]):
        return f"{shlex.join(['fastbg', 'batch', *inputs])} -o FOLDER"
    return shlex.join(["fastbg", "run", *inputs])


def check_single(image: Path, folder: Path) -> None:
    """Raise InputError if several images are given to the command that takes one.

    Parameters
    ----------
    image : Path
        The input.
    folder : Path
        Where the folder of the outputs is expected.
    """
    if _holds_several(str(image)):
        kind = "a directory" if image.is_dir() else "a pattern"
        raise InputError(f"{image} is {kind}: try {command_for([str(image)])}")
    if folder.is_file():
        several = command_for([str(image), str(folder)])
        raise InputError(
            f"{folder} is a file, not a folder of outputs: give the name of one output with -o, or "
            f"for several images try {several}"
        )


def is_input(name: str) -> bool:
    """Whether an argument names a file or a folder, or is a pattern."""
    return os.path.exists(name) or _is_pattern(name)


def _holds_several(name: str) -> bool:
    return os.path.isdir(name) or _is_pattern(name)


def _is_pattern(name: str) -> bool:
    return bool(_MAGIC & set(name)) and not name.startswith("-") and not os.path.lexists(name)

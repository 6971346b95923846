"""The command that is meant where another one, or none, is given."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..io.names import told_format

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


def check_single(image: Path, folder: Path, output: Path | None = None) -> None:
    """Raise InputError if several images are given to the command that takes one.

    Parameters
    ----------
    image : Path
        The input.
    folder : Path
        Where the folder of the outputs is expected.
    output : Path, optional
        Where the name of an output is expected.
    """
    if image.is_dir() and folder.is_file():
        meant = shlex.join(["fastbg", "run", str(folder), str(image)])
        raise InputError(f"{image} is a directory: the image comes first, try {meant}")
    if _holds_several(str(image)):
        kind = "a directory" if image.is_dir() else "a pattern"
        raise InputError(f"{image} is {kind}: try {command_for([str(image)])}")
    if folder.is_file():
        several = command_for([str(image), str(folder)])
        raise InputError(
            f"{folder} is a file, not a folder of outputs: give the name of one output with -o, or "
            f"for several images try {several}"
        )
    if output and output.is_dir():
        meant = shlex.join(["fastbg", "run", str(image), str(output)])
        raise InputError(f"{output} is a directory, and -o names a file: try {meant}")


def check_model(model: Path, inputs: Sequence[str]) -> None:
    """Raise InputError if an image is given where ``fastbg apply`` expects a model."""
    if not told_format(model):
        return
    found = next((name for name in inputs if name.lower().endswith(".json")), None)
    if found:
        images = [str(model), *(name for name in inputs if name != found)]
        meant = f"the model comes first, try {shlex.join(['fastbg', 'apply', found, *images])}"
    else:
        meant = f"make a model first, with {shlex.join(['fastbg', 'fit', str(model)])}"
    raise InputError(f"{model} is an image by its name, not a model: {meant}")


def is_input(name: str) -> bool:
    """Whether an argument names a file or a folder, or is a pattern."""
    return os.path.exists(name) or _is_pattern(name)


def _holds_several(name: str) -> bool:
    return os.path.isdir(name) or _is_pattern(name)


def _is_pattern(name: str) -> bool:
    return bool(_MAGIC & set(name)) and not name.startswith("-") and not os.path.lexists(name)

"""The files of a batch: names, folders and patterns are resolved to images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from glob import glob
from pathlib import Path

from ...errors import InputError
from ...io.names import SUFFIXES, stem, told_format

MAGIC = "*?["
"""A name with one of these characters is a pattern, unless there is a file of that name."""

OUTPUT_ENDINGS = ("_bgSubtracted", "_bgModel")
"""The stems of the files that `fastbg.process_file` writes end so."""


def find(
    inputs: Iterable[str | Path],
    folder: Path,
    known_outputs: Callable[[], set[str]],
    *,
    wait: bool = False,
) -> list[Path]:
    """All files that are given or matched, each once, in the order of the inputs.

    Parameters
    ----------
    inputs : iterable of path or str
        Files, folders, and patterns of `glob`, where ``**`` matches any number of folders.
    folder : Path
        The folder of the outputs. Files in it that fastbg wrote are left out: those that have the
        name of an output of another input, and those in `known_outputs`.
    known_outputs : callable
        Gives the real paths of all outputs in the journal. It is called only if it is needed, for
        it reads many files.
    wait : bool
        Whether a folder or a pattern may match no image, and a file may be missing, for now.

    Raises
    ------
    InputError
        If a pattern matches no image, or nothing is left.
    """
    given = [str(each) for each in inputs]
    found: dict[str, Path] = {}
    for each in given:
        paths = sorted(_matches(each))
        if not paths and not wait:
            raise InputError(f"{each} matches no image ({', '.join(SUFFIXES)}): check the name")
        for path in paths:
            found.setdefault(os.path.realpath(path), path)
    kept = _without_outputs(found, folder, cache(known_outputs))
    if not kept and not wait:
        raise InputError(
            f"all of {' '.join(given)} are outputs of fastbg in {folder}: choose another folder "
            "for the outputs"
            if found
            else "there are no files to work on: name some"
        )
    return kept


def _without_outputs(
    found: dict[str, Path], folder: Path, known_outputs: Callable[[], set[str]]
) -> list[Path]:
    home = os.path.realpath(folder)
    stems = {stem(path) for path in found.values()}

    def is_output(real: str, path: Path) -> bool:
        if os.path.dirname(real) != home:
            return False
        sources = {stem(path).removesuffix(ending) for ending in OUTPUT_ENDINGS} - {stem(path)}
        return bool(sources & stems) or real in known_outputs()

    return [path for real, path in found.items() if not is_output(real, path)]


def _matches(name: str) -> Iterator[Path]:
    if os.path.isdir(name):
        return (path for path in Path(name).iterdir() if _is_image(path))
    if set(name) & set(MAGIC) and not os.path.lexists(name):
        return (path for path in map(Path, glob(name, recursive=True)) if _is_image(path))
    return iter([Path(name)])


def _is_image(path: Path) -> bool:
    return bool(told_format(path)) and not path.name.startswith(".") and path.is_file()

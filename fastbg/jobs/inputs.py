"""The files of a job on many: names, folders and patterns are resolved to images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from glob import escape, glob
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..io.made import Made, made_file
from ..io.names import SUFFIXES, split_suffix, told_format

MAGIC = "*?["
"""A name with one of these characters is a pattern, unless there is a file of that name."""


class Found(NamedTuple):
    """The images to work on, and the files that are left out since fastbg wrote them."""

    images: list[Path]
    left_out: list[Path]


@dataclass
class Inputs:
    """Files, folders, and patterns of `glob`, where ``**`` matches any number of folders.

    Attributes
    ----------
    given : sequence of str
        What the user named.
    again : bool
        Whether images that fastbg wrote are worked on, too.
    wait : bool
        Whether a folder or a pattern may match no image, and a file may be missing, for now.
    """

    given: list[str]
    again: bool = False
    wait: bool = False
    _made: dict[tuple[str, int, int], Made | None] = field(default_factory=dict)

    def find(self) -> Found:
        """All files that are given or matched, each once, in the order of the inputs.

        Raises
        ------
        InputError
            If a pattern matches no image, or nothing is left.
        """
        found: dict[str, Path] = {}
        for each in self.given:
            paths = sorted(_matches(each))
            if not paths and not self.wait:
                raise InputError(_no_image(each))
            for path in paths:
                found.setdefault(os.path.realpath(path), path)
        ours = {} if self.again else {path: self._is_ours(path) for path in found.values()}
        images = [path for path in found.values() if not ours.get(path)]
        if not images and not self.wait:
            raise InputError(
                f"fastbg wrote all of {' '.join(self.given)}, as the HISTORY of the images tells: "
                "give the original images, or process them again"
                if found
                else "there are no files to work on: name some"
            )
        return Found(images, [path for path in found.values() if ours.get(path)])

    def output_folders(self, folder: Path, *, keep_tree: bool) -> Callable[[Path], Path]:
        """Where the outputs of a file lie: in a folder or, to keep the tree, in one below it.

        In a tree, outputs lie below the folder as their inputs lie below the common folder of all
        that is given. What a pattern matches does not change it.

        Raises
        ------
        InputError
            If there is no common folder, as on different drives of Windows.
        """
        if not keep_tree:
            return lambda path: folder
        try:
            common = os.path.commonpath([os.path.abspath(_base(each)) for each in self.given])
        except ValueError as error:
            raise InputError(
                f"{' '.join(self.given)} have no common folder ({error}): name one after another"
            ) from error
        return lambda path: folder / os.path.relpath(os.path.abspath(path.parent), common)

    def _is_ours(self, path: Path) -> bool:
        """Whether fastbg wrote a file, which is read once as long as it does not change."""
        try:
            state = path.stat()
        except OSError:
            return False
        key = str(path), state.st_size, state.st_mtime_ns
        if key not in self._made:
            self._made[key] = made_file(path)
        return self._made[key] is not None


def _base(name: str) -> str:
    """The folder itself, that of a file, or the part of a pattern before its first wildcard."""
    if os.path.isdir(name):
        return name
    if _is_pattern(name):
        while set(name) & set(MAGIC):
            name = os.path.dirname(name)
        return name
    return os.path.dirname(name)


def _is_pattern(name: str) -> bool:
    return bool(set(name) & set(MAGIC)) and not os.path.lexists(name)


def _matches(name: str) -> Iterator[Path]:
    if os.path.isdir(name):
        return (path for path in Path(name).iterdir() if _is_image(path))
    if _is_pattern(name):
        return (path for path in map(Path, glob(name, recursive=True)) if _is_image(path))
    return iter([Path(name)])


def _no_image(name: str) -> str:
    """The error of a name without images; those in the folders below a folder are pointed to."""
    if os.path.isdir(name):
        below = next((path for path in sorted(Path(name).rglob("*")) if _is_image(path)), None)
        if below:
            pattern = os.path.join(escape(name), "**", f"*{split_suffix(below)[1]}")
            return f"{name} has images only in folders below it: give the pattern '{pattern}'"
    return f"{name} matches no image ({', '.join(SUFFIXES)}): check the name"


def _is_image(path: Path) -> bool:
    return bool(told_format(path)) and not path.name.startswith(".") and path.is_file()

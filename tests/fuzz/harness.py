"""The promises of every reader for any bytes, checked for one input at a time; and first inputs.

A target is a module of this folder with

``SUFFIX``
    The suffix of the files that it reads.
``TOKENS``
    Pieces that make sense in such a file: a mutation puts them anywhere.
``seeds()``
    Inputs that are read well, or nearly.
``content(data)``
    The file that an input stands for.
``read(path)``
    Reads such a file as fastbg does.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Protocol

import numpy as np

from fastbg.errors import LONGEST_LINE, FastbgError
from fastbg.image.image import Image
from fastbg.io import formats
from fastbg.io.image_file import ImageFile

MOST_SAMPLES = 1 << 18
"""Larger images are read at their ends alone."""

_opened: list[str] = []
"""The files that Python has opened since a check began."""


class Target(Protocol):
    SUFFIX: str
    TOKENS: Sequence[bytes]

    def seeds(self) -> Iterable[bytes]: ...
    def content(self, data: bytes) -> bytes: ...
    def read(self, path: Path) -> None: ...


def load(name: str) -> Target:
    """The target of that name."""
    return import_module(f"{__package__}.{name}")  # type: ignore[return-value]


def watch_opened_files() -> None:
    """Let `check` see which files are opened, from now on and for ever: hooks cannot be removed."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str):
            _opened.append(arguments[0])

    sys.addaudithook(hook)


def check(target: Target, data: bytes, folder: Path) -> str:
    """Read an input; AssertionError, or what the reader should not have raised, if it is a defect.

    Parameters
    ----------
    folder : Path
        Empty; it is so again afterwards.

    Returns
    -------
    str
        The error of fastbg, empty where the input was read.
    """
    path = folder / f"input{target.SUFFIX}"
    path.write_bytes(target.content(data))
    error = ""
    handles = _handles()
    with _silence() as said:
        try:
            target.read(path)
        except FastbgError as raised:
            error = str(raised)
            assert error.isprintable(), error
            assert 0 < len(error) <= LONGEST_LINE, error
    assert not said.getvalue(), said.getvalue()
    assert handles == _handles(), "a file was left open"
    path.unlink()
    assert not list(folder.iterdir()), "a file was left"
    return error


@contextmanager
def _silence() -> Iterator[StringIO]:
    """Catch what is printed, turn warnings into errors, and allow no other file to be opened."""
    said = StringIO()
    _opened.clear()
    with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield said
    elsewhere = [path for path in _opened if not _is_expected(path)]
    assert not elsewhere, f"opened {elsewhere}"


def _is_expected(path: str) -> bool:
    """The input, an output, and what imports open."""
    name = os.path.basename(path)
    usual = (*filter(None, sys.path), sys.base_prefix, "/proc/self/", "/sys/")
    nameless = (os.devnull, tempfile.gettempdir())
    return name.startswith(("input", "output")) or path.startswith(usual) or path in nameless


def _handles() -> int:
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.is_dir() else 0


def use(file: ImageFile, path: Path) -> None:
    """Do with an opened image what a job does, and write it again in each format."""
    with file:
        file.load()
        channels, height, width = file.shape
        small = channels * height * width <= MOST_SAMPLES
        if channels * width <= MOST_SAMPLES:
            for row in (0, height - 1):
                file.read_rows(slice(row, row + 1))
        assert all(isinstance(part, str) for word in file.header.keywords for part in word)
        for warning in file.warnings:
            assert warning.isprintable(), warning
        if not small or channels not in (1, 3):
            return
        image = Image.of(file, file.bounds)
        planes = image.planes()
        assert planes.shape == file.shape
        for suffix in (".xisf", ".fits", ".tif"):
            output = path.with_name(f"output{suffix}")
            try:
                with formats.Output(output, file).create(output, ["fuzzed"]) as image_file:
                    image_file.write_rows(slice(None), planes)
                with formats.open_image(output) as written:
                    assert written.shape == file.shape
            finally:
                output.unlink(missing_ok=True)


def mutations(target: Target, rng: np.random.Generator) -> Iterator[bytes]:
    """Inputs without end that resemble the seeds."""
    seeds = list(target.seeds())
    numbers = [
        size.to_bytes(4, order)
        for size in (0, 1, 255, 1 << 31, (1 << 32) - 1)
        for order in ("little", "big")
    ]
    pieces = [*target.TOKENS, *numbers]
    while True:
        data = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(rng.integers(1, 6)):
            # Most of what decides lies at the beginning.
            at = int(rng.integers(len(data) + 1) * rng.random() ** 2)
            length = int(rng.integers(1, 9))
            piece = pieces[rng.integers(len(pieces))]
            match rng.integers(6):
                case 0:
                    data[at : at + 1] = rng.integers(256, size=1, dtype=np.uint8).tobytes()
                case 1:
                    data[at : at + len(piece)] = piece
                case 2:
                    data[at:at] = piece
                case 3:
                    del data[at : at + length]
                case 4:
                    data[at:at] = data[at : at + length] * int(rng.integers(1, 64))
                case _:
                    del data[at:]
        yield bytes(data)

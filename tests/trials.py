"""What trials of faults and load share: small jobs of all kinds, and what must hold after each."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from fastbg import process_file
from fastbg.io import formats, xisf
from fastbg.simulate import simulate_sky

SHAPE = (96, 128)

CLI = [sys.executable, "-P", "-m", "fastbg.cli"]

STAGES = ("read", "prepare", "protect", "fit", "render", "correct", "write")

OLD = b"what was there before"

QUICK = {"epochs": 5, "control_points": 9}

QUICK_OPTIONS = ("-e", "5", "-N", "9")


class Trials:
    """Repeats a trial, each with random numbers of its own, and counts how they ended."""

    def __init__(self, name: str, count: int, seed: int) -> None:
        self.count, self._seed = count, [seed, crc32(name.encode())]
        self.ends = Counter[str]()

    def __iter__(self) -> Iterator[np.random.Generator]:
        for number in range(self.count):
            rng = np.random.default_rng([*self._seed, number])
            try:
                yield rng
            except GeneratorExit:
                print(f"trial {number} of --trial-seed {self._seed[0]}")
                raise

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in self.ends.most_common())
        return f"{self.ends.total()} trials: {ends}"


@dataclass(frozen=True)
class Work:
    """A small job on a file, and the samples of its outputs where nothing goes wrong."""

    source: Path
    folder: Path
    options: tuple[str, ...]
    expected: dict[str, np.ndarray]

    def command(self, *more: object) -> list[str]:
        return [*CLI, "run", *map(str, [self.source, self.folder, *self.options, *more])]

    def begin(self, *, old: bool = False) -> None:
        """Empty the folder of the outputs, or put others there that are to be replaced."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for name in self.expected if old else ():
            (self.folder / name).write_bytes(OLD)

    def check(self) -> int:
        """How many new outputs there are; all are whole, or as they were before."""
        found = {path.name for path in self.folder.iterdir() if not path.name.startswith(".")}
        assert found <= self.expected.keys()
        new = {name for name in found if (self.folder / name).read_bytes() != OLD}
        for name in new:
            self.check_samples(self.folder / name, name)
        return len(new)

    def check_samples(self, path: Path, name: str) -> None:
        """Tell a file from a whole output of that name."""
        assert np.array_equal(samples(path), self.expected[name]), path


def strays(folder: Path) -> list[Path]:
    """What no finished job leaves."""
    return [path for path in folder.rglob(".*") if path.suffix in (".part", ".old")]


def samples(path: Path) -> np.ndarray:
    with formats.open_image(path) as image:
        return image.to_array()


def fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def untouched(*paths: Path) -> Iterator[None]:
    before = [fingerprint(path) for path in paths]
    yield
    assert [fingerprint(path) for path in paths] == before


PROGRESS = re.compile(
    r"read|memory needed: .*|simulate|prepare|protect|fit|fit  .*|render|correct|report|write"
)
"""The lines of stderr that tell how far a job is."""


def without_progress(errors: str) -> str:
    lines = errors.splitlines(keepends=True)
    # A fit that is stopped after a few steps may well make the frame worse, and is told so.
    return "".join(
        line
        for line in lines
        if not PROGRESS.fullmatch(line.rstrip("\n")) and "the frame got worse" not in line
    )


def the_line(errors: str) -> str:
    """The one line, beside the progress, on stderr of a command that failed."""
    (line,) = without_progress(errors).splitlines()
    assert line.startswith("fastbg: ")
    return line


def start(command: list[str], **more: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **more)  # type: ignore


KINDS = {
    "xisf": ("sky.xisf", ()),
    "descent": ("sky.xisf", QUICK_OPTIONS),
    "compressed": ("sky.xisf", ("-c", *QUICK_OPTIONS)),
    "fits": ("sky.fits", QUICK_OPTIONS),
    "tiles": ("sky.fits.fz", QUICK_OPTIONS),
    "tiff": ("sky.tif", QUICK_OPTIONS),
}


def make_work(folder: Path, kind: str) -> Work:
    name, options = KINDS[kind]
    sky = folder / "sky.xisf"
    xisf.write(sky, simulate_sky(SHAPE, np.random.default_rng(7)).image)
    settings = QUICK if options else {}
    if name != sky.name:
        made = process_file(sky, output=folder / name, output_dir=folder / "made", **QUICK)
        sky = Path(made.report["outputs"]["corrected"])
    report = process_file(sky, output_dir=folder / "whole", **settings).report
    expected = {Path(p).name: samples(Path(p)) for p in report["outputs"].values()}
    return Work(sky, folder / "out", options, expected)

"""The way of a small job through the files of fastbg, followed by ``sys.setprofile``.

The job is ``fastbg.process_file`` with one thread on a simulated image of 240 x 360 pixels. A
process of its own does it twice, and the second time is followed, when everything is imported.

Definitions:

* A *passage* is a call from a function in one file of fastbg to a function in another. Frames that
  belong to no file of fastbg, such as those of `contextlib` or numpy, are looked through: the
  caller is the nearest frame of fastbg. Only the main thread is followed. The frames of
  comprehensions and generators count as functions of their file.
* A *stay* is a passage counted once, however often a loop repeats it: a pair of a calling and a
  called function. A *way* is a pair of rooms between which there are stays.
* A stay *climbs* if the called file is on a higher floor than the calling one, and a way if the
  called room is; structure.py defines rooms and floors, by all imports at run time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

SHAPE = (240, 360)


def walk(root: Path, *, installed: bool) -> dict[str, list[str]]:
    """Follow a job through a source tree; rows of names, as `structure.found_in` has them.

    Parameters
    ----------
    root : Path
    installed : bool
        The tree is the one that is installed. Otherwise it is built into a folder first.

    Raises
    ------
    RuntimeError
        If the job leads through modules that the tree does not have.
    """
    with tempfile.TemporaryDirectory() as folder:
        _simulate(Path(folder) / "sky.tiff")
        command, environment = [sys.executable, "-P"], dict(os.environ)
        if not installed:
            site = Path(folder) / "site"
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--target", str(site), str(root)], check=True)
            paths = {str(site): 0} | {
                sysconfig.get_path(name): 0 for name in ("purelib", "platlib")
            }
            # Without -S an editable install of another tree would be found first.
            command, environment["PYTHONPATH"] = [*command, "-S"], os.pathsep.join(paths)
        done = subprocess.run(
            [*command, __file__, folder],
            env=environment | {"OMP_NUM_THREADS": "1"},
            check=True,
            capture_output=True,
            text=True,
        )
    return _counted(json.loads(done.stdout), root)


def _counted(passages: list[list[str]], root: Path) -> dict[str, list[str]]:
    from modules import FOR_TYPES, floors, imports_of, modules_of, room

    modules = modules_of(root)
    edges = {pair for pair, kind in imports_of(modules).items() if kind != FOR_TYPES}
    floor = floors([*modules], edges)
    room_edges = {(room(a), room(b)) for a, b in edges if room(a) != room(b)}
    room_floor = floors(list(dict.fromkeys(map(room, modules))), room_edges)
    stays, climbs = [], []
    for caller, calling, callee, called, times in passages:
        if unknown := {caller, callee} - floor.keys():
            raise RuntimeError(f"{unknown.pop()} is installed and not in {root}: pip install it")
        stays.append(f"{caller}.{calling} -> {callee}.{called}: {times} x")
        if floor[callee] > floor[caller]:
            climbs.append(stays[-1])
    files = {name for passage in passages for name in (passage[0], passage[2])}
    ways = {(room(passage[0]), room(passage[2])) for passage in passages}
    ways = {(a, b) for a, b in ways if a != b}
    return {
        "stays of a small job": stays,
        "  in so many files": sorted(files),
        "  of these stays climb": climbs,
        "ways of a small job between rooms": sorted(f"{a} -> {b}" for a, b in ways),
        "  between so many rooms": sorted({name for way in ways for name in way}),
        "  of these ways climb": sorted(
            f"{a} -> {b}" for a, b in ways if room_floor[b] > room_floor[a]
        ),
    }


def _simulate(path: Path) -> None:
    import numpy as np
    import tifffile

    from scenes import simulate

    image = np.ascontiguousarray(simulate("star field", SHAPE, 1).image)
    tifffile.imwrite(path, image, photometric="rgb")


class Follower:
    """Counts passages; to be given to `sys.setprofile`."""

    def __init__(self) -> None:
        self.passages: Counter[tuple[str, str, str, str]] = Counter()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event != "call" or (callee := self._module(frame)) is None:
            return
        below = frame.f_back
        while below is not None and self._module(below) is None:
            below = below.f_back
        if below is not None and (caller := str(self._module(below))) != callee:
            names = below.f_code.co_qualname, frame.f_code.co_qualname
            self.passages[caller, names[0], callee, names[1]] += 1

    @staticmethod
    def _module(frame: FrameType) -> str | None:
        name = frame.f_globals.get("__name__", "")
        return name if name.partition(".")[0] == "fastbg" else None


def follow(folder: str) -> None:
    """Run the job in a folder and print its passages as JSON."""
    from fastbg import Settings, process_file

    def job() -> None:
        path = Path(folder) / "sky.tiff"
        process_file(path, output_dir=folder, overwrite=True, settings=Settings(threads=1))

    job()
    follower = Follower()
    sys.setprofile(follower)
    try:
        job()
    finally:
        sys.setprofile(None)
    print(json.dumps([[*names, times] for names, times in follower.passages.items()]))


if __name__ == "__main__":
    follow(sys.argv[1])

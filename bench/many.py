"""Many large frames: ``fastbg together`` on RGB frames of one field, time and memory.

``python bench many`` writes some frames of a simulated sky as float32 FITS, each with a flux scale,
a gradient and noise of its own, and links them under as many names as there are frames: a hundred
of them need no 29 GB, and are read from the cache of the system. Corrected frames are written in
full, and removed as soon as the journal knows them. It prints the seconds of a frame by the clock
and of the processor, start included, and the peak of the memory of all processes together, sampled
as they run: what is resident, and the same with what processes share counted once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from batch import run
from fastbg.jobs.batch.journal import FOLDER as JOURNAL
from scenes.drawing import glow

DISTINCT = 6
"""Frames that are made; the others are links to them."""

AT_ONCE = 6
"""Outputs that there are at the same time, at most."""

BYTES_PER_PIXEL = 12
"""Of a frame in float32, and of what is written for it."""

LOOK_SECONDS = 0.1
"""The time between two looks for finished outputs."""


def make_frames(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Write frames of one sky, of which at most `DISTINCT` are different."""
    from fastbg.io import fits
    from fastbg.simulate import CITY_GLOW, simulate_sky

    sky = np.moveaxis(simulate_sky(size, np.random.default_rng(1)).image, 2, 0)
    paths = [folder / f"frame{number:04}.fits" for number in range(count)]
    for number, path in enumerate(paths):
        if number >= DISTINCT:
            os.link(paths[number % DISTINCT], path)
            continue
        rng = np.random.default_rng(number)
        scale, rises = np.float32(rng.uniform(0.8, 1.2)), glow(size, rng.uniform(0, 6.3), 0.5)
        with fits.create(path, (3, *size)) as image:
            for top in range(0, size[0], 256):
                rows = slice(top, min(top + 256, size[0]))
                band = scale * sky[:, rows]
                band += np.multiply.outer(CITY_GLOW, rises[rows]).astype(np.float32)
                band += np.float32(3e-3) * rng.standard_normal(band.shape, np.float32)
                image.write_rows(rows, band)
    return paths


def remove_finished(out: Path, until: threading.Event) -> None:
    """Remove the outputs that the journal knows, until an event."""
    removed: set[str] = set()
    while not until.wait(LOOK_SECONDS):
        for record in set(map(str, (out / JOURNAL).glob("*.json"))) - removed:
            removed.add(record)
            for output in json.loads(Path(record).read_bytes())["outputs"].values():
                (out / output["path"]).unlink()


def main(arguments: list[str]) -> int:
    """Make frames, run, and print a row."""
    parser = argparse.ArgumentParser(
        prog="python bench many",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=100, help="(%(default)s)")
    parser.add_argument("--size", nargs=2, type=int, default=(4000, 6000), metavar=("H", "W"))
    parser.add_argument("--runs", type=int, default=1, help="(%(default)s)")
    parser.add_argument("--folder", help="of the frames and the outputs, about 4 GB")
    parser.add_argument("--smoke", action="store_true", help="tiny, to see that it works")
    parser.add_argument("settings", nargs="*", metavar="-- OPTION", help="of fastbg together")
    options = parser.parse_args(arguments)
    if options.smoke:
        options.size, options.frames, options.runs = (100, 150), 3, 1
    needed = (AT_ONCE + DISTINCT) * math.prod(options.size) * BYTES_PER_PIXEL
    if shutil.disk_usage(options.folder or tempfile.gettempdir()).free < needed:
        parser.error(f"frames and outputs need {needed / 1e9:.1f} GB: name a --folder with room")

    height, width = options.size
    own = ["--no-model", *options.settings]
    print(
        f"fastbg together {' '.join(own)}: {options.frames} frames, {height} x {width} x 3 float32 "
        f"FITS, {os.cpu_count()} cores, other programs took {os.getloadavg()[0]:.1f} of them before"
    )
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = make_frames(Path(folder), options.frames, (height, width))
        for _ in range(options.runs):
            out = Path(folder) / "out"
            command = [sys.executable, "-P", "-m", "fastbg.cli", "together", *map(str, files)]
            done = threading.Event()
            remover = threading.Thread(target=remove_finished, args=(out, done))
            remover.start()
            try:
                taken = run([*command, "-o", str(out), "-q", *own], len(files), {})
            finally:
                done.set()
                remover.join()
            finished = len([*(out / JOURNAL).glob("*.json")])
            assert finished == len(files), f"{finished} of {len(files)} frames are finished"
            shutil.rmtree(out)
            wall, used = taken.wall / taken.frames, taken.processor / taken.frames
            print(
                f"{wall:.2f} s a frame, {used:.2f} s of the processor, {taken.peak / 1e6:.0f} MB "
                f"resident, {taken.proportional / 1e6:.0f} MB with what is shared counted once",
                flush=True,
            )
    return 0

"""Mono images of up to a gigapixel: the time for each pixel, and the memory.

``python bench gigapixel`` writes skies of float32 in bands, each four times as large as the one
before it, and runs ``fastbg run`` on them with the default settings. It needs three times the size
of the largest on the disk of temporary files: 13 GB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fastbg.io import xisf
from measuring import report_of

ROWS, STEPS = 256, 3
"""The rows that are written at a time, and the number of images."""


def background(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The sky at normalised coordinates, (h, w), float32, linear."""
    sky: np.ndarray = 0.05 + 0.02 * x + (0.01 * y**2 + 0.01 * x * y)
    return sky.astype(np.float32)


def write(path: Path, side: int) -> None:
    """A sky with noise and stars, which repeat after `ROWS` rows, shifted."""
    rng = np.random.default_rng(1)
    light = 0.002 * rng.standard_normal((ROWS, side), np.float32)
    light += (rng.random((ROWS, side), np.float32) > 0.9995) * rng.random((ROWS, side), np.float32)
    centres = (np.arange(side) + 0.5) / side
    with xisf.create(path, (1, side, side)) as target:
        for top in range(0, side, ROWS):
            y = centres[top : top + ROWS, np.newaxis]
            band = background(y, centres) + np.roll(light, 7 * top + 13, axis=1)[: len(y)]
            target.write_rows(slice(top, top + len(y)), band[np.newaxis])


def error(path: Path, side: int) -> float:
    """std(model - truth) / std(truth), in some rows of a model."""
    centres, rows = (np.arange(side) + 0.5) / side, range(side // 64, side, side // 32)
    truth = background(centres[rows, np.newaxis], centres)
    with xisf.open_image(path) as model:
        found = np.concatenate([model.read_rows(slice(row, row + 1))[0] for row in rows])
    return float((found - truth).std() / truth.std())


def main(arguments: list[str]) -> int:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(
        prog="python bench gigapixel",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--side", type=int, default=32768, help="of the largest (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="tiny")
    options = parser.parse_args(arguments)
    largest = 256 if options.smoke else options.side
    print("| pixels | s | processor s | ns a pixel | peak MB | error |\n|---|---|---|---|---|---|")
    for step in reversed(range(STEPS)):
        side = largest >> step
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sky.xisf"
            write(path, side)
            before, began = os.times(), time.perf_counter()
            report = report_of("-P", "-m", "fastbg.cli", "run", str(path), folder, "--json")
            wall, after = time.perf_counter() - began, os.times()
            off = error(Path(report["outputs"]["background"]), side)
        used = after.children_user + after.children_system
        used -= before.children_user + before.children_system
        peak = report["peak_memory_bytes"] / 1e6
        print(
            f"| {side} x {side} | {wall:.2f} | {used:.2f} | {used / side**2 * 1e9:.1f} | "
            f"{peak:.0f} | {off:.4f} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

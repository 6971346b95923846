"""The workloads of the gate, and the yardsticks that it times in between.

The program prints one JSON object: for each workload its time in units of the time of its yardstick
right before and after. Both are times of the processor, lower quartiles over some rounds. A busy
machine slows both, so the ratio is reproducible where seconds are not.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from mmap import mmap
from tempfile import TemporaryDirectory

import numpy as np

from fastbg import remove_background
from fastbg.backends import c
from fastbg.image.downscale import downscale
from fastbg.image.image import Image
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch
from fastbg.io import fits
from fastbg.model.correction import Correction
from fastbg.model.render import Rendered, pixel_centres
from fastbg.simulate import simulate_sky
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline, interpolate

Call = Callable[[], object]

SHAPE, COUNTED_SHAPE, SMOKE_SHAPE = (1000, 1500), (400, 600), (60, 90)
ROUNDS, SMOKE_ROUNDS = 15, 2
GRADIENTS = 10
"""The number of gradients in a row, on the same pixels."""

FRAMES = 8
"""The number of frames of a batch."""

BLOCK = 4
"""The side of the blocks whose medians are taken, and the downscaling factor of the gradients."""

YARDSTICKS = {
    "gradient, N = 36": "arithmetic",
    "gradient, N = 256": "arithmetic",
    "render": "arithmetic",
    "quantiles": "arithmetic",
    "block medians": "arithmetic",
    "correct": "arithmetic",
    "whole job": "copy",
    "default job": "copy",
    "batch": "process",
    "fastbg --help": "process",
}
"""For each workload the yardstick whose time varies most like it."""


def yardsticks() -> dict[str, Call]:
    """A copy through main memory, arithmetic within a cache, and a bare process."""
    source, target = np.ones((2, 1 << 22))
    # They have memory pages of their own: the alignment of arrays decides a quarter of the time.
    angles = _elsewhere(np.linspace(0.1, 1.0, 1 << 12))
    sines = _elsewhere(angles)

    def arithmetic() -> None:
        for _ in range(60):
            np.sin(angles, out=sines)

    return {
        "copy": lambda: np.copyto(target, source),
        "arithmetic": arithmetic,
        "process": lambda: _process("-c", "import argparse, json, decimal"),
    }


def workloads(shape: tuple[int, int]) -> dict[str, Call]:
    """The workloads by name; each uses one thread."""
    samples = simulate_sky(shape, np.random.default_rng(1)).image
    image = Image.from_samples(samples)
    stretch = Stretch.of(quantiles(image, [0, 0.5, 0.95, 1], 1).values(), 0.95)
    rng = np.random.default_rng(2)
    few, many = (interpolate(rng.random((n, 2)), rng.random((n, 3)), order=2) for n in (36, 256))

    y, x = (pixel_centres(n // BLOCK) for n in shape)
    data, weight = rng.random((3, y.size, x.size), np.float32), np.ones((3, y.size, x.size), "f4")

    def gradients(spline: Spline) -> None:
        # The place of the pixels in memory decides a tenth of the time, so each call has a new one.
        samples, used = (np.moveaxis(_elsewhere(planes), 0, 2) for planes in (data, weight))
        objective = c.open_problem(Problem(samples, used, y, x, order=2, alpha=5.0), 1)
        for _ in range(GRADIENTS):
            objective.loss_and_gradient(spline.flatten())

    rows, columns = map(pixel_centres, shape)
    rendered = np.empty((3, *shape), np.float32)
    background = Rendered(c.backend(), few, stretch, rows, columns)
    corrected = Correction(image, background.linear, "subtract", np.zeros(3)).corrected()

    calls: list[Call] = [
        lambda: gradients(few),
        lambda: gradients(many),
        lambda: c.plan(few, rows, columns).rows(slice(0, shape[0]), rendered),
        lambda: quantiles(image, [0, 0.5, 0.95, 1], 1),
        lambda: downscale(image, stretch, BLOCK, "median", 1),
        lambda: quantiles(corrected, [0, 0.5, 1], 1, samples=image),
        lambda: remove_background(samples, control_points=16, epochs=100, threads=1),
        lambda: remove_background(samples, threads=1),
        lambda: batch(samples),
        lambda: _process("-P", "-m", "fastbg.cli", "--help"),
    ]
    return dict(zip(YARDSTICKS, calls, strict=True))


def batch(samples: np.ndarray) -> None:
    """`FRAMES` mono FITS of 16 bits through two workers, from their start to their end."""
    with TemporaryDirectory() as folder:
        frame = (samples[..., 0] * 65535).astype(np.uint16)
        for number in range(FRAMES):
            with fits.create(f"{folder}/{number}.fits", (1, *frame.shape), dtype="u2") as image:
                image.write_rows(slice(0, len(frame)), frame[np.newaxis])
        _process(
            "-P", "-m", "fastbg.cli", "batch", folder, "-o", f"{folder}/out", "-q", "--workers", "2"
        )


def _elsewhere(array: np.ndarray) -> np.ndarray:
    """A copy in pages of its own."""
    copy = np.frombuffer(mmap(-1, array.nbytes), array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _process(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def _seconds(call: Call) -> float:
    """The processor's seconds of a call, here and in the processes that it waits for."""
    start = _used()
    call()
    return _used() - start


def _used() -> float:
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="tiny")
    parser.add_argument(
        "--repeat", nargs=2, metavar=("NAME", "TIMES"), help="only call a small workload so often"
    )
    options = parser.parse_args()
    if options.repeat:
        name, times = options.repeat
        call = workloads(COUNTED_SHAPE)[name]
        for _ in range(int(times)):
            call()
        return
    calls, units = workloads(SMOKE_SHAPE if options.smoke else SHAPE), yardsticks()
    for call in [*units.values(), *calls.values()]:
        call()  # work that is done only once
    taken: dict[str, list[float]] = {name: [] for name in calls}
    yardstick: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(SMOKE_ROUNDS if options.smoke else ROUNDS):
        for name, call in calls.items():
            unit = units[YARDSTICKS[name]]
            before, seconds, after = _seconds(unit), _seconds(call), _seconds(unit)
            taken[name].append(seconds)
            yardstick[name].append((before + after) / 2)
    ratios = {
        name: float(np.quantile(taken[name], 0.25) / np.quantile(yardstick[name], 0.25))
        for name in calls
    }
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()

"""Ways to descend, on simulated skies and real images: loss, iterations, time, and error.

``OPENBLAS_NUM_THREADS=1 python bench descents [FILE ...]`` fits every scene, and every file, with
``-N 36 -i grid`` once for each way, and compares the ways to the first one::

    python bench descents --way optimizer=adam --way optimizer=lbfgs --way stiffness=0.1

For each way: the loss; after how many iterations on all pixels it is as low as that of the first
("-": never), and of how many; how many times as fast as the first the whole fit is, and as fast it
is until it is as low ("0": never); and, on simulated skies, the error as `scenes.error` has it, at
the pixels of the fit. More threads for the
small matrices, which the command line does not allow, take longer than the matrices.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

SCENE_BLOCKS = 8
"""The downscaling factor of simulated skies."""


def main(arguments: Sequence[str]) -> int:
    """Print a row for each image."""
    from fastbg import Settings

    parser = argparse.ArgumentParser(
        prog="python bench descents",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--way", action="append", metavar="NAME=VALUE,...", help="settings")
    parser.add_argument("--size", nargs=2, type=int, default=(2000, 3000), metavar=("H", "W"))
    parser.add_argument("--seeds", nargs="*", type=int, default=[1], metavar="SEED")
    parser.add_argument("-dx", type=int, default=4, help="of the files (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="tiny, two scenes")
    options = parser.parse_args(arguments)
    names = options.way or ["optimizer=adam", "optimizer=lbfgs"]
    common = Settings(control_points=36, initializer="grid")
    if options.smoke:
        options.size, common = (120, 180), replace(common, epochs=20, control_points=4)
    ways = [replace(common, **_settings(name)) for name in names]

    print(f"{'image':32}" + "".join(f"{name:>45}" for name in names))
    heads = f"{'loss':>10}{'as low after':>14}{'times':>7}{'until':>7}{'error':>7}"
    print(f"{'':32}" + heads * len(ways))
    errors = []
    for name, image, scene in _images(options):
        found = _fits(image, scene, ways, options.dx)
        errors.append([error for *_, error in found])
        cells = (
            f"{loss:10.4f}{after:>14}{times:7.1f}{until:7.1f}{error:7.3f}"
            for loss, after, times, until, error in found
        )
        print(f"{name:32}" + "".join(cells), flush=True)
    ratios = np.array([each for each in errors if np.isfinite(each).all()])
    if len(ratios):
        relative = np.exp(np.log(ratios / ratios[:, :1]).mean(axis=0))
        print("error to that of the first, geometric mean", *relative.round(3))
    return 0


def _settings(text: str) -> dict[str, Any]:
    """``name=value,name=value`` as settings, each with the type of its default."""
    from fastbg import Settings

    pairs = (part.split("=") for part in text.split(","))
    return {name: type(getattr(Settings(), name))(value) for name, value in pairs}


def _images(options: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, Any]]:
    from loading import read
    from scenes import SCENES, simulate

    for seed in options.seeds:
        for name in [*SCENES][: 2 if options.smoke else None]:
            scene = simulate(name, tuple(options.size), seed)
            yield f"{name} {seed}", scene.image, scene
    for path in options.files:
        yield path.name, read(path), None


def _fits(
    image: np.ndarray, scene: Any, ways: Sequence[Any], factor: int
) -> list[tuple[float, str, float, float, float]]:
    from fastbg.fit import fit_spline
    from fastbg.image.frame import Frame
    from fastbg.image.image import Image
    from fastbg.pipeline import Job

    found: list[tuple[float, str, float, float, float]] = []
    goal, slowest = np.inf, 0.0
    for way in ways:
        settings = replace(way, downscaling_factor=SCENE_BLOCKS if scene else factor)
        job = Job(settings)
        prepared = job.prepare(Frame(Image.from_samples(image)))
        problem = prepared.problem
        watch = _Watch()
        fit = fit_spline(problem, settings, job.backend, watch)
        seconds = time.perf_counter() - watch.started
        losses = fit.descent.losses
        if not found:
            goal, slowest = fit.descent.loss, seconds
        reached = losses <= goal
        after = f"{reached.argmax() + 1 if reached.any() else '-'} of {len(losses)}"
        error = np.nan
        if scene:
            values = np.empty(np.moveaxis(problem.data, 2, 0).shape, np.float32)
            with closing(job.backend.plan(fit.spline, problem.y, problem.x)) as rendering:
                rendering.rows(slice(0, problem.y.size), values)
            error = _error(np.moveaxis(prepared.stretch.invert(values)[0], 0, 2), scene)
        until = slowest / watch.seconds_to(goal)
        found.append((fit.descent.loss, after, slowest / seconds, until, error))
    return found


class _Watch:
    """Notes when each loss on all pixels was seen."""

    def __init__(self) -> None:
        self.started, self._seen = time.perf_counter(), list[tuple[float, float]]()

    def __call__(self, iteration: int, loss: float) -> None:
        if iteration:
            self._seen.append((time.perf_counter() - self.started, loss))

    def seconds_to(self, goal: float) -> float:
        """The seconds until a loss was as low, infinity if none was."""
        return next((seconds for seconds, loss in self._seen if loss <= goal), np.inf)


def _error(model: np.ndarray, scene: Any) -> float:
    """`scenes.error` at the middles of whole blocks."""
    from scenes import Scene, error

    rows, columns = (size // SCENE_BLOCKS for size in scene.valid.shape)
    middle = slice(SCENE_BLOCKS // 2, None, SCENE_BLOCKS)
    some = (
        plane[middle, middle][:rows, :columns]
        for plane in (scene.image, scene.background, scene.valid)
    )
    return error(model[:rows, :columns], Scene(*some))

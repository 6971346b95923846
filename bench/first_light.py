"""The figures that a GPU has to show one day, each beside its limit.

``python bench first_light [FIGURES ...]`` runs them one by one; where one fails, the others go on.
With ``--json FILE`` they are also written to a file. The exit status is 1 if a figure is missing or
beyond its limit. `first_light.sh` does this and all the rest on a bare machine.

Times on the device are medians by events, after a first call. Bytes are what numba asks the driver
for, allocation by allocation.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import gpu
from fastbg.backends import c, cuda
from fastbg.io import xisf
from fastbg.model.render import pixel_centres
from fastbg.simulate import simulate_sky
from fastbg.spline.control_points import grid_points, initial_values
from fastbg.spline.lbfgs import coarse_to_fine, descend
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline, interpolate
from figures import Figure, at_most, equal, requested
from loading import read
from measuring import report_of

POINTS = 36
ADAM_SECONDS, ADAM_BYTES = 0.050, 64_000_000
LOSS, END = 1e-4, 1e-2
"""Differences of the losses at the same parameters, and of those where two descents end. On 24 Mpx
two instruction sets of the C evaluator ended 2e-3 apart, their backgrounds 0.015 of the range."""

BANDWIDTH = 0.5
STREAMED_BYTES, ITERATIONS = 1_000_000_000, 3
BACKGROUND, BACKGROUND_OF_END = 1e-5, 0.05
"""Differences of two backgrounds, of the range of one: of the same spline, and of two descents."""


@dataclass(frozen=True)
class Sizes:
    """Shapes and repetitions.

    Attributes
    ----------
    small, large, huge : tuple of int
        24 Mpx at dx = 8 and 1, and 61 Mpx.
    iterations, rounds : int
    """

    small: tuple[int, int] = (500, 750)
    large: tuple[int, int] = (4000, 6000)
    huge: tuple[int, int] = (8165, 7471)
    iterations: int = 1000
    rounds: int = 10
    streamed_bytes: int = STREAMED_BYTES


SMOKE = Sizes((40, 60), (64, 130), (400, 600), 80, 1, 3_000_000)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python bench first_light", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURES", help=", ".join(FIGURES))
    parser.add_argument("--json", type=Path, help="a file for the figures")
    parser.add_argument("--smoke", action="store_true", help="tiny, to see that it works")
    options = parser.parse_args(arguments)
    if unknown := set(options.figures) - set(FIGURES):
        parser.error(f"no such figures: {', '.join(sorted(unknown))}")
    if (reason := cuda.unavailable()) is not None:
        print(f"no first light: {reason}")
        return 0
    print(f"{cuda.CudaBackend().detail()}\n\n| figure | value | limit | holds |\n|---|---|---|---|")
    found, failed = [], False
    for name in options.figures or FIGURES:
        try:
            for figure in FIGURES[name](SMOKE if options.smoke else Sizes()):
                found.append(figure)
                failed |= figure.holds is False
                verdict = {None: "", True: "yes", False: "NO"}[figure.holds]
                value = f"{figure.value:.6g} {figure.unit}".strip()
                print(f"| {figure.name} | {value} | {figure.limit} | {verdict} |", flush=True)
        except Exception as error:
            failed = True
            print(f"| {name} | failed: {' '.join(str(error).split())[:100]} | | NO |", flush=True)
            traceback.print_exc()
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in found], indent=1))
    return int(failed)


# What is measured.


def figures_of_compilation(sizes: Sizes) -> Iterator[Figure]:
    """All kernels, compiled by several processes at once: the rest then finds them on disk."""
    begin = time.perf_counter()
    workers = max(1, min(8, (os.cpu_count() or 1) - 1))
    kinds = [(2, 3), (2, 1)] if sizes is SMOKE else [(o, k) for k in (3, 1) for o in (2, 1, 3, 4)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        errors = np.max([list(each) for each in pool.map(_compiled, kinds)], axis=0)
    yield Figure("all kernels compiled and launched", time.perf_counter() - begin, "s")
    for name, error, limit in zip(
        ("values", "loss", "gradient"), errors, (gpu.VALUES, gpu.LOSS, gpu.GRADIENT), strict=True
    ):
        yield at_most(f"error of the {name}, all orders, K = 1 and 3", float(error), limit)


def _compiled(kind: tuple[int, int]) -> tuple[float, float, float]:
    order, channels = kind
    case = gpu.random_case(np.random.default_rng(order), (70, 90), 300, channels, order)
    return gpu.errors_of(*case)


def figures_of_adam(sizes: Sizes) -> Iterator[Figure]:
    """1000 iterations at dx = 8, against C, and the memory that they take."""
    from fastbg.cuda_kernels import account, memory, objective

    problem = sky(sizes.small)
    start = beginning(problem).flatten()
    with requested() as sizes_asked:
        opened = objective.CudaObjective(problem, memory.DeviceMemory(ADAM_BYTES))
        with closing(opened):
            options = {"iterations": sizes.iterations, "learning_rate": 1e-3}
            (found,) = opened.descend([start], **options)
            cut = opened.cut
            announced = account.size_of(account.of_pixels(cut, 3, cut.chunks)) + account.size_of(
                account.of_descent(cut, start.size, 1, sizes.iterations)
            )
            asked = sum(sizes_asked)
            (expected,) = c.open_problem(problem, os.cpu_count() or 1).descend([start], **options)
            same, _ = opened.loss_and_gradient(expected.parameters)
            begin = time.perf_counter()
            opened.descend([start], **options)
            whole = (time.perf_counter() - begin) * sizes.iterations / len(found.losses)
            launched, captured = gpu.iteration_seconds(opened, start, sizes.rounds)
    name = f"{sizes.iterations} iterations of Adam, dx = 8, N = {POINTS}"
    yield at_most(name, 1e3 * whole, 1e3 * ADAM_SECONDS, "ms")
    yield at_most("  their memory", asked, ADAM_BYTES, "bytes")
    yield equal("  as the account says", asked, announced)
    yield at_most("  the loss where C ends, against C", abs(same - expected.loss), LOSS)
    yield at_most("  the loss where they end, against C", abs(found.loss - expected.loss), END)
    yield Figure("  an iteration by plain launches", 1e6 * launched, "us")
    yield Figure("  an iteration as a CUDA graph", 1e6 * (captured or np.nan), "us")


def figures_of_lbfgs(sizes: Sizes) -> Iterator[Figure]:
    """The default descent at dx = 8, against C."""
    problem, gpu_backend = sky(sizes.small), cuda.CudaBackend()
    start, taken, losses = beginning(problem), [], []
    for backend in (gpu_backend, c.backend()):
        for _ in range(2):
            begin = time.perf_counter()
            found = descend(
                coarse_to_fine(problem),
                lambda level, each=backend: each.open_problem(level, os.cpu_count() or 1),
                start,
                iterations=sizes.iterations,
            )
            seconds = time.perf_counter() - begin
        taken.append(seconds)
        losses.append(found.loss)
    yield Figure(f"L-BFGS, dx = 8, N = {POINTS}", 1e3 * taken[0], "ms")
    yield Figure("  by C", 1e3 * taken[1], "ms")
    with closing(gpu_backend.open_problem(problem, 1)) as opened:
        same, _ = opened.loss_and_gradient(found.parameters)
    yield at_most("  the loss where C ends, against C", abs(same - losses[1]), LOSS)
    yield at_most("  the loss where it ends, against C", abs(losses[0] - losses[1]), END)


def figures_of_tiles(sizes: Sizes) -> Iterator[Figure]:
    """An iteration in tiles and pixel by pixel."""
    from fastbg.cuda_kernels import objective, pixels

    for shape, factor in ((sizes.small, 8), (sizes.large, 1)):
        problem = gpu.random_problem(np.random.default_rng(1), shape)
        start = beginning(problem).flatten()
        for arranged in (pixels.one_by_one, pixels.in_tiles):
            opened = objective.CudaObjective(problem, gpu.all_memory(), arranged=arranged)
            with closing(opened):
                times = gpu.iteration_seconds(opened, start, sizes.rounds)
            fastest = 1e3 * min(filter(None, times))
            yield Figure(f"an iteration, dx = {factor}, {arranged.__name__}", fastest, "ms")


def figures_of_rendering(sizes: Sizes) -> Iterator[Figure]:
    """24 Mpx x 3 against the bandwidth of the card."""
    from fastbg.cuda_kernels import account, memory, rendering, tile_work

    card = gpu.Card()
    y, x = map(pixel_centres, sizes.large)
    problem = gpu.random_problem(np.random.default_rng(1), sizes.small)
    spline = beginning(problem)
    budget = 200_000_000
    with requested() as asked:
        plan = rendering.CudaRendering(spline, y, x, memory.DeviceMemory(budget))
        axes = tuple(zip((y.size, x.size), tile_work.tile_shape(), strict=True))
        arrays = account.of_rendering(3, spline.flatten().size, axes, plan.at_once)
        announced, taken = account.size_of(arrays), sum(asked)
    with closing(plan):
        size = plan.load()["out"].nbytes
        zeros = partial(fill, plan.load()["out"], plan.stream)
        filled = gpu.seconds(zeros, plan.stream, sizes.rounds)
        rows = partial(plan.enqueue, plan.load(), 0, plan.at_once)
        rendered = gpu.seconds(rows, plan.stream, sizes.rounds)
        whole = np.empty((3, y.size, x.size), np.float32)
        begin = time.perf_counter()
        plan.rows(slice(0, y.size), whole)
        seconds = time.perf_counter() - begin
    share = size / rendered / card.bytes
    name = f"rendering {y.size} x {x.size} x 3, N = {POINTS}: share of the nominal bandwidth"
    yield Figure(name, share, "", f">= {BANDWIDTH}", share >= BANDWIDTH)
    yield Figure("  share of what filling with zeros reaches", filled / rendered)
    yield Figure("  GB/s written", size / rendered / 1e9, "GB/s")
    yield Figure("  with the way back to the host", 1e3 * seconds, "ms")
    yield equal("  its memory, as the account says", taken, announced)


def fill(out: Any, stream: Any) -> None:
    """Fill an array with zeros as the driver does it."""
    from numba.cuda.cudadrv.driver import device_memset

    device_memset(out, 0, out.nbytes, stream=stream)


def figures_of_streaming(sizes: Sizes) -> Iterator[Figure]:
    """61 Mpx at dx = 1, more than fits into a gigabyte."""
    from fastbg.cuda_kernels import account, memory, objective

    problem = gpu.random_problem(np.random.default_rng(1), sizes.huge)
    start = beginning(problem).flatten()
    opened = objective.CudaObjective(problem, memory.DeviceMemory(sizes.streamed_bytes))
    with closing(opened), requested() as asked:
        begin = time.perf_counter()
        (found,) = opened.descend([start], iterations=ITERATIONS, learning_rate=1e-3)
        seconds = (time.perf_counter() - begin) / ITERATIONS
    cut, arrays = opened.cut, account.of_descent(opened.cut, start.size, 1, ITERATIONS)
    part = account.chunks_beside(arrays, cut, 3, sizes.streamed_bytes)
    announced = account.size_of(arrays) + account.size_of(account.of_pixels(cut, 3, part))
    expected, _ = c.open_problem(problem, os.cpu_count() or 1).loss_and_gradient(start)
    name = f"{problem.y.size} x {problem.x.size} at dx = 1, streamed"
    yield at_most(f"{name}: memory", sum(asked), sizes.streamed_bytes, "bytes")
    yield equal("  as the account says", sum(asked), announced)
    yield Figure(
        "  the part that is there at a time", part / cut.chunks, "", "< 1", part < cut.chunks
    )
    yield at_most("  its first loss against C", abs(found.losses[0] - expected), LOSS)
    yield Figure("  an iteration", seconds, "s")


JOBS = {
    "the default job": ((), LOSS, BACKGROUND),
    "a job with Adam": (("-N", str(POINTS), "--optimizer", "adam"), END, BACKGROUND_OF_END),
    "a job with L-BFGS": (("-N", str(POINTS), "--optimizer", "lbfgs"), END, BACKGROUND_OF_END),
}
"""Options, and how far loss and background may be from those of C."""


def figures_of_jobs(sizes: Sizes) -> Iterator[Figure]:
    """Whole jobs on a file, in processes of their own: the loss and the background against C."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sky.xisf"
        xisf.write(path, simulate_sky(sizes.large, np.random.default_rng(1)).image)
        for name, (options, of_loss, of_background) in JOBS.items():
            losses, backgrounds = [], []
            for backend in ("cuda", "c"):
                report = report_of(
                    *("-P", "-m", "fastbg.cli", "run", str(path), folder, "--json", "--overwrite"),
                    *("--backend", backend, *options),
                )
                seconds = report["seconds"]
                yield Figure(f"{name}, {backend}", seconds["total"], "s")
                yield Figure("  of it, fit and render", seconds["fit"] + seconds["render"], "s")
                losses.append(report["fit"]["loss"])
                backgrounds.append(read(Path(report["outputs"]["background"])))
            yield at_most("  its loss against C", abs(losses[0] - losses[1]), of_loss)
            found, expected = backgrounds
            off = float(np.abs(found - expected).max() / np.ptp(expected))
            yield at_most("  its background against C, of the range", off, of_background)


FIGURES: dict[str, Callable[[Sizes], Iterator[Figure]]] = {
    "compilation": figures_of_compilation,
    "adam": figures_of_adam,
    "lbfgs": figures_of_lbfgs,
    "rendering": figures_of_rendering,
    "tiles": figures_of_tiles,
    "jobs": figures_of_jobs,
    "streaming": figures_of_streaming,
}


# The problem.


def sky(shape: tuple[int, int]) -> Problem:
    """A problem of a simulated sky, stretched."""
    image = simulate_sky(shape, np.random.default_rng(1)).image
    low, high = np.quantile(image, [0, 0.95], axis=(0, 1))
    data = np.clip((image - low) / (high - low), 0, 1).astype(np.float32)
    y, x = map(pixel_centres, shape)
    return Problem(data, np.ones_like(data), y, x, 2, 5.0)


def beginning(problem: Problem) -> Spline:
    """Where descents begin: a grid of control points."""
    points = grid_points(POINTS, problem.data.shape[:2])
    values = initial_values(points, problem.data, problem.weight, problem.y, problem.x)
    return interpolate(points, values, problem.order)

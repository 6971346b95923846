"""The CUDA backend: is it right, how fast is it against what the card could do, and against C?

The program first checks values, losses and gradients against the golden reference with fresh random
inputs; its exit status is 1 if one is off. Times are then medians by events, after a first call.
Floors follow from the data sheet of the card: the float32 operations of the compiled inner loops,
and the bytes that must be read or written once.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fastbg.backends import c, cuda
from fastbg.backends import numpy as golden
from fastbg.io import xisf
from fastbg.model.render import pixel_centres
from fastbg.simulate import simulate_sky
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline, interpolate
from measuring import report_of

VALUES, LOSS, GRADIENT = 5e-6, 5e-6, 5e-5
"""Largest errors allowed, as in the tests: relative to the largest value, the loss, the L2 norm."""

CORES = {(6, 1): 128, (8, 6): 128, (8, 7): 128, (8, 9): 128, (9, 0): 128}
"""Float32 units of a multiprocessor, where they are not `USUAL_CORES`; later cards have 128."""

USUAL_CORES = 64

SIZES = {8: (500, 750), 2: (2000, 3000), 1: (4000, 6000)}
"""The down-scaled shapes of 24 Mpx, by downscaling factor."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python bench gpu", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="of each timing (%(default)s)")
    parser.add_argument("--smoke", action="store_true", help="tiny, to see that it works")
    options = parser.parse_args(arguments)
    if (reason := cuda.unavailable()) is not None:
        print(f"no GPU benchmark: {reason}")
        return 0
    wrong = check(int.from_bytes(os.urandom(4)), options.smoke)
    if wrong or cuda.simulated():
        return wrong
    card = Card()
    print(f"\n{cuda.CudaBackend().detail()}; {card.text}\n")
    sizes = {8: (20, 30)} if options.smoke else SIZES
    time_fits(card, sizes, options.rounds)
    time_rendering(card, next(reversed(sizes.values())), options.rounds)
    time_jobs((160, 240) if options.smoke else SIZES[1])
    return 0


# Is it right?


def check(seed: int, smoke: bool) -> int:
    """Print the errors of random cases; 1 if one of them is too large."""
    rng = np.random.default_rng(seed)
    wrong = 0
    print(f"seed {seed}\n\n| order | K | N | values | loss | gradient |\n|---|---|---|---|---|---|")
    for order in (2,) if smoke else (1, 2, 3, 4):
        for channels in (1, 3):
            n = int(rng.integers(1, 4 if smoke else 400))
            shape = tuple(rng.integers(1, 5 if smoke else 300, 2))
            errors = errors_of(*random_case(rng, shape, n, channels, order))
            allowed = (VALUES, LOSS, GRADIENT)
            wrong |= any(e > limit for e, limit in zip(errors, allowed, strict=True))
            print(f"| {order} | {channels} | {n} | " + " | ".join(f"{e:.1e}" for e in errors), "|")
    print(f"\n{'WRONG' if wrong else 'right'}: allowed are {VALUES}, {LOSS} and {GRADIENT}")
    return int(wrong)


def errors_of(problem: Problem, spline: Spline) -> tuple[float, float, float]:
    """The errors of values, loss and gradient, the larger ones of both ways to hold the pixels."""
    from fastbg.cuda_kernels import objective, pixels, rendering

    shape = (problem.channels, problem.y.size, problem.x.size)
    expected, found = np.full((2, *shape), np.inf, np.float32)
    reference = golden.backend()
    render(reference, spline, problem.y, problem.x, expected)
    memory = all_memory()
    with closing(rendering.CudaRendering(spline, problem.y, problem.x, memory)) as plan:
        plan.rows(slice(0, problem.y.size), found)
    at = spline.flatten()
    expected_loss, expected_gradient = reference.open_problem(problem, 1).loss_and_gradient(at)
    of_loss, of_gradient = [], []
    for arranged in (pixels.one_by_one, pixels.in_tiles):
        with closing(objective.CudaObjective(problem, memory, arranged=arranged)) as opened:
            loss, gradient = opened.loss_and_gradient(at)
        of_loss.append(abs(loss - expected_loss) / max(1, abs(expected_loss)))
        of_gradient.append(np.linalg.norm(gradient - expected_gradient))
    return (
        float(np.abs(found - expected).max() / np.abs(expected).max()),
        max(of_loss),
        float(max(of_gradient) / np.linalg.norm(expected_gradient)),
    )


def render(backend: Any, spline: Spline, y: np.ndarray, x: np.ndarray, out: np.ndarray) -> None:
    """Fill ``out``, (K, rows, columns) float32, with the spline."""
    rendering = backend.plan(spline, y, x)
    rendering.rows(slice(0, len(y)), out)
    rendering.close()


def random_case(
    rng: np.random.Generator, shape: tuple[int, ...], n: int, channels: int, order: int
) -> tuple[Problem, Spline]:
    """A spline partly below zero, and data on both sides of it.

    Nothing lies at a kink of the loss, on whose sides float32 and float64 may differ.
    """
    spline = Spline(
        rng.random((n, 2)),
        rng.normal(0, 0.4 / n**0.5, (n, channels)),
        rng.normal(0, 0.1, (3, channels)),
        order,
    )
    y, x = map(pixel_centres, shape)
    model = np.empty((channels, *shape), np.float32)
    render(golden.backend(), spline, y, x, model)
    data = model + rng.uniform(0.02, 0.3, model.shape) * rng.choice([-1, 1], model.shape)
    weight = rng.uniform(0.1, 1, model.shape) * (np.abs(model) > 1e-3).all(axis=0)
    weight[:, 0, 0] = 1  # something must be left of a tiny image
    return Problem(np.moveaxis(data, 0, 2), np.moveaxis(weight, 0, 2), y, x, order, 5.0), spline


def random_problem(rng: np.random.Generator, shape: tuple[int, int]) -> Problem:
    """A problem of RGB noise in which every pixel is kept, far above zero as skies are."""
    y, x = map(pixel_centres, shape)
    data = np.moveaxis(0.3 + 0.4 * rng.random((3, *shape), np.float32), 0, 2)
    return Problem(data, np.ones_like(data), y, x, 2, 5.0)


# How fast is it?


class Card:
    """The nominal operations and bytes per second of a card."""

    def __init__(self) -> None:
        from numba import cuda as numba_cuda

        device = numba_cuda.get_current_device()
        cores = CORES.get(device.compute_capability, USUAL_CORES)
        if device.compute_capability >= (10, 0):
            cores = 128
        units = device.MULTIPROCESSOR_COUNT * cores
        self.operations = units * 1e3 * device.CLOCK_RATE
        self.bytes = 2 * 1e3 * device.MEMORY_CLOCK_RATE * device.GLOBAL_MEMORY_BUS_WIDTH / 8
        self.text = (
            f"{units} float32 units at {device.CLOCK_RATE / 1e6:.2f} GHz, "
            f"{self.bytes / 1e9:.0f} GB/s, {free() / 1e9:.1f} GB free"
        )

    def floor(self, operations: float, moved: float) -> float:
        """The time in seconds below which the card cannot do this."""
        return max(operations / self.operations, moved / self.bytes)


def free() -> int:
    from fastbg.cuda_kernels import device

    return device.free_memory()


def all_memory() -> Any:
    """All that is free, as a budget."""
    from fastbg.cuda_kernels import memory

    return memory.DeviceMemory(free())


def seconds(
    work: Callable[[], object],
    stream: Any,
    rounds: int,
    prepare: Callable[[], None] = lambda: None,
) -> float:
    """The median time in seconds of enqueued work on the device, after a first run."""
    from numba import cuda as numba_cuda

    taken = []
    for _ in range(rounds + 1):
        prepare()
        before, after = numba_cuda.event(), numba_cuda.event()
        before.record(stream)
        work()
        after.record(stream)
        after.synchronize()
        taken.append(1e-3 * before.elapsed_time(after))
    return statistics.median(taken[1:])


def time_fits(card: Card, sizes: dict[int, tuple[int, int]], rounds: int) -> None:
    """Iterations against their floor, whole descents, and the memory that they take."""
    from fastbg.cuda_kernels import objective, pixels

    print("| dx | N | pixels | iteration, ms | as a graph | floor | 1000 iterations, s | C | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(1)
    for factor, shape in sizes.items():
        problem = random_problem(rng, shape)
        for n in (36, 64, 256):
            values = 0.3 + 0.4 * rng.random((n, 3))
            start = interpolate(rng.random((n, 2)), values, 2).flatten()
            for kind, arranged in enumerate((pixels.one_by_one, pixels.in_tiles)):
                before = free()
                opened = objective.CudaObjective(problem, all_memory(), arranged=arranged)
                launched, captured = iteration_seconds(opened, start, rounds)
                taken = before - free()
                operations = opened.kept * (pixels.FIXED[kind] + n * pixels.EACH[kind])
                floor = card.floor(operations, opened.pixels.values.nbytes)
                print(
                    f"| {factor} | {n} | {arranged.__name__} | {1e3 * launched:.3f} | "
                    f"{'-' if captured is None else f'{1e3 * captured:.3f}'} | "
                    f"{1e3 * floor:.3f} | | | {taken / 1e6:.0f} |"
                )
                opened.close()
            whole = descent_seconds(cuda.CudaBackend(), problem, start, 1000)
            few = 1000 if factor == 8 else 20
            theirs = descent_seconds(c.backend(), problem, start, few) * 1000 / few
            chosen = "in_tiles" if pixels.arrange(problem).cut.axes else "one_by_one"
            print(f"| {factor} | {n} | {chosen} | | | | {whole:.2f} | {theirs:.2f} | |", flush=True)


def iteration_seconds(opened: Any, start: np.ndarray, rounds: int) -> tuple[float, float | None]:
    """An iteration of Adam on the device: by plain launches, and as a graph where that works."""
    from fastbg.cuda_kernels import descents

    options = start[np.newaxis], 2 * descents.BURST, 1e-3
    beginning = descents.Descents.beginning(*options)
    with opened.in_use():
        walk = descents.Descents(opened, *options)

        def restart() -> None:
            # A descent that has converged does nothing any more, and takes no time.
            for name, values in beginning.items():
                walk.work[name].copy_to_device(values, stream=walk.stream)

        burst = partial(walk.enqueue, range(walk.burst), walk.states[0])
        launched = seconds(burst, walk.stream, rounds, restart) / walk.burst
        if not walk.capture():
            return launched, None
        return launched, seconds(burst, walk.stream, rounds, restart) / walk.burst


def descent_seconds(backend: Any, problem: Problem, start: np.ndarray, iterations: int) -> float:
    """The time of a number of iterations, transfers included, extrapolated if it ends earlier."""
    begin = time.perf_counter()
    objective = backend.open_problem(problem, os.cpu_count() or 1)
    found = objective.descend([start], iterations=iterations, learning_rate=1e-3)
    taken = time.perf_counter() - begin
    return taken * iterations / len(found[0].losses)


def time_rendering(card: Card, shape: tuple[int, int], rounds: int) -> None:
    """The kernel against the card's bandwidth, and with the way back to the host."""
    from numba import cuda as numba_cuda

    from fastbg.cuda_kernels import rendering, tiles

    rng = np.random.default_rng(2)
    y, x = map(pixel_centres, shape)
    out = np.empty((3, *shape), np.float32)
    on_device, stream = numba_cuda.device_array(out.shape, np.float32), numba_cuda.stream()
    back = seconds(lambda: on_device.copy_to_host(out, stream=stream), stream, rounds)
    there = seconds(lambda: on_device.copy_to_device(out, stream=stream), stream, rounds)
    print(
        f"\n{shape[0]} x {shape[1]} x 3 to the device {out.nbytes / there / 1e9:.1f} GB/s, "
        f"back {out.nbytes / back / 1e9:.1f} GB/s\n"
    )
    print("| N | in tiles, ms | directly, ms | floor | of the bandwidth | with the way back, ms |")
    print("|---|---|---|---|---|---|")
    for n in (36, 64, 256):
        spline = interpolate(rng.random((n, 2)), rng.random((n, 3)), 2)
        taken = []
        for far_from in (tiles.FAR, math.inf):
            plan = rendering.CudaRendering(spline, y, x, all_memory(), far_from=far_from)
            enqueue = partial(plan.enqueue, plan.load(), 0, plan.at_once)
            taken.append(seconds(enqueue, plan.stream, rounds) * y.size / plan.at_once)
            del enqueue
            plan.close()
        whole = []
        backend = cuda.CudaBackend()
        for _ in range(3):
            begin = time.perf_counter()
            render(backend, spline, y, x, out)
            whole.append(time.perf_counter() - begin)
        print(
            f"| {n} | {1e3 * taken[0]:.2f} | {1e3 * taken[1]:.2f} | "
            f"{1e3 * out.nbytes / card.bytes:.2f} | {out.nbytes / taken[0] / card.bytes:.0%} | "
            f"{1e3 * min(whole):.0f} |"
        )


DEVICE = ("--optimizer", "adam")
"""The descent that stays on the device."""


def time_jobs(size: tuple[int, int]) -> None:
    """Whole jobs in processes of their own; the first with CUDA may have to compile."""
    print(
        "\n| backend | N | fit, s | render, s | job, s | first job, s |\n|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sky.xisf"
        xisf.write(path, simulate_sky(size, np.random.default_rng(1)).image)
        command = ("-P", "-m", "fastbg.cli", "run", str(path), folder, "--json", "--overwrite")
        for n in (36, 64, 256):
            for backend in ("cuda", "c"):
                runs = [
                    report_of(*command, "-N", str(n), "--backend", backend, *DEVICE)["seconds"]
                    for _ in range(4)
                ]
                best = min(runs[1:], key=lambda run: run["total"])
                print(
                    f"| {backend} | {n} | {best['fit']:.2f} | {best['render']:.2f} | "
                    f"{best['total']:.2f} | {runs[0]['total']:.2f} |"
                )

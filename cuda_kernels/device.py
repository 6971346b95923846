"""The one place that owns device memory, transfers and launches.

numba is imported here and in the kernels, so whoever imports this wants CUDA.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numba import cuda

from ..errors import BackendError, FastbgError
from ..spline.adam import BETA_1, BETA_2, Descent, ended
from ..spline.loss import Problem
from ..spline.spline import Spline
from . import account, adam, objective, render, tiled
from .graph import Graph
from .layout import (
    BEST,
    CONVERGED,
    CURRENT,
    DIVERGED,
    DONE,
    ENDED,
    FIELDS,
    LOWEST,
    NEGATIVE,
    PLATEAU_BEST,
    RATE,
    RUNNING,
    STOP_BEST,
    USUAL,
    VECTORS,
    Launch,
)
from .pixels import Pixels, arrange, one_by_one
from .tiles import FAR, axis_arrays

BURST = 32
"""Iterations between two looks at the losses. While the host looks at one burst, the device is
busy with the next."""

ENDINGS = {RUNNING: "iterations", CONVERGED: "converged", DIVERGED: "diverged"}

Arrays = dict[str, Any]


@contextmanager
def failures() -> Iterator[None]:
    """Turn whatever goes wrong with the device into one line; errors of fastbg pass."""
    try:
        yield
    except FastbgError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__} {error}".split())
        code = re.search(r"CUDA_ERROR_\w+", said)
        cure = "update its driver, or use --backend c"
        if "OUT_OF_MEMORY" in said:
            cure = "it has less memory free than was counted on: close other programs that use it"
        reason = code[0] if code else said[:160]
        raise BackendError(f"the GPU failed ({reason}): {cure}") from error


def free_memory() -> int:
    """Bytes of the device that are free."""
    with failures():
        # The simulator has infinitely much.
        return int(min(cuda.current_context().get_memory_info().free, 1 << 40))


def name() -> str:
    """Of the device, with its compute capability."""
    with failures():
        device = cuda.get_current_device()
        kind = getattr(device, "name", b"simulated")
        kind = kind.decode() if isinstance(kind, bytes) else kind
        return "{}, compute capability {}.{}".format(kind.rstrip("\0 "), *device.compute_capability)


def allocate(arrays: account.Arrays) -> Arrays:
    """Uninitialised arrays by name."""
    return {key: cuda.device_array(shape, np.dtype(kind)) for key, (shape, kind) in arrays.items()}


def release() -> None:
    """Give back what nobody refers to any more: numba puts that off, the budget does not."""
    manager = getattr(cuda.current_context(), "memory_manager", None)
    pending = getattr(manager, "deallocations", None)
    if pending is not None:  # the simulator has none
        pending.clear()


class Objective:
    """A problem whose pixels lie on the device, or are streamed through it some chunks at a time.

    See `fastbg.backends.protocol.Objective`.

    Parameters
    ----------
    problem : Problem
    budget : int
        Bytes of device memory that may be taken.
    launch : Launch
    arranged : callable, optional
        See `fastbg.cuda_kernels.pixels.arrange`, which is the default.
    """

    def __init__(
        self,
        problem: Problem,
        budget: int,
        launch: Launch = USUAL,
        arranged: Callable[[Problem, int], Pixels] | None = None,
    ) -> None:
        self.channels, self.budget, self.launch = problem.channels, budget, launch
        self.alpha, self._problem = np.float32(problem.alpha), problem
        self._lock = Lock()
        self._on_device: Arrays = {}
        self._work: Arrays = {}
        self._take((arranged or arrange)(problem, launch.threads))

    def _take(self, pixels: Pixels) -> None:
        self.pixels, self.cut, self.kept = pixels, pixels.cut, pixels.kept
        kernels = tiled if pixels.axes else objective
        self._passes = kernels.passes(self._problem.order, self.channels, self.launch.threads)

    def _suit(self, n: int) -> None:
        """In tiles a block holds all centres at once."""
        if self.cut.axes and self._centres(n) > self.launch.threads:
            self._on_device = {}
            self._take(one_by_one(self._problem, self.launch.threads))

    def _centres(self, n: int) -> int:
        return (n - 3 * self.channels) // (2 + self.channels)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient; for several threads one after the other."""
        n = parameters.size
        with np.errstate(over="ignore"):
            single = parameters.astype(np.float32)
        if not np.isfinite(single).all():
            # The hot kernels may take what is no number for one.
            return math.nan, np.full(n, math.nan)
        with self._lock, failures():
            self._suit(n)
            arrays = account.of_gradient(self.cut, n)
            stream = cuda.stream()
            pixels = self.pixels_beside(arrays)
            if not self._work or self._work["out"].shape != arrays["out"][0]:
                self.forget_gradient()
                self._work = allocate(arrays)
            work = self._work
            work["parameters"].copy_to_device(single[np.newaxis], stream=stream)
            work["ended"].copy_to_device(np.full(1, RUNNING, np.int32), stream=stream)
            self.sweep(work, pixels, stream)
            totals = adam.kernels(self.launch.threads)[0]
            totals[self.columns(n), self.launch.threads, stream](
                work["partials"], self.kept, self.channels, self.alpha, work["out"]
            )
            (out,) = work["out"].copy_to_host(stream=stream)
            stream.synchronize()
        return float(out[-1]), out[:-1]

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Callable[[int, float], None],
    ) -> list[Descent]:
        """See `fastbg.backends.protocol.KeepsDescents`."""
        found: list[Descent] = []
        with self._lock:
            self._suit(starts[0].size)
        while len(found) < len(starts):
            left, done = starts[len(found) :], len(found) * iterations
            together = account.starts_together(
                self.cut, self.channels, left[0].size, len(left), iterations, self.budget
            )
            with self._lock:
                walk = Walk(self, np.array(left[:together]), iterations, learning_rate)
                found += walk.run(partial(_counted, watch, done))
        return found

    def pixels_beside(self, others: account.Arrays) -> Arrays:
        """Pixels on the device, as many chunks as fit beside others: with all, or to fill."""
        chunks = account.chunks_beside(others, self.cut, self.channels, self.budget)
        arrays = account.of_pixels(self.cut, self.channels, chunks)
        held = self._on_device
        if not held or held["pixels"].shape != arrays["pixels"][0]:
            self._on_device = {}
            release()
            held = allocate(arrays)
            for name, values in self.pixels.axes.items():
                held[name].copy_to_device(values)
            if chunks == self.cut.chunks:
                held["pixels"].copy_to_device(self.pixels.values)
            self._on_device = held
        return held

    def forget_gradient(self) -> None:
        """Give the memory back that a gradient took, for a descent to take it."""
        self._work = {}
        release()

    def holds_all(self, pixels: Arrays) -> bool:
        """Whether these are all pixels, and not as many as are streamed at a time."""
        return bool(pixels["pixels"].shape[1] == self.cut.pixels)

    def sweep(self, work: Arrays, pixels: Arrays, stream: Any) -> None:
        """Sum up over all pixels: enqueued, or for pixels that are streamed, done."""
        first, *again = self._passes
        if self.holds_all(pixels):
            for kernel in self._passes:
                self._pass(kernel, work, pixels, 0, stream)
            return
        self._stream_through(first, work, pixels, stream)
        starts, n = work["parameters"].shape
        negative = [
            work["partials"][start, 0, n + NEGATIVE].copy_to_host(stream=stream)
            for start in range(starts)
        ]
        stream.synchronize()
        if np.any(negative):
            for kernel in again:
                self._stream_through(kernel, work, pixels, stream)

    def columns(self, n: int, starts: int = 1) -> tuple[int, int]:
        """The grid of the kernels that add up chunks."""
        return max(-(-n // adam.PARAMETERS), self.launch.fewest), starts

    def _stream_through(self, kernel: Any, work: Arrays, pixels: Arrays, stream: Any) -> None:
        there = pixels["pixels"]
        width = there.shape[1]
        for first in range(0, self.cut.chunks, width // self.cut.chunk):
            part = self.pixels.values[:, first * self.cut.chunk :][:, :width]
            for row, values in enumerate(part):
                there[row, : values.size].copy_to_device(values, stream=stream)
            self._pass(kernel, work, pixels, first, stream)

    def _pass(self, kernel: Any, work: Arrays, pixels: Arrays, first: int, stream: Any) -> None:
        held = -(-pixels["pixels"].shape[1] // self.cut.chunk)
        starts, n = work["parameters"].shape
        if self.cut.axes:
            groups, where = 1, [self.kept, *(pixels[name] for name in tiled.ARRAYS)]
        else:
            centres, where = self._centres(n), []
            groups = -(-centres // objective.group_size(centres, self.launch.threads))
        grid = (max(min(held, self.cut.chunks - first), self.launch.fewest), groups, starts)
        kernel[grid, self.launch.threads, stream](
            pixels["pixels"],
            first,
            self.cut.chunk,
            self.cut.pixels,
            *where,
            work["parameters"],
            self.alpha,
            work["ended"],
            work["partials"],
        )


def _counted(watch: Callable[[int, float], None], before: int, done: int, loss: float) -> None:
    watch(before + done, loss)


class Walk:
    """Descents side by side on the device: see `fastbg.spline.adam.descend`.

    Parameters
    ----------
    objective : Objective
    starts : ndarray, (B, n), float64
    iterations : int
    learning_rate : float
    """

    def __init__(
        self, objective: Objective, starts: np.ndarray, iterations: int, learning_rate: float
    ) -> None:
        together, n = starts.shape
        self.objective, self.iterations = objective, iterations
        arrays = account.of_descent(objective.cut, n, together, iterations)
        with failures():
            self.stream = cuda.stream()
            objective.forget_gradient()
            self.pixels = objective.pixels_beside(arrays)
            self.work = allocate(arrays)
            self.losses = cuda.pinned_array((iterations, together), np.float64)
            self.firsts = cuda.pinned_array(-(-iterations // BURST), np.int32)
            self.firsts[:] = range(0, iterations, BURST)
            self.states = [cuda.pinned_array(arrays["state"][0], np.float64) for _ in range(2)]
            begin = self.begin(starts, iterations, learning_rate)
            for name, values in begin.items():
                self.work[name].copy_to_device(values, stream=self.stream)
            self.adam = adam.kernels(objective.launch.threads)[1]
            self.grid = objective.columns(n, together), objective.launch.threads, self.stream
        self._graph: Graph | None = None

    @staticmethod
    def begin(starts: np.ndarray, iterations: int, learning_rate: float) -> dict[str, np.ndarray]:
        """What the arrays of a descent hold before it, but for those that it only writes."""
        together, n = starts.shape
        t = np.arange(1, iterations + 1)
        state = np.zeros((2, together, FIELDS))
        state[..., [LOWEST, PLATEAU_BEST, STOP_BEST]] = np.inf
        state[..., RATE] = learning_rate
        vectors = np.zeros((together, VECTORS, n))
        vectors[:, [CURRENT, BEST]] = starts[:, np.newaxis]
        return {
            "parameters": starts.astype(np.float32),
            "ended": np.full(together, RUNNING, np.int32),
            "vectors": vectors,
            "state": state,
            "broken": np.zeros((2, together), np.int32),
            "first": np.zeros(1, np.int32),
            "steps": np.stack([np.sqrt(1 - BETA_2**t), 1 - BETA_1**t], axis=1),
        }

    def run(self, watch: Callable[[int, float], None]) -> list[Descent]:
        """To the end; ``watch`` gets (iterations done by all, the lowest loss among the last)."""
        bursts = [
            range(first, min(first + BURST, self.iterations))
            for first in range(0, self.iterations, BURST)
        ]
        enqueued = self.enqueue(bursts[0], self.states[0])
        if len(bursts) > 2:
            self.capture()
        for number, burst in enumerate(bursts):
            ahead = None
            if number + 1 < len(bursts):
                ahead = self.enqueue(bursts[number + 1], self.states[(number + 1) % 2])
            with failures():
                enqueued.synchronize()
            state = self.states[number % 2][burst.stop % 2]
            together = len(state)
            for each in burst:
                walking = state[:, DONE] > each
                if not walking.any():
                    break
                watch((each + 1) * together, float(self.losses[each, walking].min()))
            if (state[:, ENDED] != RUNNING).all():
                break
            enqueued = ahead
        with failures():
            vectors = self.work["vectors"].copy_to_host(stream=self.stream)
            self.stream.synchronize()
        return [
            ended(
                vectors[start, BEST],
                float(of_start[LOWEST]),
                self.losses[: int(of_start[DONE]), start].copy(),
                ENDINGS[int(of_start[ENDED])],
            )
            for start, of_start in enumerate(state)
        ]

    def capture(self) -> bool:
        """Make one launch of each burst from now on, where that is possible; whether it is.

        Kernels must have been launched before. Pixels that are streamed need the host.
        """
        if self.objective.holds_all(self.pixels):
            with suppress(Exception):
                self._graph = Graph(partial(self._iterate, BURST), self.stream)
        return self._graph is not None

    def enqueue(self, burst: range, state: np.ndarray) -> Any:
        """Launch some iterations, and what fetches their losses; an event tells their end."""
        work = self.work
        with failures():
            first = self.firsts[burst.start // BURST :][:1]
            work["first"].copy_to_device(first, stream=self.stream)
            if self._graph is not None and len(burst) == BURST:
                self._graph.launch()
            else:
                self._iterate(len(burst))
            part = slice(burst.start, burst.stop)
            work["losses"][part].copy_to_host(self.losses[part], stream=self.stream)
            work["state"].copy_to_host(state, stream=self.stream)
            event = cuda.event()
            event.record(self.stream)
        return event

    def _iterate(self, times: int) -> None:
        work, problem = self.work, self.objective
        for each in range(times):
            problem.sweep(work, self.pixels, self.stream)
            self.adam[self.grid](
                work["partials"],
                problem.kept,
                problem.channels,
                problem.alpha,
                work["first"],
                each,
                work["steps"],
                work["vectors"],
                work["parameters"],
                work["state"],
                work["ended"],
                work["broken"],
                work["losses"],
            )


class Rendering:
    """A spline on the device, and room for some rows of its values.

    Parameters
    ----------
    spline : Spline
    x : ndarray, (columns,)
    rows : int
        Of all that is to be rendered.
    budget : int
        Bytes of device memory that may be taken.
    launch : Launch
    far_from : float
        See `fastbg.cuda_kernels.render.renderer`.

    Attributes
    ----------
    at_once : int
        Rows that there is room for.
    out : device array, (K, at_once, columns), float32

    Raises
    ------
    BackendError
        If the device fails, or not even a row of tiles fits.
    """

    def __init__(
        self,
        spline: Spline,
        x: np.ndarray,
        rows: int,
        budget: int,
        launch: Launch = USUAL,
        far_from: float = FAR,
    ) -> None:
        parameters, channels = spline.flatten().astype(np.float32), spline.weights.shape[1]
        tile = render.tile_shape(launch.threads)
        self._launch, self._tile, self._columns = launch, tile, x.size
        self.at_once = account.rows_at_once(channels, parameters.size, rows, x.size, tile, budget)
        with failures():
            release()
            self.stream = cuda.stream()
            self._work = allocate(
                account.of_band(channels, parameters.size, self.at_once, x.size, tile)
            )
            self.out = self._work["out"]
            self._kernel = render.renderer(spline.order, channels, launch.threads, far_from)
            self._send({"parameters": parameters, **axis_arrays("x", x, tile[1])})

    def send_rows(self, y: np.ndarray) -> None:
        """Where the rows of a band are."""
        self._send(axis_arrays("y", y, self._tile[0]))

    def enqueue(self, rows: int) -> None:
        """Render the band that was sent."""
        blocks = -(-rows // self._tile[0]) * -(-self._columns // self._tile[1])
        self._kernel[max(blocks, self._launch.fewest), self._launch.threads, self.stream](
            *(self._work[name] for name in render.ARRAYS), rows, self.out
        )

    def _send(self, arrays: dict[str, np.ndarray]) -> None:
        for name, values in arrays.items():
            self._work[name][: len(values)].copy_to_device(values, stream=self.stream)


def evaluate(
    spline: Spline,
    y: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
    budget: int,
    launch: Launch = USUAL,
) -> None:
    """Fill ``out``, (K, rows, columns) float32, in bands of rows that fit into the budget.

    Raises
    ------
    BackendError
        If the device fails, or not even a row of tiles fits.
    """
    rendering = Rendering(spline, x, y.size, budget, launch)
    with failures():
        for top in range(0, y.size, rendering.at_once):
            band = slice(top, top + rendering.at_once)
            height = y[band].size
            rendering.send_rows(y[band])
            rendering.enqueue(height)
            for plane, values in enumerate(out[:, band]):
                rendering.out[plane, :height].copy_to_host(values, stream=rendering.stream)
        rendering.stream.synchronize()

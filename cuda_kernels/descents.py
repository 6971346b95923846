"""Descents on the device, side by side: the host looks at the losses now and then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda

from ..spline.adam import BETA_1, BETA_2
from ..spline.descent import Descent, ended
from . import account, adam
from .device import failures
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
    PLATEAU_BEST,
    RATE,
    RUNNING,
    STOP_BEST,
    VECTORS,
)

if TYPE_CHECKING:
    from .objective import CudaObjective

BURST = 32
"""Iterations between two looks at the losses. While the host looks at one burst, the device is
busy with the next."""

ENDINGS = {RUNNING: "iterations", CONVERGED: "converged", DIVERGED: "diverged"}


class Descents:
    """Descents side by side on the device: see `fastbg.spline.adam.descend`.

    Everything happens within `CudaObjective.in_use`.

    Parameters
    ----------
    objective : CudaObjective
    starts : ndarray, (B, n), float64
    iterations : int
    learning_rate : float
    """

    @failures()
    def __init__(
        self, objective: CudaObjective, starts: np.ndarray, iterations: int, learning_rate: float
    ) -> None:
        together, n = starts.shape
        self.objective, self.iterations = objective, iterations
        arrays = account.of_descent(objective.cut, n, together, iterations)
        self.stream = cuda.stream()
        self.pixels, self.work = objective.hold(arrays)
        self.losses = cuda.pinned_array((iterations, together), np.float64)
        self.firsts = cuda.pinned_array(-(-iterations // BURST), np.int32)
        self.firsts[:] = range(0, iterations, BURST)
        self.states = [cuda.pinned_array(arrays["state"][0], np.float64) for _ in range(2)]
        for name, values in self.begin(starts, iterations, learning_rate).items():
            self.work[name].copy_to_device(values, stream=self.stream)
        self.adam = adam.kernels(objective.launch.threads)[1]
        self.grid = objective.columns(n, together), objective.launch.threads, self.stream
        self._graph: Graph | None = None

    @staticmethod
    def begin(starts: np.ndarray, iterations: int, learning_rate: float) -> dict[str, np.ndarray]:
        """The arrays of a descent as it begins, but for those that it only writes."""
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
        """Descend to the end.

        Parameters
        ----------
        watch : callable
            Called with the iterations done by all starts, and the lowest loss among the last.
        """
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
            self._tell(burst, state, watch)
            if (state[:, ENDED] != RUNNING).all():
                break
            enqueued = ahead
        return self._results(state)

    def _tell(self, burst: range, state: np.ndarray, watch: Callable[[int, float], None]) -> None:
        """Call ``watch`` for each iteration of a burst in which some start was running."""
        for t in burst:
            running = state[:, DONE] > t
            if not running.any():
                break
            watch((t + 1) * len(state), float(self.losses[t, running].min()))

    @failures()
    def _results(self, state: np.ndarray) -> list[Descent]:
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
        """Make one launch of each whole burst from now on; whether that is possible.

        Kernels must have been launched before. Pixels that are streamed need the host.
        """
        if self.objective.holds_all(self.pixels):
            with suppress(Exception):
                self._graph = Graph(partial(self._iterate, BURST), self.stream)
        return self._graph is not None

    @failures()
    def enqueue(self, burst: range, state: np.ndarray) -> Any:
        """Launch some iterations and the copies of their losses; an event marks their end."""
        work = self.work
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
        arrays = adam.Descending(*(work[name] for name in adam.Descending._fields))
        for each in range(times):
            problem.sweep(work, self.pixels, self.stream)
            self.adam[self.grid](
                work["partials"],
                problem.kept,
                problem.channels,
                problem.alpha,
                each,
                arrays,
            )

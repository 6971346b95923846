"""Descents by Adam on the device, side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from ..spline.adam import BETA_1, BETA_2
from ..spline.descent import Descent, ended
from . import account, adam
from .bursts import Bursts
from .device import failures
from .evaluation import Evaluation
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

BURST = 32
"""Iterations between two looks at the losses."""

ENDINGS = {RUNNING: "iterations", CONVERGED: "converged", DIVERGED: "diverged"}


class Descents(Bursts):
    """Descents side by side on the device: see `fastbg.spline.adam.descend`.

    Parameters
    ----------
    evaluation : Evaluation
    starts : ndarray, (B, n), float64
    iterations : int
    learning_rate : float
    watch : callable
        Called with the iterations done by all starts, and the lowest loss among the last.
    """

    @failures()
    def __init__(
        self,
        evaluation: Evaluation,
        starts: np.ndarray,
        iterations: int,
        learning_rate: float,
        watch: Callable[[int, float], None] = lambda done, loss: None,
    ) -> None:
        together, n = starts.shape
        arrays = account.of_descent(evaluation.cut, n, together, iterations)
        super().__init__(evaluation, arrays, iterations, BURST)
        self._watch = watch
        self._firsts = cuda.pinned_array(iterations, np.int32)
        self._firsts[:] = range(iterations)
        for name, values in self.beginning(starts, iterations, learning_rate).items():
            self.work[name].copy_to_device(values, stream=self.stream)
        self._adam = adam.kernels(evaluation.launch.threads)[1]
        self._grid = evaluation.columns(n, together), evaluation.launch.threads, self.stream

    @staticmethod
    def beginning(
        starts: np.ndarray, iterations: int, learning_rate: float
    ) -> dict[str, np.ndarray]:
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

    def results(self) -> list[Descent]:
        """Descend to the end."""
        self.run()
        return self._results()

    @failures()
    def enqueue(self, burst: range, state: np.ndarray) -> Any:
        first = self._firsts[burst.start : burst.start + 1]
        self.work["first"].copy_to_device(first, stream=self.stream)
        return super().enqueue(burst, state)

    def iterate(self, times: int) -> None:
        work, problem = self.work, self.evaluation
        arrays = adam.Descending(*(work[name] for name in adam.Descending._fields))
        for each in range(times):
            problem.sweep(work, self.pixels)
            self._adam[self._grid](
                work["partials"], problem.kept, problem.channels, problem.alpha, each, arrays
            )

    def look(self, burst: range, state: np.ndarray) -> bool:
        self._state = state[burst.stop % 2]
        for t in burst:
            running = self._state[:, DONE] > t
            if not running.any():
                break
            self._watch((t + 1) * len(running), float(self.losses[t, running].min()))
        return bool((self._state[:, ENDED] != RUNNING).all())

    @failures()
    def _results(self) -> list[Descent]:
        vectors = self.work["vectors"].copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return [
            ended(
                vectors[start, BEST],
                float(of_start[LOWEST]),
                self.losses[: int(of_start[DONE]), start].copy(),
                ENDINGS[int(of_start[ENDED])],
            )
            for start, of_start in enumerate(self._state)
        ]

"""Iterations on the device, enqueued in bursts: the host looks at them now and then."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numba import cuda

from . import account
from .device import failures
from .evaluation import Evaluation
from .graph import Graph


class Bursts(ABC):
    """A loop whose arrays stay on the device; everything happens within `Evaluation.in_use`.

    While the host looks at one burst, the device is busy with the next. Pixels that are streamed
    need the host for each iteration: then it looks at each, and none is made in vain.

    Parameters
    ----------
    evaluation : Evaluation
    arrays : Arrays
        Those of the loop, as `fastbg.cuda_kernels.account` has them; ``losses`` has a row for each
        iteration, and the host looks at ``state``.
    iterations : int
    burst : int
        Iterations between two looks.
    """

    @failures()
    def __init__(
        self, evaluation: Evaluation, arrays: account.Arrays, iterations: int, burst: int
    ) -> None:
        self.evaluation, self.iterations, self.stream = evaluation, iterations, evaluation.stream
        self.pixels, self.work = evaluation.hold(arrays)
        self.resident = evaluation.holds_all(self.pixels)
        self.burst = burst if self.resident else 1
        self.losses = cuda.pinned_array(*arrays["losses"])
        self.states = [cuda.pinned_array(*arrays["state"]) for _ in range(2)]
        self._graph: Graph | None = None

    @abstractmethod
    def iterate(self, times: int) -> None:
        """Launch so many iterations."""

    @abstractmethod
    def look(self, burst: range, state: np.ndarray) -> bool:
        """Tell what came of a burst; whether the loop is over."""

    def run(self) -> None:
        """Iterate to the end."""
        bursts = [
            range(first, min(first + self.burst, self.iterations))
            for first in range(0, self.iterations, self.burst)
        ]
        ahead = 1 if self.resident else 0
        enqueued: list[Any] = []
        for number, burst in enumerate(bursts):
            for following in range(len(enqueued), min(number + 1 + ahead, len(bursts))):
                enqueued.append(self.enqueue(bursts[following], self.states[following % 2]))
                if following == 0 and len(bursts) > 2:
                    self.capture()
            with failures():
                enqueued[number].synchronize()
            if self.look(burst, self.states[number % 2]):
                break

    def capture(self) -> bool:
        """Make one launch of each whole burst from now on; whether that is possible.

        Kernels must have been launched before. Pixels that are streamed need the host.
        """
        if self.resident:
            with suppress(Exception):
                self._graph = Graph(partial(self.iterate, self.burst), self.stream)
        return self._graph is not None

    @failures()
    def enqueue(self, burst: range, state: np.ndarray) -> Any:
        """Launch some iterations and the copies of their losses; an event marks their end."""
        if self._graph is not None and len(burst) == self.burst:
            self._graph.launch()
        else:
            self.iterate(len(burst))
        part = slice(burst.start, burst.stop)
        self.work["losses"][part].copy_to_host(self.losses[part], stream=self.stream)
        self.work["state"].copy_to_host(state, stream=self.stream)
        event = cuda.event()
        event.record(self.stream)
        return event

"""An evaluator that may fail, as a GPU may, with another behind it that goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..errors import BackendError
from ..image.kernels import Kernels
from ..spline.descent import Descent
from ..spline.loss import Problem
from ..spline.metric import Metric
from ..spline.objective import Objective, Watch
from ..spline.quasi_newton import State, Until
from ..spline.spline import Spline
from .protocol import Backend, Rendering


class _Closable(Protocol):
    def close(self) -> None: ...


Value = TypeVar("Value")
Kind = TypeVar("Kind", bound=_Closable)


class WithFallback:
    """An evaluator: work that fails with the first is done by the second, and so is the rest.

    See `fastbg.backends.protocol.Backend`.

    Parameters
    ----------
    first, second : Backend
    warnings : list of str
        Gets a line when the first fails, once.
    """

    def __init__(self, first: Backend, second: Backend, warnings: list[str]) -> None:
        self.in_use = first
        self._second, self._warnings, self._lock = second, warnings, Lock()

    @property
    def name(self) -> str:
        return self.in_use.name

    @property
    def kernels(self) -> Kernels:
        return self.in_use.kernels

    def detail(self) -> str:
        return self.attempt(lambda backend: backend.detail())

    def open_problem(self, problem: Problem, threads: int) -> Objective:
        return _Objective(self, problem, threads)

    def plan(self, spline: Spline, y: np.ndarray, x: np.ndarray) -> Rendering:
        return _Rendering(self, spline, y, x)

    def attempt(self, work: Callable[[Backend], Value]) -> Value:
        """Do something with the evaluator in use, or else with the second."""
        in_use = self.in_use
        try:
            return work(in_use)
        except BackendError as error:
            if in_use is self._second:
                raise
            with self._lock:
                self.in_use = self._second
                line = f"{error}; the backend {self.name} went on"
                if line not in self._warnings:
                    self._warnings.append(line)
        return work(self._second)


class _Objective(Objective):
    def __init__(self, backend: WithFallback, problem: Problem, threads: int) -> None:
        self._backend = backend
        self._opened = _Opened(lambda each: each.open_problem(problem, threads))

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        return self._backend.attempt(
            lambda backend: self._opened.by(backend).loss_and_gradient(parameters)
        )

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Watch = lambda iteration, loss: None,
    ) -> list[Descent]:
        return self._backend.attempt(
            lambda backend: self._opened.by(backend).descend(
                starts, iterations=iterations, learning_rate=learning_rate, watch=watch
            )
        )

    def settle(self, begin: State, metric: Metric, until: Until, watch: Watch) -> State:
        return self._backend.attempt(
            lambda backend: self._opened.by(backend).settle(begin, metric, until, watch)
        )

    def close(self) -> None:
        self._opened.close()


class _Rendering:
    def __init__(self, backend: WithFallback, spline: Spline, y: np.ndarray, x: np.ndarray) -> None:
        self._backend = backend
        self._opened = _Opened(lambda each: each.plan(spline, y, x))

    def rows(self, rows: slice, out: np.ndarray) -> None:
        self._backend.attempt(lambda backend: self._opened.by(backend).rows(rows, out))

    def close(self) -> None:
        self._opened.close()


class _Opened(Generic[Kind]):
    """The problem or plan that each evaluator has opened, made when it is first needed."""

    def __init__(self, make: Callable[[Backend], Kind]) -> None:
        self._make, self._lock = make, Lock()
        self._made: dict[Backend, Kind] = {}

    def by(self, backend: Backend) -> Kind:
        with self._lock:
            if backend not in self._made:
                self._made[backend] = self._make(backend)
            return self._made[backend]

    def close(self) -> None:
        # Closed only now, for another thread may still be using that of the first evaluator.
        for opened in self._made.values():
            with suppress(BackendError):
                opened.close()
        self._made = {}

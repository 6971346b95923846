"""A backend that may fail, as a GPU may, with another behind it that goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from ..errors import BackendError
from ..spline.adam import Descent, descend_from_all

if TYPE_CHECKING:
    import numpy as np

    from ..spline.loss import Problem
    from ..spline.spline import Spline
    from .protocol import Backend, Objective

Value = TypeVar("Value")


class WithFallback:
    """What fails with the first backend is done again with the second, as is all that follows.

    See `fastbg.backends.protocol.Backend`.

    Parameters
    ----------
    first, second : (str, Backend)
        With their names.
    warnings : list of str
        Gets a line when the first fails, once.
    """

    def __init__(
        self, first: tuple[str, Backend], second: tuple[str, Backend], warnings: list[str]
    ) -> None:
        self._in_use, self._second = first, second
        self._warnings, self._lock = warnings, Lock()

    @property
    def name(self) -> str:
        """Of the backend in use now."""
        return self._in_use[0]

    def unavailable(self) -> str | None:
        """It is there: one of the two always is."""
        return None

    def detail(self) -> str:
        """Of what is in use now."""
        return self.attempt(lambda backend: backend.detail())

    def open_problem(self, problem: Problem, threads: int) -> Objective:
        """Opened with the second only when it is needed."""
        return _Objective(self, problem, threads)

    def evaluate(
        self, spline: Spline, y: np.ndarray, x: np.ndarray, out: np.ndarray, threads: int
    ) -> None:
        """Fill ``out``, all of it, with one of the two."""
        self.attempt(lambda backend: backend.evaluate(spline, y, x, out, threads))

    def attempt(self, work: Callable[[Backend], Value]) -> Value:
        """Do something with the first, or else with the second."""
        in_use = self._in_use
        try:
            return work(in_use[1])
        except BackendError as error:
            if in_use is self._second:
                raise
            with self._lock:
                self._in_use = self._second
                line = f"{error}; the backend {self.name} went on"
                if line not in self._warnings:
                    self._warnings.append(line)
        return work(self._second[1])


@dataclass
class _Objective:
    backend: WithFallback
    problem: Problem
    threads: int

    def __post_init__(self) -> None:
        self._opened: dict[int, Objective] = {}

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        return self.backend.attempt(lambda b: self._of(b).loss_and_gradient(parameters))

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Callable[[int, float], None],
    ) -> list[Descent]:
        return self.backend.attempt(
            lambda backend: descend_from_all(
                self._of(backend),
                starts,
                iterations=iterations,
                learning_rate=learning_rate,
                watch=watch,
            )
        )

    def _of(self, backend: Backend) -> Objective:
        if id(backend) not in self._opened:
            self._opened = {id(backend): backend.open_problem(self.problem, self.threads)}
        return self._opened[id(backend)]

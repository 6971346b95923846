"""What every evaluator offers, and the one place where one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from ..errors import BackendError

if TYPE_CHECKING:
    import numpy as np

    from ..spline.adam import Descent
    from ..spline.loss import Problem
    from ..spline.spline import Spline

NAMES = ("c", "cuda", "numpy")
"""Backends in the order in which ``auto`` prefers them."""

PASSED_OVER = {
    "cuda": "no measurement on a GPU shows yet that it pays; ask for it with --backend cuda"
}
"""Why ``auto`` prefers the others to these."""


class Objective(Protocol):
    """An opened problem: the image and weights as the backend wants them, kept pixels only."""

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss (see `fastbg.spline.loss`) and its analytic gradient.

        Parameters
        ----------
        parameters : ndarray, (N (2 + K) + 3 K,), float64
            As `Spline.flatten` lays them out.

        Returns
        -------
        loss : float
        gradient : ndarray, float64, laid out like ``parameters``
        """

    # An objective may also have a ``descend``, as `KeepsDescents`.


class KeepsDescents(Objective, Protocol):
    """An objective whose descents stay where it evaluates, instead of asking it step by step."""

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Callable[[int, float], None],
    ) -> list[Descent]:
        """What `fastbg.spline.adam.descend_from_all` promises, in the same steps."""


class Backend(Protocol):
    """A module of this package. Its functions are safe to call from several threads."""

    def unavailable(self) -> str | None:
        """Why it cannot be used on this computer, or None."""

    def detail(self) -> str:
        """What it runs on, for reports; only asked if it is available."""

    def open_problem(self, problem: Problem, threads: int) -> Objective:
        """Prepare a problem for many evaluations."""

    def evaluate(
        self, spline: Spline, y: np.ndarray, x: np.ndarray, out: np.ndarray, threads: int
    ) -> None:
        """Fill ``out`` with the spline on a grid.

        Parameters
        ----------
        y, x : ndarray, (rows,) and (columns,), float64, normalised
        out : ndarray, (K, rows, columns), float32, C-contiguous; overwritten, stretched space
        """


def load(name: str) -> Backend:
    """The module of a backend, available or not."""
    return cast(Backend, import_module(f".{name}", __package__))


def choose(
    name: str, gpu_memory: int = 0, warnings: list[str] | None = None
) -> tuple[str, Backend]:
    """The backend asked for, or with ``auto`` the first that this computer can use.

    Parameters
    ----------
    name : str
    gpu_memory : int
        Bytes of the memory of a GPU that may be taken; 0 = a quarter of what is free.
    warnings : list of str, optional
        With ``auto``, gets a line if a GPU fails; the next backend then goes on.

    Raises
    ------
    BackendError
        If it is not available.
    """
    candidates = NAMES if name == "auto" else (name,)
    for place, candidate in enumerate(candidates):
        backend = load(candidate)
        reason = backend.unavailable()
        if reason is None:
            if within := getattr(backend, "within", None):
                backend = within(gpu_memory)
                if name == "auto":
                    from .fallback import WithFallback

                    after = NAMES[place + 1]
                    heard = [] if warnings is None else warnings
                    backend = WithFallback((candidate, backend), (after, load(after)), heard)
            return candidate, backend
    raise BackendError(f"the backend {name} is not available: {reason}; choose another, or auto")

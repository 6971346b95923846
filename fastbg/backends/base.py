"""What every evaluator offers, and the one place where one is chosen."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from ..errors import BackendError

if TYPE_CHECKING:
    import numpy as np

    from ..loss import Problem
    from ..spline import Spline

NAMES = ("c", "cuda", "numpy")
"""Backends in the order in which ``auto`` prefers them."""


class Objective(Protocol):
    """An opened problem: the image and weights as the backend wants them, kept pixels only."""

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss (see `fastbg.loss`) and its analytic gradient.

        Parameters
        ----------
        parameters : ndarray, (N (2 + K) + 3 K,), float64
            As `Spline.flatten` lays them out.

        Returns
        -------
        loss : float
        gradient : ndarray, float64, laid out like ``parameters``
        """


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


def choose(name: str) -> tuple[str, Backend]:
    """The backend asked for, or with ``auto`` the first that this computer can use.

    Raises
    ------
    BackendError
        If it is not available.
    """
    candidates = NAMES if name == "auto" else (name,)
    for candidate in candidates:
        backend = load(candidate)
        reason = backend.unavailable()
        if reason is None:
            return candidate, backend
    raise BackendError(f"the backend {name} is not available: {reason}; choose another, or auto")

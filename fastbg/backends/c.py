"""The C evaluator: float32, SIMD chosen at run time, all cores, no interpreter lock."""

from __future__ import annotations

import os

import numpy as np

from ..loss import Problem
from ..spline import Spline

try:
    from .. import _c
except ImportError as error:
    _import_error: str | None = f"its compiled part cannot be loaded ({error})"
else:
    _import_error = None

ISA_VARIABLE = "FASTBG_ISA"


def unavailable() -> str | None:
    """Why it cannot be used: not built, or an unknown instruction set in FASTBG_ISA."""
    if _import_error:
        return _import_error
    wanted = os.environ.get(ISA_VARIABLE)
    if wanted and wanted not in _c.instruction_sets():
        return f"{ISA_VARIABLE}={wanted} is not one of {', '.join(_c.instruction_sets())}"
    return None


def detail() -> str:
    """The instruction set in use."""
    return _c.instruction_set()


def instruction_sets() -> list[str]:
    """Those that this build holds and this processor can run, best first."""
    return _c.instruction_sets()


def open_problem(problem: Problem, threads: int, method: str = "auto") -> CObjective:
    """Copy the kept pixels into the evaluator.

    ``method`` is "direct" (every centre at every pixel), "tiled" (the quad-tree) or "auto" (the
    faster of the two).
    """
    return CObjective(problem, threads, method)


def evaluate(
    spline: Spline,
    y: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
    threads: int,
    method: str = "auto",
) -> None:
    """Fill ``out``, (K, rows, columns) float32, with the spline on a grid."""
    channels = spline.weights.shape[1]
    y, x = _contiguous(y), _contiguous(x)
    _c.evaluate(spline.flatten(), channels, spline.order, y, x, out, threads, method)


def order_statistics(
    plane: np.ndarray, valid: np.ndarray, probabilities: np.ndarray, threads: int
) -> tuple[int, np.ndarray]:
    """How many samples are valid, and the two around each quantile, (n, 2) float32, exact.

    ``plane`` is float32 and ``valid`` bool, both C-contiguous and of one shape; at most eight
    probabilities.
    """
    out = np.empty((probabilities.size, 2), np.float32)
    return _c.order_statistics(plane, valid, probabilities, out, threads), out


def block_medians(
    plane: np.ndarray, valid: np.ndarray, factor: int, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """The two middle valid samples of each block, (h, w) float32 each; NaN where there is none."""
    rows, columns = plane.shape
    low, high = np.empty((2, -(-rows // factor), -(-columns // factor)), np.float32)
    _c.block_medians(plane, valid, columns, factor, low, high, threads)
    return low, high


def find_valid(plane: np.ndarray, valid: np.ndarray, threads: int) -> None:
    """Fill ``valid``, bool, with whether each sample of a float32 plane counts."""
    _c.find_valid(plane, valid, threads)


def unstretch(
    plane: np.ndarray,
    pedestal: float,
    scale: float,
    midtones: float,
    target: float,
    threads: int,
) -> int:
    """Invert the stretch of a float32 plane in place; how many values were held in [0, 1]."""
    return _c.unstretch(plane, pedestal, scale, midtones, target, threads)


def subtract(
    plane: np.ndarray,
    background: np.ndarray,
    valid: np.ndarray,
    level: float,
    out: np.ndarray,
    threads: int,
) -> None:
    """Fill ``out`` with plane - background + level where valid, else with plane."""
    _c.subtract(plane, background, valid, level, out, threads)


class CObjective:
    """An opened problem; see `fastbg.backends.base.Objective`."""

    def __init__(self, problem: Problem, threads: int, method: str) -> None:
        self._threads = threads
        self._problem = _c.open_problem(
            _contiguous(problem.data),
            _contiguous(problem.weight),
            _contiguous(problem.y),
            _contiguous(problem.x),
            problem.channels,
            problem.order,
            problem.alpha,
            method,
        )

    @property
    def method(self) -> str:
        """ "direct" or "tiled"."""
        return _c.method_name(self._problem)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        gradient = np.empty_like(parameters)
        loss = _c.loss_and_gradient(self._problem, parameters, gradient, self._threads)
        return loss, gradient


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float64)

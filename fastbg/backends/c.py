"""The C evaluator: float32, SIMD chosen at run time, all cores, no interpreter lock."""

from __future__ import annotations

import os

import numpy as np

from ..spline.loss import Problem
from ..spline.spline import Spline

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
    """Prepare the kept pixels.

    Planar float32 data and weight (``np.moveaxis(planes, 0, 2)`` of C-contiguous planes) are not
    copied but held, and must not change while the objective lives. ``method`` is "direct" (every
    centre at every pixel), "tiled" (the quad-tree) or "auto" (the faster of the two).
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


def count(
    values: np.ndarray,
    samples: np.ndarray,
    windows: np.ndarray,
    tally: np.ndarray,
    below: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Count the values, float32, whose sample is not missing.

    Parameters
    ----------
    values, samples : ndarray, float32, C-contiguous, of one shape
    windows : ndarray, (n, 2), uint32
        First key and the logarithm of the number of keys in a bin, for windows of 65536 bins.
        Keys are the bits of a value, so arranged that they compare as the values do.
    tally : ndarray, (5,), uint64
        Values, values below 0, above 1, smallest and largest key; updated.
    below : ndarray, (n,), uint64
        Values below each window; added to.
    counts : ndarray, (n, 65536), uint32; added to
    """
    _c.count(values, samples, windows, tally, below, counts)


def block_medians(samples: np.ndarray, factor: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """The two middle samples of each block of a plane, (h, w) float32 each; NaN where none counts.

    Those count that are finite and exceed ``least`` in size.
    """
    rows, columns = samples.shape
    low, high = np.empty((2, -(-rows // factor), -(-columns // factor)), np.float32)
    _c.block_medians(samples, columns, factor, least, low, high)
    return low, high


def block_means(
    samples: np.ndarray,
    pedestal: float,
    scale: float,
    midtones: float,
    target: float,
    factor: int,
) -> np.ndarray:
    """The means of the stretched valid samples of each block of a plane, (h, w) float64."""
    rows, columns = samples.shape
    means = np.empty((-(-rows // factor), -(-columns // factor)))
    _c.block_means(samples, columns, factor, pedestal, scale, midtones, target, means)
    return means


def unstretch(
    plane: np.ndarray, pedestal: float, scale: float, midtones: float, target: float
) -> int:
    """Invert the stretch of a float32 plane in place; how many values were held in [0, 1]."""
    return _c.unstretch(plane, pedestal, scale, midtones, target)


def subtract(samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray) -> None:
    """Fill ``out`` with samples - (background - level); missing samples stay."""
    _c.subtract(samples, background, level, out)


class CObjective:
    """An opened problem; see `fastbg.backends.protocol.Objective`."""

    def __init__(self, problem: Problem, threads: int, method: str) -> None:
        self._threads = threads
        # A guess for the next evaluation, which only decides how fast it is: any thread may set it.
        self._below_zero = False
        self._problem = _c.open_problem(
            _planes(problem.data),
            _planes(problem.weight),
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
        loss, self._below_zero = _c.loss_and_gradient(
            self._problem, parameters, gradient, self._below_zero, self._threads
        )
        return loss, gradient


def _planes(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float32)


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float64)

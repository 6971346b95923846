"""The golden reference: numpy, float64, the formulas as they are written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..image.kernels import NUMPY
from ..spline.loss import Problem, loss_and_slope
from ..spline.objective import Objective
from ..spline.spline import Spline, adjoint, spline_values


def unavailable() -> str | None:
    """numpy is always there."""
    return None


def backend(gpu_memory: int = 0) -> NumpyBackend:
    """The evaluator; it takes no memory of a GPU."""
    return NumpyBackend()


class NumpyBackend:
    """See `fastbg.backends.protocol.Backend`."""

    name = "numpy"
    kernels = NUMPY

    def detail(self) -> str:
        return f"numpy {np.__version__}, float64"

    def open_problem(self, problem: Problem, threads: int) -> NumpyObjective:
        """Gather the kept pixels; numpy's own threads are left as they are."""
        return NumpyObjective(problem)

    def plan(self, spline: Spline, y: np.ndarray, x: np.ndarray) -> NumpyRendering:
        return NumpyRendering(spline, y, x)


@dataclass(frozen=True, eq=False)
class NumpyRendering:
    """See `fastbg.backends.protocol.Rendering`."""

    spline: Spline
    y: np.ndarray
    x: np.ndarray

    def rows(self, rows: slice, out: np.ndarray) -> None:
        for row, y in enumerate(self.y[rows]):
            points = np.column_stack([np.full(len(self.x), y), self.x])
            out[:, row] = spline_values(self.spline, points).T

    def close(self) -> None:
        pass


class NumpyObjective(Objective):
    """See `fastbg.spline.objective.Objective`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        row, column = np.nonzero(problem.kept)
        self.points = np.column_stack([problem.y[row], problem.x[column]])
        self.weight = problem.weight[row, column].astype(np.float64)
        self.data = np.where(self.weight != 0, problem.data[row, column], 0.0)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        spline = Spline.unflatten(parameters, self.problem.channels, self.problem.order)
        with np.errstate(all="ignore"):  # a descent that diverges is told by its loss
            model = spline_values(spline, self.points)
            loss, slope = loss_and_slope(self.data, self.weight, model, self.problem.alpha)
            return loss, adjoint(spline, self.points, slope).flatten()

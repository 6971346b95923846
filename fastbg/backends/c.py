"""The C evaluator: float32, SIMD chosen at run time, all cores, no interpreter lock."""

from __future__ import annotations

import numpy as np

from .. import compiled
from ..compiled import unavailable as unavailable
from ..image.kernels import FASTEST
from ..spline.loss import Problem
from ..spline.objective import Objective
from ..spline.spline import Spline


def backend(gpu_memory: int = 0) -> CBackend:
    """The evaluator; it takes no memory of a GPU."""
    return CBackend()


def instruction_sets() -> list[str]:
    """The instruction sets that this build holds and this processor can run, best first."""
    return compiled.c.instruction_sets()


class CBackend:
    """See `fastbg.backends.protocol.Backend`."""

    name = "c"
    kernels = FASTEST

    def detail(self) -> str:
        """The instruction set in use."""
        return compiled.c.instruction_set()

    def open_problem(self, problem: Problem, threads: int) -> CObjective:
        return open_problem(problem, threads)

    def plan(self, spline: Spline, y: np.ndarray, x: np.ndarray) -> CRendering:
        return plan(spline, y, x)


def open_problem(problem: Problem, threads: int, method: str = "auto") -> CObjective:
    """Prepare the kept pixels.

    Planar float32 data and weight (``np.moveaxis(planes, 0, 2)`` of C-contiguous planes) are not
    copied but borrowed, and must not change while the objective lives. ``method`` is "direct"
    (every centre at every pixel), "tiled" (the quad-tree) or "auto" (the faster of the two).
    """
    return CObjective(problem, threads, method)


def plan(
    spline: Spline, y: np.ndarray, x: np.ndarray, method: str = "auto", threads: int = 1
) -> CRendering:
    """Plan the rendering of a spline, on ``threads`` threads for each call of its `rows`.

    ``method`` is as for `open_problem`; "auto" goes by the size of the whole image. A ValueError is
    raised for another method, and where there is no pixel.
    """
    return CRendering(spline, y, x, method, threads)


class CRendering:
    """See `fastbg.backends.protocol.Rendering`; the spline and the coordinates are copied."""

    def __init__(
        self, spline: Spline, y: np.ndarray, x: np.ndarray, method: str, threads: int
    ) -> None:
        self._threads = threads
        self._plan = compiled.c.make_plan(
            spline.flatten(),
            spline.weights.shape[1],
            spline.order,
            _contiguous(y),
            _contiguous(x),
            method,
        )

    def rows(self, rows: slice, out: np.ndarray) -> None:
        # Where it is closed meanwhile, the plan lives on until the last call has ended.
        plan = self._plan
        if plan is None:
            raise ValueError("this rendering is closed: make another plan")
        if rows.step not in (None, 1) or rows.stop - rows.start != out.shape[1]:
            raise ValueError(f"out has {out.shape[1]} rows, which {rows} are not")
        compiled.c.render_rows(plan, rows.start, out, self._threads)

    def close(self) -> None:
        self._plan = None


class CObjective(Objective):
    """See `fastbg.spline.objective.Objective`."""

    def __init__(self, problem: Problem, threads: int, method: str) -> None:
        self._threads = threads
        # A guess for the next evaluation, which only decides how fast it is: any thread may set it.
        self._below_zero = False
        self._problem = compiled.c.open_problem(
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
        return compiled.c.method_name(self._problem)

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        gradient = np.empty_like(parameters)
        loss, self._below_zero = compiled.c.loss_and_gradient(
            self._problem, parameters, gradient, self._below_zero, self._threads
        )
        return loss, gradient

    def close(self) -> None:
        self._problem = None


def _planes(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float32)


def _contiguous(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float64)

"""A problem that is open on the device: its loss, its gradient, and descents that stay there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..spline.descent import Descent
from ..spline.metric import Metric
from ..spline.objective import Objective, Watch, after
from ..spline.quasi_newton import State, Until
from . import account
from .descents import Descents
from .device import failures
from .evaluation import Evaluation
from .layout import RUNNING
from .search import Search


class CudaObjective(Evaluation, Objective):
    """See `fastbg.spline.objective.Objective`, and `Evaluation` for the parameters."""

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient, as `fastbg.spline.objective.Objective` says.

        Raises
        ------
        BackendError
            If the device fails, or the budget is too small.
        """
        n = parameters.size
        with np.errstate(over="ignore"):
            single = parameters.astype(np.float32)
        if not np.isfinite(single).all():
            # The hot kernels are compiled for finite numbers.
            return math.nan, np.full(n, math.nan)
        with self.in_use(), failures():
            pixels, work = self.hold(account.of_gradient(self.cut, n))
            work["parameters"].copy_to_device(single[np.newaxis], stream=self.stream)
            work["ended"].copy_to_device(np.full(1, RUNNING, np.int32), stream=self.stream)
            self.evaluate(work, pixels)
            (out,) = work["out"].copy_to_host(stream=self.stream)
            self.stream.synchronize()
        return float(out[-1]), out[:-1]

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Watch = lambda iteration, loss: None,
    ) -> list[Descent]:
        """Minimise by Adam from every start, as many side by side as fit into the budget.

        See `fastbg.spline.objective.Objective.descend`.

        Raises
        ------
        BackendError
            If the device fails, or the budget is too small.
        """
        found: list[Descent] = []
        n = starts[0].size
        while len(found) < len(starts):
            left, done = starts[len(found) :], len(found) * iterations
            with self.in_use():
                together = account.starts_together(
                    self.cut, self.channels, n, len(left), iterations, self.memory.budget
                )
                # Nothing refers to one when the next takes its memory.
                found += Descents(
                    self, np.array(left[:together]), iterations, learning_rate, after(done, watch)
                ).results()
        return found

    def settle(self, begin: State, metric: Metric, until: Until, watch: Watch) -> State:
        """Minimise by L-BFGS: see `fastbg.spline.quasi_newton.settle`.

        Raises
        ------
        BackendError
            If the device fails, or the budget is too small.
        """
        if begin.losses and (
            len(begin.losses) >= until.iterations or not math.isfinite(begin.loss)
        ):
            return super().settle(begin, metric, until, watch)  # nothing is evaluated
        with self.in_use():
            return Search(self, begin, metric, until, watch).settle()

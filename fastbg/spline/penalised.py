"""The loss of a problem with a penalty on its spline, whichever evaluator has opened it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bending import Penalty
from .loss import Problem
from .objective import Objective
from .spline import Spline


def penalised(objective: Objective, problem: Problem, penalty: Penalty) -> Objective:
    """The loss of a problem plus a penalty on its spline."""
    return _Penalised(objective, problem, penalty) if penalty.stiffness else objective


@dataclass(frozen=True)
class _Penalised(Objective):
    objective: Objective
    problem: Problem
    penalty: Penalty

    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = self.objective.loss_and_gradient(parameters)
        spline = Spline.unflatten(parameters, self.problem.channels, self.problem.order)
        with np.errstate(all="ignore"):  # a descent that diverges is told by its loss
            more, slope = self.penalty.loss_and_gradient(spline)
            return loss + more, gradient + slope

    def close(self) -> None:
        self.objective.close()

"""L-BFGS for the loss of a spline, which reaches the loss of a thousand steps of Adam in dozens.

Two things make it fast. Its metric measures a step by the change of the model. And it approaches
the minimum on every 64th, 16th and 4th row and column first.

Control points stand still until the rest has settled: moved from the start, they follow the first,
wrong surface, and the fit takes three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from .bending import Penalty
from .descent import Descent
from .loss import Problem
from .metric import metric_at
from .objective import Objective, Watch
from .quasi_newton import State, Until
from .spline import Spline

COARSE_STEPS = (64, 16, 4)
FEW_PIXELS = 4000
"""A level with fewer pixels would fit noise."""

STANDING = 20, 1e-3
MOVING = 10, 2e-3
"""A fit has settled when this many steps gain less than this. Moving control points would still
gain after that, but from noise and objects: the loss falls, and the sky becomes worse."""


def coarse_to_fine(problem: Problem) -> list[Problem]:
    """The problem at ever more of its pixels; the last level is the problem itself."""
    pixels = np.count_nonzero(problem.kept)
    levels = []
    for step in COARSE_STEPS:
        if pixels >= FEW_PIXELS * step**2:
            levels.append(
                replace(
                    problem,
                    data=problem.data[::step, ::step],
                    weight=problem.weight[::step, ::step],
                    y=problem.y[::step],
                    x=problem.x[::step],
                )
            )
    return [*(level for level in levels if level.kept.any()), problem]


def descend(
    levels: Sequence[Problem],
    open_problem: Callable[[Problem], Objective],
    start: Spline,
    *,
    iterations: int,
    watch: Watch = lambda iteration, loss: None,
    penalty: Penalty | None = None,
) -> Descent:
    """Minimise the loss of a spline.

    Parameters
    ----------
    levels : sequence of Problem
        See `coarse_to_fine`.
    open_problem : callable
        Opens a problem. One is open at a time, so that each may use all memory of a device.
    start : Spline
    iterations : int
        The largest number of evaluations on each level, at least 1.
    watch : callable, optional
        Called with (iteration, loss) after each evaluation of the last level, and with iteration
        0 on the levels before; what it raises ends the descent.
    penalty : Penalty, optional
        The one of the opened problems, if the metric is to know it.
    """
    *coarse, problem = levels
    state = State(start.flatten())

    def settle(objective: Objective, level: Problem, watch: Watch, *, moving: bool) -> State:
        spline = Spline.unflatten(state.best, start.weights.shape[1], start.order)
        metric = metric_at(level, spline, moving=moving, penalty=penalty)
        until = Until(*(MOVING if moving else STANDING), iterations)
        return objective.settle(state, metric, until, watch)

    for level in coarse:
        with closing(open_problem(level)) as objective:
            state = settle(objective, level, lambda _, loss: watch(0, loss), moving=False)
        state = State(state.best, state.pairs)
    with closing(open_problem(problem)) as objective:
        state = settle(objective, problem, watch, moving=False)
        if state.settled:
            state = settle(objective, problem, watch, moving=True)
    if not np.isfinite(state.losses[0]):
        reason = "diverged"
    else:
        reason = "converged" if state.settled else "iterations"
    return Descent(state.best, state.lowest, np.array(state.losses), reason)

"""Adam with a falling learning rate and early stopping, for any function with a gradient.

The rules are those of bgoptimizer's TensorFlow callbacks (Adam, ReduceLROnPlateau,
EarlyStopping), so that equal settings follow equal paths.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .descent import Descent, ended

BETA_1, BETA_2, ADAM_EPS = 0.9, 0.999, 1e-7

PLATEAU_PATIENCE, PLATEAU_GAIN = 50, 1e-4
PLATEAU_FACTOR, LOWEST_RATE = 0.5, 1e-4

STOP_PATIENCE, STOP_GAIN = 100, 5e-5


class _Patience:
    """Runs out when the loss has not fallen by more than ``gain`` for ``limit`` iterations."""

    def __init__(self, gain: float, limit: int) -> None:
        self.gain, self.limit = gain, limit
        self.best, self.waited = np.inf, 0

    def runs_out(self, loss: float) -> bool:
        if loss < self.best - self.gain:
            self.best, self.waited = loss, 0
            return False
        self.waited += 1
        return self.waited >= self.limit


def descend(
    loss_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    *,
    iterations: int,
    learning_rate: float,
    watch: Callable[[int, float], None] = lambda iteration, loss: None,
) -> Descent:
    """Minimise a function from ``start``.

    Parameters
    ----------
    loss_and_gradient : callable
        Gives the loss and its gradient at some parameters.
    start : ndarray, (n,), float64
        The parameters to start from; they are not changed.
    iterations : int
        The largest number of evaluations, at least 1.
    learning_rate : float
        Halved after 50 iterations without a gain of 1e-4, down to 1e-4.
    watch : callable, optional
        Called with (iteration, loss) after each evaluation; what it raises ends the descent.
    """
    parameters = best = start.astype(np.float64)
    first_moment, second_moment = np.zeros((2, start.size))
    plateau = _Patience(PLATEAU_GAIN, PLATEAU_PATIENCE)
    patience = _Patience(STOP_GAIN, STOP_PATIENCE)
    losses: list[float] = []
    lowest, reason = np.inf, "iterations"

    for t in range(1, iterations + 1):
        loss, gradient = loss_and_gradient(parameters)
        losses.append(loss)
        watch(t, loss)
        if not np.isfinite(loss):
            reason = "diverged"
            break
        if loss < lowest:
            lowest, best = loss, parameters
        if patience.runs_out(loss):
            reason = "converged"
            break
        first_moment += (1 - BETA_1) * (gradient - first_moment)
        second_moment += (1 - BETA_2) * (gradient**2 - second_moment)
        step = learning_rate * np.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
        parameters = parameters - step * first_moment / (np.sqrt(second_moment) + ADAM_EPS)
        if plateau.runs_out(loss):
            plateau.waited = 0
            learning_rate = min(learning_rate, max(learning_rate * PLATEAU_FACTOR, LOWEST_RATE))

    return ended(best, float(lowest), np.array(losses), reason)

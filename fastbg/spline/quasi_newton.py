"""L-BFGS in a metric, for any function with a gradient.

The loss of a spline has kinks where the model meets the data, so a line search only asks for the
weak Wolfe conditions (Lewis and Overton, Nonsmooth optimization via quasi-Newton methods, 2013);
the algorithm is that of Nocedal and Wright, Numerical Optimization, chapter 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass

import numpy as np

PAIRS = 20
FIRST_STEP = 0.01
"""The length of the first step in the metric. In that of a spline, it is the root mean square by
which the step changes the model, stretched."""

DECREASE, SLOPE = 1e-4, 0.9
HALVINGS = 8

Pair = tuple[np.ndarray, np.ndarray, float]
"""A step, the change of the gradient on it, and the product of the two."""

Preconditioner = Callable[[np.ndarray], np.ndarray]
"""The inverse of a metric: from a gradient, (n,), to the direction of steepest descent."""


class State:
    """Where a minimisation stands.

    Parameters
    ----------
    start : ndarray, (n,), float64
    pairs : iterable of Pair, optional
        Those of an earlier minimisation of nearly the same function.

    Attributes
    ----------
    at, loss, gradient : ndarray, float, ndarray
        The parameters that the last step led to, and what was found there.
    best, lowest : ndarray, float
        The best parameters that were seen, and their loss.
    losses : list of float
        Those of all evaluations; as long as it is empty, ``loss`` and ``gradient`` are unknown.
    pairs : deque of Pair
        The newest are last.
    settled : bool
        Whether the loss has stopped falling.
    """

    def __init__(self, start: np.ndarray, pairs: Iterable[Pair] = ()) -> None:
        self.at = self.best = start
        self.loss, self.gradient, self.lowest = np.nan, np.full_like(start, np.nan), np.inf
        self.losses: list[float] = []
        self.pairs = deque(pairs, maxlen=PAIRS)
        self.settled = False

    def copy(self) -> State:
        """Another state, which may go on without changing this one."""
        other = copy(self)
        other.losses, other.pairs = self.losses.copy(), self.pairs.copy()
        return other


@dataclass(frozen=True)
class Until:
    """When a minimisation ends.

    Attributes
    ----------
    patience, gain : int and float
        It has settled when so many steps gain less than this.
    iterations : int
        The largest number of evaluations, at least 1, those that its state begins with included.
    """

    patience: int
    gain: float
    iterations: int


def settle(
    loss_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
    begin: State,
    metric: Preconditioner,
    until: Until,
    watch: Callable[[int, float], None] = lambda iteration, loss: None,
) -> State:
    """Step until the loss stops falling, is no number, or the iterations run out.

    Parameters
    ----------
    loss_and_gradient : callable
    begin : State
        It is not changed.
    metric : callable
    until : Until
    watch : callable, optional
        Called with (evaluations, loss) after each; what it raises ends the minimisation.
    """
    state = begin.copy()
    search = _Search(loss_and_gradient, state, until.iterations, watch)
    state.settled = search.settle(metric, until.patience, until.gain)
    return state


class _Search:
    """A minimisation that goes on; it changes its state."""

    def __init__(
        self,
        loss_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
        state: State,
        iterations: int,
        watch: Callable[[int, float], None],
    ) -> None:
        self._loss_and_gradient, self._watch = loss_and_gradient, watch
        self._state, self._iterations = state, iterations
        if not state.losses:
            state.loss, state.gradient = self._evaluate(state.at)

    def settle(self, metric: Preconditioner, patience: int, gain: float) -> bool:
        """Step until the loss stops falling; False if it is no number, or iterations run out."""
        state = self._state
        reached = deque([state.loss], maxlen=patience + 1)
        while np.isfinite(state.loss) and len(state.losses) < self._iterations:
            if self._step(metric):
                reached.append(state.loss)
                if len(reached) > patience and reached[0] - state.loss < gain:
                    return True
            elif state.pairs:
                state.pairs.clear()
            else:
                return True
        return False

    def _evaluate(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        state = self._state
        loss, gradient = self._loss_and_gradient(parameters)
        state.losses.append(loss)
        self._watch(len(state.losses), loss)
        if loss < state.lowest:
            state.best, state.lowest = parameters, loss
        return loss, gradient

    def _step(self, metric: Preconditioner) -> bool:
        """Step along the direction of L-BFGS until the weak Wolfe conditions hold."""
        state = self._state
        direction = -two_loops(state.gradient, state.pairs, metric)
        slope = float(state.gradient @ direction)
        length = 1.0 if state.pairs else FIRST_STEP / max(abs(slope) ** 0.5, np.finfo(float).tiny)
        low, high, found = 0.0, np.inf, None
        for _ in range(min(HALVINGS, self._iterations - len(state.losses))):
            parameters = state.at + length * direction
            loss, gradient = self._evaluate(parameters)
            if not loss <= state.loss + DECREASE * length * slope:
                high = length
            else:
                found = parameters, loss, gradient
                if gradient @ direction >= SLOPE * slope:
                    break
                low = length
            length = 2 * low if high == np.inf else (low + high) / 2
        if found is None:
            return False
        parameters, loss, gradient = found
        step, change = parameters - state.at, gradient - state.gradient
        if (product := float(step @ change)) > 0:
            state.pairs.append((step, change, product))
        state.at, state.loss, state.gradient = found
        return True


def two_loops(gradient: np.ndarray, pairs: deque[Pair], metric: Preconditioner) -> np.ndarray:
    """The inverse Hessian of pairs and metric times the gradient, by the two-loop recursion.

    Each loop solves a triangular system of the products of steps and changes, in two thirds of the
    time that the loop would take.
    """
    if not pairs:
        return metric(gradient)
    steps, changes = (
        np.array(vectors) for vectors in zip(*(pair[:2] for pair in pairs), strict=True)
    )
    products = np.triu(steps @ changes.T)
    parts = np.linalg.solve(products, steps @ gradient)
    direction = metric(gradient - parts @ changes)
    _, change, product = pairs[-1]
    direction *= product / (change @ metric(change))
    rest = products.diagonal() * parts - changes @ direction
    return direction + np.linalg.solve(products.T, rest) @ steps

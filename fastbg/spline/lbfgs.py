"""L-BFGS for the loss of a spline, which reaches the loss of a thousand steps of Adam in dozens.

Two things make it fast. Its metric measures a step by the change of the model (the Gauss-Newton
matrix of the spline at some of the pixels), so that no parameter is stiffer than another. And it
approaches the minimum on every 64th, 16th and 4th row and column first.

Control points stand still until the rest has settled: moved from the start, they follow the first,
wrong surface, and the fit takes three times as long. The loss has kinks where the model meets the
data, so a line search only asks for the weak Wolfe conditions (Lewis and Overton, Nonsmooth
optimization via quasi-Newton methods, 2013); the algorithm is that of Nocedal and Wright,
Numerical Optimization, chapter 7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from .descent import Descent
from .loss import Problem
from .objective import Objective, Watch
from .spline import Spline, affine, phi, phi_prime

COARSE_STEPS = (64, 16, 4)
FEW_PIXELS = 4000
"""A level with fewer pixels would fit noise."""

METRIC_PIXELS = 3000
"""The number of pixels at which the metric measures a change of the model."""

STILL = 0.01
"""In the metric, a unit shift of a control point counts as this mean square change of the model."""

PAIRS = 20
FIRST_STEP = 0.01
"""The root mean square by which the first step changes the model, stretched."""

DECREASE, SLOPE = 1e-4, 0.9
HALVINGS = 8

STANDING = 20, 1e-3
MOVING = 10, 2e-3
"""A fit has settled when this many steps gain less than this. Moving control points would still
gain after that, but from noise and objects: the loss falls, and the sky becomes worse."""

Pairs = deque[tuple[np.ndarray, np.ndarray, float]]
"""Steps, the change of the gradient on each, and the product of the two."""


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
    """
    parameters, pairs = start.flatten(), Pairs(maxlen=PAIRS)
    *coarse, problem = levels

    def spline() -> Spline:
        return Spline.unflatten(parameters, start.weights.shape[1], start.order)

    for level in coarse:
        with closing(open_problem(level)) as objective:
            search = _Search(
                objective, parameters, iterations, lambda _, loss: watch(0, loss), pairs
            )
            search.settle(_metric(level, spline(), moving=False), *STANDING)
        parameters = search.best
    with closing(open_problem(problem)) as objective:
        search = _Search(objective, parameters, iterations, watch, pairs)
        settled = search.settle(_metric(problem, spline(), moving=False), *STANDING)
        if settled:
            parameters = search.best
            settled = search.settle(_metric(problem, spline(), moving=True), *MOVING)
    if not np.isfinite(search.losses[0]):
        reason = "diverged"
    else:
        reason = "converged" if settled else "iterations"
    return Descent(search.best, search.lowest, np.array(search.losses), reason)


def _metric(
    problem: Problem, spline: Spline, *, moving: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """The inverse of the metric: a gradient, (n,), to the direction of steepest descent.

    The square of a step is the mean square change of the model, to first order. If control points
    are moving, `STILL` times the square of their shift is added; else they stay where they are.
    """
    rows, columns = np.nonzero(problem.kept)
    some = np.linspace(0, len(rows) - 1, min(METRIC_PIXELS, len(rows))).astype(int)
    rows, columns = rows[some], columns[some]
    points = np.column_stack([problem.y[rows], problem.x[columns]])
    weight = np.asarray(problem.weight[rows, columns], float).mean(axis=1, keepdims=True)
    weight /= np.sqrt(len(points) * problem.channels)
    difference = points[:, np.newaxis] - spline.centres
    q = (difference**2).sum(axis=2)
    basis = weight * np.hstack([phi(q, spline.order), affine(points)])
    linear = _inverse_root(basis.T @ basis)
    n, channels = spline.weights.shape

    def standing(gradient: np.ndarray) -> np.ndarray:
        own = linear.T @ (linear @ gradient[2 * n :].reshape(-1, channels))
        return np.concatenate([np.zeros(2 * n), own.ravel()])

    if not moving:
        return standing

    # A shift changes each channel in proportion to its weights, so that the matrix of the shifts
    # and its Schur complement, once all else has followed, are products with these element-wise.
    along = -2 * weight * phi_prime(q, spline.order)
    shifts = (along[..., np.newaxis] * difference).reshape(len(points), 2 * n)
    weights = np.repeat(spline.weights, 2, axis=0)
    mixed = linear @ (basis.T @ shifts)
    left = (shifts.T @ shifts - mixed.T @ mixed) * (weights @ weights.T)
    shift = _inverse_root(left + STILL * np.eye(2 * n))

    def all_moving(gradient: np.ndarray) -> np.ndarray:
        own = linear @ gradient[2 * n :].reshape(-1, channels)
        shifted = gradient[: 2 * n] - (weights * (mixed.T @ own)).sum(axis=1)
        shifted = shift.T @ (shift @ shifted)
        own = linear.T @ (own - mixed @ (weights * shifted[:, np.newaxis]))
        return np.concatenate([shifted, own.ravel()])

    return all_moving


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """R with R^T R = matrix^-1, regularised so that parameters without data stay finite."""
    matrix.flat[:: len(matrix) + 1] += 1e-10 * np.trace(matrix) / len(matrix)
    return np.linalg.inv(np.linalg.cholesky(matrix))


class _Search:
    """L-BFGS on one objective, in a metric that may change on the way."""

    def __init__(
        self,
        objective: Objective,
        start: np.ndarray,
        iterations: int,
        watch: Watch,
        pairs: Pairs,
    ) -> None:
        self._objective, self._iterations, self._watch = objective, iterations, watch
        self._pairs = pairs
        self.losses: list[float] = []
        self.best, self.lowest = start, np.inf
        self._at = start
        self._loss, self._gradient = self._evaluate(start)

    def settle(
        self, metric: Callable[[np.ndarray], np.ndarray], patience: int, gain: float
    ) -> bool:
        """Step until the loss stops falling; False if it is no number, or iterations run out."""
        reached = deque([self._loss], maxlen=patience + 1)
        while np.isfinite(self._loss) and len(self.losses) < self._iterations:
            if self._step(metric):
                reached.append(self._loss)
                if len(reached) > patience and reached[0] - self._loss < gain:
                    return True
            elif self._pairs:
                self._pairs.clear()
            else:
                return True
        return False

    def _evaluate(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = self._objective.loss_and_gradient(parameters)
        self.losses.append(loss)
        self._watch(len(self.losses), loss)
        if loss < self.lowest:
            self.best, self.lowest = parameters, loss
        return loss, gradient

    def _step(self, metric: Callable[[np.ndarray], np.ndarray]) -> bool:
        """Step along the direction of L-BFGS until the weak Wolfe conditions hold."""
        direction = -self._two_loops(metric)
        slope = float(self._gradient @ direction)
        length = 1.0 if self._pairs else FIRST_STEP / max(abs(slope) ** 0.5, np.finfo(float).tiny)
        low, high, found = 0.0, np.inf, None
        for _ in range(min(HALVINGS, self._iterations - len(self.losses))):
            parameters = self._at + length * direction
            loss, gradient = self._evaluate(parameters)
            if not loss <= self._loss + DECREASE * length * slope:
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
        step, change = parameters - self._at, gradient - self._gradient
        if (product := float(step @ change)) > 0:
            self._pairs.append((step, change, product))
        self._at, self._loss, self._gradient = found
        return True

    def _two_loops(self, metric: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The inverse Hessian of pairs and metric times the gradient, by the two-loop recursion."""
        direction, parts = self._gradient, []
        for step, change, product in reversed(self._pairs):
            parts.append((step @ direction) / product)
            direction = direction - parts[-1] * change
        direction = metric(direction)
        if self._pairs:
            _, change, product = self._pairs[-1]
            direction *= product / (change @ metric(change))
        for (step, change, product), part in zip(self._pairs, reversed(parts), strict=True):
            direction = direction + step * (part - (change @ direction) / product)
        return direction

"""A minimisation by L-BFGS on the device."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from ..spline.metric import Metric
from ..spline.quasi_newton import PAIRS, State, Until
from . import account, lbfgs
from .bursts import Bursts
from .device import failures
from .evaluation import Evaluation
from .layout import RUNNING
from .search_state import (
    AT,
    BEST,
    COUNT,
    DONE,
    ENDED,
    FIELDS,
    FOUND_LOSS,
    GRADIENT,
    LOSS,
    LOWEST,
    NEXT,
    SETTLED,
    STEPS,
    TRIAL,
    TURNS,
    VECTORS,
    Searching,
)

BURST = 8
"""Evaluations between two looks at the losses: a fit settles after some dozens."""


class Search(Bursts):
    """A minimisation by L-BFGS: see `fastbg.spline.quasi_newton.settle`.

    Parameters
    ----------
    evaluation : Evaluation
    begin : State
        With evaluations left, and a loss that is a number if there is one.
    metric : Metric
    until : Until
    watch : callable
    """

    @failures()
    def __init__(
        self,
        evaluation: Evaluation,
        begin: State,
        metric: Metric,
        until: Until,
        watch: Callable[[int, float], None],
    ) -> None:
        self._begun, self._until, self._watch = begin, until, watch
        channels, threads = evaluation.channels, evaluation.launch.threads
        arrays = account.of_search(
            evaluation.cut, channels, len(metric.root) - 3, until.patience, until.iterations
        )
        super().__init__(evaluation, arrays, until.iterations - len(begin.losses), BURST)
        for name, values in self.beginning(begin, metric, until).items():
            self.work[name].copy_to_device(values, stream=self.stream)
        self._judge, self._turn = lbfgs.kernels(channels, threads)
        # A block works, and the others end at once.
        self._grid = evaluation.launch.fewest, threads, self.stream
        self._searching = Searching(*(self.work[name] for name in Searching._fields))

    @staticmethod
    def beginning(begin: State, metric: Metric, until: Until) -> dict[str, np.ndarray]:
        """The arrays of a minimisation as it begins, but for those that it only writes."""
        fresh, n, count = not begin.losses, begin.at.size, len(begin.pairs)
        state = np.zeros(FIELDS)
        state[[LOSS, LOWEST, FOUND_LOSS]] = begin.loss, begin.lowest, np.nan
        state[[COUNT, NEXT, STEPS, TURNS]] = count, count % PAIRS, -fresh, not fresh
        state[ENDED] = RUNNING
        vectors, pairs, products = np.zeros((VECTORS, n)), np.zeros((2, PAIRS, n)), np.zeros(PAIRS)
        vectors[[AT, TRIAL]], vectors[BEST] = begin.at, begin.best
        if not fresh:
            vectors[GRADIENT] = begin.gradient
        for place, (step, change, product) in enumerate(begin.pairs):
            pairs[:, place], products[place] = (step, change), product
        with np.errstate(over="ignore"):
            parameters = begin.at.astype(np.float32)[np.newaxis]
        arrays = {
            "parameters": parameters,
            "broken": np.array([not np.isfinite(parameters).all()], np.int32),
            "ended": np.full(1, RUNNING, np.int32),
            "vectors": vectors,
            "steps": pairs[0],
            "changes": pairs[1],
            "products": products,
            "state": state,
            "reached": np.full(until.patience + 1, begin.loss),
            "root": metric.root,
            "moving": np.array([metric.shifts is not None], np.int32),
        }
        if metric.shifts is not None:
            arrays["weights"], arrays["mixed"] = metric.shifts.weights, metric.shifts.mixed
            arrays["shift_root"] = metric.shifts.root
        return {name: np.ascontiguousarray(values) for name, values in arrays.items()}

    def settle(self) -> State:
        """Minimise to the end."""
        if self._begun.losses:
            with failures():
                self._turn[self._grid](self.iterations, self._searching)
        self.run()
        return self._result()

    def iterate(self, times: int) -> None:
        for _ in range(times):
            self.evaluation.evaluate(self.work, self.pixels)
            self._judge[self._grid](self._until.gain, self.iterations, self._searching)
            self._turn[self._grid](self.iterations, self._searching)

    def look(self, burst: range, state: np.ndarray) -> bool:
        self._state = state
        before = len(self._begun.losses)
        for t in burst[: int(state[DONE]) - burst.start]:
            self._watch(before + t + 1, float(self.losses[t]))
        return bool(state[ENDED] != RUNNING)

    @failures()
    def _result(self) -> State:
        copies = {
            name: self.work[name].copy_to_host(stream=self.stream)
            for name in ("vectors", "steps", "changes", "products")
        }
        self.stream.synchronize()
        state, now = self._begun.copy(), self._state
        count, following = int(now[COUNT]), int(now[NEXT])
        state.at, state.gradient, state.best = copies["vectors"][[AT, GRADIENT, BEST]]
        state.loss, state.lowest = float(now[LOSS]), float(now[LOWEST])
        state.losses += self.losses[: int(now[DONE])].tolist()
        state.pairs = deque(
            (
                (copies["steps"][place], copies["changes"][place], float(copies["products"][place]))
                for place in (following - count + np.arange(count)) % PAIRS
            ),
            maxlen=PAIRS,
        )
        state.settled = now[ENDED] == SETTLED
        return state

"""A function that is minimised: the loss of a spline on a problem that an evaluator has opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from . import adam, quasi_newton
from .descent import Descent
from .metric import Metric
from .quasi_newton import State, Until

Watch = Callable[[int, float], None]
"""Is told (iterations done over all starts, loss); what it raises ends the descents."""


class Objective(ABC):
    """An opened problem: the image and the weights as an evaluator wants them."""

    @abstractmethod
    def loss_and_gradient(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss (see `fastbg.spline.loss`) and its analytic gradient.

        Parameters
        ----------
        parameters : ndarray, (N (2 + K) + 3 K,), float64
            The layout is that of `Spline.flatten`.

        Returns
        -------
        loss : float
        gradient : ndarray, float64, laid out like ``parameters``
        """

    def descend(
        self,
        starts: Sequence[np.ndarray],
        *,
        iterations: int,
        learning_rate: float,
        watch: Watch = lambda iteration, loss: None,
    ) -> list[Descent]:
        """Minimise by Adam from every start.

        An evaluator on a device keeps this loop there; it makes the same steps.
        """
        return [
            adam.descend(
                self.loss_and_gradient,
                start,
                iterations=iterations,
                learning_rate=learning_rate,
                watch=after(number * iterations, watch),
            )
            for number, start in enumerate(starts)
        ]

    def settle(self, begin: State, metric: Metric, until: Until, watch: Watch) -> State:
        """Minimise by L-BFGS: see `fastbg.spline.quasi_newton.settle`.

        An evaluator on a device keeps this loop there; it makes the same steps but for rounding.
        """
        return quasi_newton.settle(self.loss_and_gradient, begin, metric, until, watch)

    def close(self) -> None:  # noqa: B027
        """Give back what the evaluator holds for this problem; nothing is evaluated after it."""


def after(done: int, watch: Watch) -> Watch:
    """A watch of one start that counts the iterations of the starts before it, too."""
    return lambda iteration, loss: watch(done + iteration, loss)

"""Where a descent ended, whichever method made it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..words import brief

DIVERGED = 1.0
"""A descent has diverged if its last loss, a mean of logarithms, exceeds the lowest by this."""


@dataclass(frozen=True, eq=False)
class Descent:
    """The end of a descent.

    Attributes
    ----------
    parameters : ndarray
        The best that were seen, not the last.
    loss : float
        The loss of these parameters.
    losses : ndarray, (iterations,)
        The loss before each update.
    reason : str
        Why it ended: "iterations" (all were done), "converged" (the loss no longer fell) or
        "diverged" (the loss was no longer a number, or ended far above the lowest). "chosen" is no
        descent: a sky that was found, whose loss is NaN.
    """

    parameters: np.ndarray
    loss: float
    losses: np.ndarray
    reason: str

    __repr__ = brief


def ended(parameters: np.ndarray, loss: float, losses: np.ndarray, reason: str) -> Descent:
    """A descent that is over; it diverged, too, if its last loss lies far above the lowest."""
    far = np.any(losses[-1:] > loss + DIVERGED)
    return Descent(parameters, loss, losses, "diverged" if far else reason)

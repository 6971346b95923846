"""What is told of the corners of a frame, in words."""

from __future__ import annotations

import numpy as np

from ..words import place
from .cures import Cures
from .warnings import relative


def named(corners: np.ndarray) -> str:
    """The subject of a sentence, of (2, 2) bool: "the upper left corner is"."""
    names = [f"the {place(*corner)}" for corner in np.argwhere(corners)]
    *others, last = names
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"


def left(corners: np.ndarray, how: str, by: float, gradient: float, cures: Cures) -> str:
    """The doubt that corners, (2, 2) bool, are left darker or brighter than the sky."""
    return (
        f"{named(corners)} left {how} than the sky by {relative(by, gradient)} the gradient: "
        f"{cures.hide} what is no sky there; if it is sky, {cures.add}compare with {cures.other}"
    )

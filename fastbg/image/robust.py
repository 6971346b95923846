"""The scatter of samples, robust against outliers."""

from __future__ import annotations

import math

import numpy as np

MAD_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution, divided by its median absolute deviation."""


def robust_sigma(values: np.ndarray) -> float:
    """The median absolute deviation from the median times 1.4826, over finite values; NaN for none.

    It estimates the standard deviation of Gaussian noise: Rousseeuw and Croux, J. Am. Stat. Assoc.
    88, 1273 (1993).
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))

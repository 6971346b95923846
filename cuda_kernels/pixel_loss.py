"""Device functions from the values of a spline at one pixel to its loss and the slopes dL/dS."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float32

from . import maths
from .compilation import device

ZERO, ONE, TWO, LN_2 = map(np.float32, (0, 1, 2, math.log(2)))


def pixel_loss(channels: int) -> tuple[Any, Any, Any]:
    """``residuals_at``, ``argument_of`` and ``slope_of``, to be called in this order."""
    argument_of, own_slope = device(maths.argument_of), device(maths.own_slope)

    @device
    def residuals_at(pixels, row, j, v, values, below, residual):
        """Fill the residuals, (K,), of pixel v of a thread; their mean, and ``below`` + |S| - S.

        The pixel's data and weights are column j of ``pixels``, from ``row`` on.
        """
        mean = ZERO
        for k in range(channels):
            value = values[v * channels + k]
            residual[k] = pixels[row + channels + k, j] * (pixels[row + k, j] - value)
            mean += residual[k]
            below -= TWO * min(value, ZERO)
        return mean / float32(channels), below

    @device
    def slope_of(residual, mean, weight, alpha, inverse):
        """P times dL/dS of one sample, without the term that couples the pixels."""
        return own_slope(residual, mean, weight, alpha) * (inverse / float32(channels))

    return residuals_at, argument_of, slope_of

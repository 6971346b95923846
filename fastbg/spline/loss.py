"""The loss of a model against the image, and its derivative with respect to the model's values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..words import brief

FLOOR = 0.001
"""Keeps the logarithm of a perfect pixel finite."""


@dataclass(frozen=True, eq=False)
class Problem:
    """The data that a spline is fitted to; an evaluator opens a problem once.

    Attributes
    ----------
    data : ndarray, (h, w, K), float32 or float64, stretched
        Finite where there is weight; anything elsewhere, NaN included.
    weight : ndarray, (h, w, K), float32 or float64, in [0, 1]
    y, x : ndarray, (h,) and (w,), float64
        Normalised coordinates of the rows and columns.
    order : int
        Polyharmonic order, 1 to 4.
    alpha : float
        Weight of the overshoot and negative-background penalties.
    """

    data: np.ndarray
    weight: np.ndarray
    y: np.ndarray
    x: np.ndarray
    order: int
    alpha: float

    __repr__ = brief

    @property
    def channels(self) -> int:
        """K, 1 or 3."""
        return self.data.shape[2]

    @property
    def kept(self) -> np.ndarray:
        """(h, w) bool: pixels with weight in some channel. Only these are ever evaluated."""
        return np.any(self.weight, axis=2)


def loss_and_slope(
    data: np.ndarray, weight: np.ndarray, model: np.ndarray, alpha: float
) -> tuple[float, np.ndarray]:
    """The mean log-loss of P pixels and dL/dS.

    The residual is ``r_k = m_k (I_k - S_k)``, and the loss of a pixel is ``log(0.001 + error +
    color + alpha (overshoot + negative))``: error is the mean of |r|, color the population variance
    of r over the channels, overshoot the mean of |r| - r, and negative the mean of |S| - S over all
    pixels and channels (one scalar, which couples the pixels).

    Parameters
    ----------
    data, weight, model : ndarray, (P, K), stretched
    alpha : float

    Returns
    -------
    loss : float
    slope : ndarray, (P, K)
    """
    pixels, channels = data.shape
    residual = weight * (data - model)
    error = np.abs(residual).mean(axis=1)
    color = residual.var(axis=1)
    overshoot = (np.abs(residual) - residual).mean(axis=1)
    negative = (np.abs(model) - model).mean()
    argument = FLOOR + error + color + alpha * (overshoot + negative)

    centred = residual - residual.mean(axis=1, keepdims=True)
    own = weight / channels * (-np.sign(residual) - 2 * centred + 2 * alpha * (residual < 0))
    coupled = -2 * alpha / channels * (1 / argument).mean() * (model < 0)
    slope = (own / argument[:, np.newaxis] + coupled) / pixels
    return float(np.log(argument).mean()), slope

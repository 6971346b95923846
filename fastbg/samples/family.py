"""All surfaces of one kind through weighted samples, by their stiffness."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..sky.basis import Basis
from ..sky.grid import SIDE
from ..sky.smoothing_spline import Splines

COST = 1.4
"""What a degree of freedom counts in the cross-validation."""

STIFFNESSES = np.geomspace(1e2, 1e-9, 45)
"""Those that are tried."""

EXACT = 1e-9
"""Residuals are no less than this part of the spread of the levels: rounding."""

ALONG = 28
"""The number of points along each side of the frame by which modes are put in order."""


@cache
def basis_of(degree: int) -> Splines:
    """The basis in which polynomials up to a degree cost nothing, whatever the samples."""
    axis = (np.arange(ALONG) + 0.5) / ALONG
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return Basis(points, SIDE).of_degree(degree, STIFFNESSES[-1])


class Family:
    """The surfaces that minimise the weighted mean square of data - S, plus stiffness * energy.

    With B the weighted matrix of what bends, without what the free functions explain of it, and
    ``B B^T = U diag(s^2) U^T``, they are sums in these modes: each keeps ``s^2 / (s^2 +
    stiffness)`` of itself.

    Parameters
    ----------
    matrix : ndarray, (n, M)
        A basis at the samples: see `fastbg.sky.smoothing_spline.Splines`.
    free : int
        The number of its functions, at the beginning, that cost nothing.
    data : ndarray, (n, K)
    weight : ndarray, (n,), more than 0
    """

    def __init__(self, matrix: np.ndarray, free: int, data: np.ndarray, weight: np.ndarray) -> None:
        root = np.sqrt(weight / weight.sum())[:, np.newaxis]
        weighted, along = matrix * root, data * root
        self.free = free
        self._plane, self._triangle = np.linalg.qr(weighted[:, :free])
        self._crossed = self._plane.T @ weighted[:, free:]
        self._bends = weighted[:, free:] - self._plane @ self._crossed
        few, many = np.linalg.qr(self._bends)
        square, modes = np.linalg.eigh(many @ many.T)
        self._square, self._modes = np.maximum(square, 0), few @ modes
        self._flat = self._plane.T @ along
        self._off = along - self._plane @ self._flat
        self._parts = self._modes.T @ self._off

    def shrunk(self, stiffness: float) -> np.ndarray:
        """(r,): the part of each mode that a surface keeps."""
        kept: np.ndarray = self._square / (self._square + stiffness)
        return kept

    def freedom(self, stiffness: float) -> float:
        """The effective number of degrees of freedom."""
        return self.free + float(self.shrunk(stiffness).sum())

    def coordinates(self, stiffness: float) -> np.ndarray:
        """(M, K): of a surface, in the basis."""
        parts = self._parts / (self._square + stiffness)[:, np.newaxis]
        bent = self._bends.T @ (self._modes @ parts)
        flat = np.linalg.lstsq(self._triangle, self._flat - self._crossed @ bent, rcond=None)[0]
        return np.concatenate([flat, bent])

    def leverage(self, stiffness: float) -> np.ndarray:
        """(n,): how much of each sample a surface takes from itself."""
        own: np.ndarray = (self._plane**2).sum(axis=1) + self._modes**2 @ self.shrunk(stiffness)
        return own

    def costs(self, scale: np.ndarray) -> np.ndarray:
        """The logarithm of the score of the cross-validation, over all channels, for each of
        `STIFFNESSES`; (K,) in units of a scale."""
        lost = STIFFNESSES[:, np.newaxis] / (self._square + STIFFNESSES[:, np.newaxis])
        freedom = self.free + (1 - lost).sum(axis=1)
        left = 1 - COST * freedom / len(self._off)
        parts = self._parts**2
        rest = np.maximum((self._off**2).sum(axis=0) - parts.sum(axis=0), 0)
        square = ((rest + lost**2 @ parts) / scale**2).mean(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            score = np.log(square + EXACT**2) - 2 * np.log(left)
        return np.where(left > 0, score, np.inf)

    def stiffness_of(self, freedom: float) -> float:
        """The stiffness that leaves so many degrees of freedom, by bisection of its logarithm."""
        low, high = np.log(STIFFNESSES[-1]), np.log(1e6)
        for _ in range(50):
            middle = (low + high) / 2
            if self.freedom(np.exp(middle)) > freedom:
                low = middle
            else:
                high = middle
        return float(np.exp(high))

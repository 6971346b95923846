"""The midtones transfer function (MTF) of the XISF specification, and its inverse."""

from __future__ import annotations

import numpy as np


def mtf(x: np.ndarray, m: np.ndarray | float, target: float) -> np.ndarray:
    """Midtones transfer function with ``mtf(0) = 0``, ``mtf(m) = target`` and ``mtf(1) = 1``.

    The function is ``(1 - m) x / ((1 - m) x + (1 / target - 1) m (1 - x))`` for x and m in [0, 1].
    In this form nothing cancels: however small m or 1 - m is, the result lies in [0, 1].
    """
    return _share((1 - m) * x, (1 / target - 1) * m * (1 - x))


def imtf(y: np.ndarray, m: np.ndarray | float, target: float) -> np.ndarray:
    """Inverse of `mtf` on [0, 1]. It has a pole outside, so callers clamp y to [0, 1]."""
    return _share(m * y, (1 / (1 - target) - 1) * (1 - m) * (1 - y))


def _share(part: np.ndarray, rest: np.ndarray) -> np.ndarray:
    return part / (part + rest)

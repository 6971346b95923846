"""Which down-scaled pixels the fit uses: thresholds or a weight image, and never a missing one."""

from __future__ import annotations

import numpy as np

from .downscale import downscale_weight
from .errors import InputError


def weight_from_thresholds(stretched: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 where ``low <= value <= high``, else 0.

    Parameters
    ----------
    stretched : ndarray, (h, w, K), stretched; NaN = missing, gets 0

    Returns
    -------
    ndarray, (h, w, K), float64
    """
    return ((stretched >= low) & (stretched <= high)).astype(np.float64)


def weight_from_image(
    weight: np.ndarray, shape: tuple[int, int], stretched: np.ndarray, factor: int, function: str
) -> np.ndarray:
    """Reduce a full-resolution weight image to the grid of the fit.

    Parameters
    ----------
    weight : ndarray, (H, W) or (H, W, 1) or (H, W, K), in [0, 1]; 1 = used
    shape : (H, W) of the image that it belongs to
    stretched : ndarray, (h, w, K); NaN = missing, gets 0

    Returns
    -------
    ndarray, (h, w, K), float64

    Raises
    ------
    InputError
        If its size or channel count does not fit the image, or a value lies outside [0, 1].
    """
    weight = np.atleast_3d(weight)
    if weight.shape[:2] != shape:
        raise InputError(
            f"the mask has {_size(weight.shape)} pixels and the image {_size(shape)}: "
            "make the mask from the image itself"
        )
    if weight.shape[2] not in (1, stretched.shape[2]):
        raise InputError(
            f"the mask has {weight.shape[2]} channels and the image {stretched.shape[2]}: "
            "give a mask of one channel, or of as many as the image"
        )
    if not (weight.min() >= 0 and weight.max() <= 1):
        raise InputError(
            f"the mask has values from {weight.min():g} to {weight.max():g}: "
            "rescale it to 0 (ignored) .. 1 (used)"
        )
    reduced = downscale_weight(weight.astype(np.float32), factor, function)
    return np.where(np.isnan(stretched), 0, reduced)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"

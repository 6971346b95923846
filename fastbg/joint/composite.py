"""The robust mean of frames without what they differ by: a stack with the common gradient."""

from __future__ import annotations

import numpy as np

from ..image.robust import MAD_TO_SIGMA
from .median import median_of, parts_of
from .solve import REJECTED, TINY


def composite(
    planes: np.ndarray, surfaces: np.ndarray, scale: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """The robust mean of frames, each without its own surface and on the scale of 1.

    Samples that lie far from the median of the frames count less, or nothing (Tukey's biweight).

    Parameters
    ----------
    planes, surfaces : ndarray, (n, h w), float32, linear; NaN = missing
    scale, noise : ndarray, (n,)

    Returns
    -------
    ndarray, (h w,), float32, linear
        NaN where no frame has a sample.
    """
    found = np.empty(planes.shape[1], np.float32)
    for part in parts_of(planes.shape):
        found[part] = _composite(planes[:, part], surfaces[:, part], scale, noise)
    return found


def _composite(
    planes: np.ndarray, surfaces: np.ndarray, scale: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    times = scale[:, np.newaxis].astype(np.float32)
    planes = (planes - surfaces) / times
    valid = np.isfinite(planes)
    middle = median_of(planes)
    sigma = (np.maximum(noise, TINY) / scale)[:, np.newaxis].astype(np.float32)
    off = np.where(valid, planes - middle, 0)
    # In stars, all frames scatter more than the noise of the sky.
    distance = np.where(valid, np.abs(off) / sigma, np.float32(np.nan))
    spread = MAD_TO_SIGMA * np.nan_to_num(median_of(distance))
    weight = np.clip(1 - (off / (REJECTED * sigma * np.maximum(spread, 1))) ** 2, 0, 1) ** 2
    weight *= valid / sigma**2
    total = weight.sum(axis=0)
    mean = middle + (weight * off).sum(axis=0) / np.maximum(total, TINY)
    return np.where(total > 0, mean, middle).astype(np.float32)

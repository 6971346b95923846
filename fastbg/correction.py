"""Taking the background out of the image, and the level that is put back.

Pedestal policies, per channel:

``model-median``
    The median of the model: the sky keeps its level and its colour.
``neutral``
    The mean of those medians for every channel: the sky keeps its level and becomes grey.
``none``
    Nothing: the sky goes to zero (and noise below it).
a number
    That level.
``ancestor``
    What the ancestor does: the smallest difference becomes the input's median, and if the
    brightest sample then exceeds 1, all are divided by it.
"""

from __future__ import annotations

import numpy as np

from .backends import c
from .image import Image
from .order_statistics import median


def correct(
    image: Image,
    model: np.ndarray,
    valid: np.ndarray,
    mode: str,
    pedestal: str | float,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract or divide by the model, per the policy; missing samples stay as they are.

    Parameters
    ----------
    image : Image, linear
    model : ndarray, (K, H, W), float32, linear
    valid : ndarray, (K, H, W), bool
    mode : {"subtract", "divide"}
        ``I - model + pedestal`` or ``I / model * pedestal``.
    pedestal : str or float
        One of the policies above; statistics are over valid samples.
    threads : int, optional

    Returns
    -------
    corrected : ndarray, (K, H, W), float32, linear; never clipped
    levels : ndarray, (K,), float64
        The pedestal of each channel.
    """
    if pedestal == "ancestor":
        return _ancestor(image, model, valid, threads)
    levels = _levels(model, valid, mode, pedestal, threads)
    corrected = np.empty_like(image.planes)
    take_out = _divide if mode == "divide" else _subtract if c.unavailable() else c.subtract
    for plane, *others in zip(image.planes, model, valid, levels, corrected, strict=True):
        take_out(plane, *others, threads)
    return corrected, levels


def _subtract(
    plane: np.ndarray,
    background: np.ndarray,
    valid: np.ndarray,
    level: float,
    out: np.ndarray,
    threads: int,
) -> None:
    out[:] = np.where(valid, plane - background + np.float32(level), plane)


def _divide(
    plane: np.ndarray,
    background: np.ndarray,
    valid: np.ndarray,
    level: float,
    out: np.ndarray,
    threads: int,
) -> None:
    out[:] = plane
    # Where the model is zero there is nothing to divide by: those samples stay.
    divisible = valid & (background != 0)
    np.divide(plane, background, out=out, where=divisible)
    np.multiply(out, np.float32(level), out=out, where=divisible)


def _levels(
    model: np.ndarray, valid: np.ndarray, mode: str, pedestal: str | float, threads: int
) -> np.ndarray:
    channels = len(model)
    if pedestal == "none":
        return np.full(channels, 0.0 if mode == "subtract" else 1.0)
    if not isinstance(pedestal, str):
        return np.full(channels, float(pedestal))
    medians = np.array([median(m, v, threads) for m, v in zip(model, valid, strict=True)])
    return np.full(channels, medians.mean()) if pedestal == "neutral" else medians


def _ancestor(
    image: Image, model: np.ndarray, valid: np.ndarray, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    corrected = image.planes.copy()
    levels = np.empty(image.channels)
    for k, used in enumerate(valid):
        difference = image.planes[k] - model[k]
        levels[k] = median(image.planes[k], used, threads) - difference[used].min()
        np.add(difference, np.float32(levels[k]), out=corrected[k], where=used)
    brightest = corrected[valid].max()
    if brightest > 1:
        np.divide(corrected, brightest, out=corrected, where=valid)
    return corrected, levels

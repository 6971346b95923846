"""Which down-scaled pixels the fit uses: thresholds or a weight image, and never a missing one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .downscale import downscale_weight
from .errors import InputError
from .image import Image


def weight_from_thresholds(stretched: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 where ``low <= value <= high``, else 0.

    Parameters
    ----------
    stretched : ndarray, (h, w, K), stretched; NaN = missing, gets 0

    Returns
    -------
    ndarray, (h, w, K), float32
    """
    return ((stretched >= low) & (stretched <= high)).astype(np.float32)


def weight_from_image(
    weight: Image,
    shape: tuple[int, int],
    stretched: np.ndarray,
    factor: int,
    function: str,
    threads: int = 1,
) -> np.ndarray:
    """Reduce a full-resolution weight image to the grid of the fit.

    Parameters
    ----------
    weight : Image, of 1 or K channels, in [0, 1]; 1 = used
    shape : (H, W) of the image that it belongs to
    stretched : ndarray, (h, w, K); NaN = missing, gets 0

    Returns
    -------
    ndarray, (h, w, K), float32

    Raises
    ------
    InputError
        If its size or channel count does not fit the image, or a value lies outside [0, 1].
    """
    if weight.shape != shape:
        raise InputError(
            f"the mask has {_size(weight.shape)} pixels and the image {_size(shape)}: "
            "make the mask from the image itself"
        )
    if weight.channels not in (1, stretched.shape[2]):
        raise InputError(
            f"the mask has {weight.channels} channels and the image {stretched.shape[2]}: "
            "give a mask of one channel, or of as many as the image"
        )
    reduced = downscale_weight(_checked(weight), factor, function, threads)
    return np.where(np.isnan(stretched), np.float32(0), reduced)


def inverted(weight: Image) -> Image:
    """1 - weight."""

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        return np.subtract(1, weight.read(rows, out), out=out[:, : rows.stop - rows.start])

    return replace(weight, read=read)


def _checked(weight: Image) -> Image:
    """The same, refusing values that are no weights where they are read."""

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = weight.read(rows, out)
        if not (band.min() >= 0 and band.max() <= 1):
            raise InputError(
                f"the mask has values from {band.min():g} to {band.max():g}: "
                "rescale it to 0 (ignored) .. 1 (used)"
            )
        return band

    return replace(weight, read=read)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"

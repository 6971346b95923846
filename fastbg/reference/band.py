"""What an image has between the scales of stars and of gradients, and how that would move."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..coordinates.aligned import FEW, SAMPLES
from ..sky.neighbourhood import gaussian_mean

FINE, COARSE = 1.5, 8.0
"""The deviations of the Gaussians between which the band lies, in down-scaled pixels. Where the
pixels of the reference are larger, both are larger, too."""

MARGIN = 1.25
"""A gradient is in the band within so many deviations of the coarser Gaussian of the border of the
frame, ..."""

NEAR = 0.5
"""... and where less than this part of the neighbourhood can be used."""

QUIET, QUIET_DEVIATIONS = 0.2, 0.2533
"""The part of the second differences that is taken for noise, and below how many standard
deviations it lies."""

FINENESS = 16
"""Steps along the side of a down-scaled pixel, in which the correlation of noise is summed up."""


@dataclass(frozen=True, eq=False)
class Band:
    """The band of an image.

    Attributes
    ----------
    values : ndarray, (h, w, K)
    derivatives : ndarray, (h, w, K, 3)
        Along y, along x, and the Laplacian, in units of the finer Gaussian: how the band changes
        where an image is displaced, or less sharp.
    inside : ndarray, (h, w), bool
        Where the band holds no gradient.
    noise : ndarray, (K, 4, 4)
        The covariance that noise gives values and derivatives.
    """

    values: np.ndarray
    derivatives: np.ndarray
    inside: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(
        cls,
        image: np.ndarray,
        usable: np.ndarray,
        size: float = 1.0,
        *,
        pixel: float = 0.0,
        moves: bool = True,
    ) -> Band:
        """That of an image, (h, w, K), where it may be used, (h, w) bool.

        Its scales are `FINE` and `COARSE` times a size in down-scaled pixels. If its values were
        interpolated, their `pixel` has that side. Unless it `moves`, it has no derivatives.
        """
        scales = size * FINE, size * COARSE
        part = usable.astype(float)
        near = [np.maximum(gaussian_mean(part, scale), 1e-9) for scale in scales]
        planes = [_between(plane, usable, scales, near) for plane in np.moveaxis(image, 2, 0)]
        inside = usable & (near[1] > NEAR)
        margin = int(np.ceil(MARGIN * scales[1]))
        for axis, length in enumerate(usable.shape):
            ends = np.r_[: min(margin, length), max(0, length - margin) : length]
            np.moveaxis(inside, axis, 0)[ends] = False
        alike, step = _correlation(pixel), max(1, round(pixel))
        noise = np.array([_noise(each, usable, alike, step) for each in np.moveaxis(image, 2, 0)])
        derivatives = [_derivatives(plane, scales[0]) for plane in planes if moves]
        return cls(
            np.stack(planes, axis=2),
            np.stack(derivatives, axis=2) if moves else np.empty((*usable.shape, 0, 3)),
            inside,
            noise[:, np.newaxis, np.newaxis] ** 2 * _covariance(scales, alike),
        )


def _between(
    plane: np.ndarray,
    usable: np.ndarray,
    scales: tuple[float, float],
    near: list[np.ndarray],
) -> np.ndarray:
    # From a level at which what cannot be used is nothing special.
    middle = np.median(plane[usable]) if usable.any() else 0.0
    filled = np.where(usable, plane - middle, 0)
    fine, coarse = (
        gaussian_mean(filled, scale) / part for scale, part in zip(scales, near, strict=True)
    )
    between: np.ndarray = fine - coarse
    return between


def _derivatives(band: np.ndarray, unit: float) -> np.ndarray:
    """(h, w, 3)"""
    down, right = (_slope(band, axis) for axis in (0, 1))
    bends = _slope(down, 0) + _slope(right, 1)
    return np.stack([unit * down, unit * right, unit**2 * bends], axis=2)


def _slope(plane: np.ndarray, axis: int) -> np.ndarray:
    """That of a plane along an axis; 0 across a single row or column."""
    return np.gradient(plane, axis=axis) if plane.shape[axis] > 1 else np.zeros_like(plane)


def _correlation(pixel: float) -> np.ndarray:
    """(n,): that of the noise of down-scaled pixels at distances of 0, 1, 2, ... along an axis.

    They are means of values between which pixels of that side were interpolated; 0 for none.
    """
    if not pixel:
        return np.ones(1)
    reach = math.ceil(2 * pixel) + 1
    away = np.abs(np.arange(-reach * FINENESS, reach * FINENESS + 1)) / FINENESS
    weight = np.maximum(1 - away / pixel, 0)
    # They are taken at few places along a side, or at more if there are as many pixels.
    step = FINENESS // (FEW if pixel > 1 / FEW else SAMPLES)
    places = np.zeros(FINENESS + 1)
    places[step // 2 :: step] = 1
    weight = np.convolve(weight, places, "same")
    alike = np.correlate(weight, weight, "full")[len(away) - 1 :: FINENESS]
    correlation: np.ndarray = alike / alike[0]
    return correlation


def _covariance(scales: tuple[float, float], alike: np.ndarray) -> np.ndarray:
    """(4, 4): of the band and its derivatives, for noise of variance 1 and a correlation."""
    fine, coarse = scales
    size = 2 * int(4 * coarse) + 5 + 2 * len(alike)
    pixel = np.zeros((size, size))
    pixel[size // 2, size // 2] = 1
    band = gaussian_mean(pixel, fine) - gaussian_mean(pixel, coarse)
    filters = np.concatenate([band[..., np.newaxis], _derivatives(band, fine)], axis=2)
    # Toeplitz: how much the noise of each row or column is that of another one.
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    shared = np.append(alike, 0)[np.minimum(apart, len(alike))]
    spread = np.einsum("ij,jkf,kl->ilf", shared, filters, shared, optimize=True)
    covariance: np.ndarray = filters.reshape(-1, 4).T @ spread.reshape(-1, 4)
    return covariance


def _noise(plane: np.ndarray, usable: np.ndarray, alike: np.ndarray, step: int) -> float:
    """The standard deviation of the noise of a pixel, by second differences where it is quiet.

    They are those of pixels that are apart by a step: close ones share most of their noise if they
    were interpolated.
    """
    known = np.where(usable, plane, np.nan)
    bends = np.abs(known[:, : -2 * step] - 2 * known[:, step:-step] + known[:, 2 * step :])
    bends = bends[np.isfinite(bends)]
    if not bends.size:
        return 0.0
    one, two = (alike[n * step] if n * step < len(alike) else 0.0 for n in (1, 2))
    gain = math.sqrt(6 - 8 * one + 2 * two)
    return float(np.quantile(bends, QUIET) / (QUIET_DEVIATIONS * gain))

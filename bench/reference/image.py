"""Everything around the fit, in numpy: stretch, blocks, weights, grid, inverse, subtraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TARGET = 0.25
"""The stretched value of the median."""


def is_missing(image: np.ndarray) -> np.ndarray:
    """Where samples are zero, NaN or infinite."""
    return ~(np.isfinite(image) & (image != 0))


@dataclass(frozen=True)
class Stretch:
    """``MTF(clip((I - pedestal) / scale, 0, 1))``, each value (K,)."""

    pedestal: np.ndarray
    scale: np.ndarray
    midtones: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray, quantile: float) -> Stretch:
        """The stretch that the valid samples of a linear image, (H, W, K), determine."""
        channels = [plane[~is_missing(plane)] for plane in np.moveaxis(image, 2, 0)]
        statistics = [np.quantile(valid, [0, 0.5, quantile]) for valid in channels]
        low, middle, high = np.array(statistics).T
        return cls(low, high - low, (middle - low) / (high - low))

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Linear to stretched, (H, W, K) float32; missing samples become NaN."""
        pedestal, scale = np.float32(self.pedestal), np.float32(self.scale)
        stretched = np.clip((image - pedestal) / scale, 0, 1)
        stretched = np.minimum(_mtf(stretched, np.float32(self.midtones), TARGET), 1)
        stretched[is_missing(image)] = np.nan
        return stretched

    def invert(self, stretched: np.ndarray) -> np.ndarray:
        """Stretched to linear, (H, W, K) float32, clamped to the ends of the stretch."""
        held = np.clip(stretched, 0, 1)
        scaled = _mtf(held, np.float32(1 - self.midtones), 1 - TARGET)
        return scaled * np.float32(self.scale) + np.float32(self.pedestal)


def _mtf(x: np.ndarray, m: np.ndarray, target: float) -> np.ndarray:
    """Midtones transfer function of the XISF specification, m to target."""
    r = np.float32(1 / target)
    return (1 - m) * x / ((1 - r * m) * x + (r - 1) * m)


def block_medians(image: np.ndarray, side: int) -> np.ndarray:
    """Medians of blocks of (H, W, K) without missing (NaN) samples; NaN where none is left."""
    rows, columns, channels = image.shape
    h, w = -(-rows // side), -(-columns // side)
    padding = ((0, h * side - rows), (0, w * side - columns), (0, 0))
    padded = np.pad(image, padding, constant_values=np.nan)
    blocks = padded.reshape(h, side, w, side, channels).transpose(0, 2, 4, 1, 3)
    blocks = np.sort(blocks.reshape(h, w, channels, side * side), axis=3)  # NaN come last
    count = (~np.isnan(blocks)).sum(axis=3, keepdims=True)
    middle = np.concatenate([np.maximum(count - 1, 0) // 2, count // 2], axis=3)
    middle = np.minimum(middle, side * side - 1)
    return np.take_along_axis(blocks, middle, axis=3).mean(axis=3)


def block_centres(size: int, side: int) -> np.ndarray:
    """Normalised centres of the blocks along an axis, (n,), also of a partial last one."""
    first = np.arange(0, size, side)
    last = np.minimum(first + side, size) - 1
    return (first + last + 1) / (2 * size)


def pixel_centres(size: int) -> np.ndarray:
    """Normalised centres of the pixels along an axis, (n,)."""
    return (np.arange(size) + 0.5) / size


def grid(per_axis: int, shape: tuple[int, int]) -> np.ndarray:
    """Control points over an (h, w) image, (N, 2), from the first pixel's corner on."""
    rows, columns = (np.linspace(0, size - 1, per_axis) / size for size in shape)
    return np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)


def values_under(
    points: np.ndarray, data: np.ndarray, weight: np.ndarray, y: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """The values of the first spline, (N, K): the nearest pixel, or the median where masked."""
    single = points.astype(np.float32)
    row = np.searchsorted((y[1:] + y[:-1]) / 2, single[:, 0], side="right")
    column = np.searchsorted((x[1:] + x[:-1]) / 2, single[:, 1], side="right")
    m, medians = weight[row, column], np.nanmedian(data, axis=(0, 1))
    return np.where(m == 0, 0, data[row, column]) * m + (1 - m) * medians


def subtract(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Take a background out of (H, W, K) and put its median back; missing samples stay."""
    missing = is_missing(image)
    valid = np.where(missing, np.nan, background)
    corrected = image - background + np.float32(np.nanmedian(valid, axis=(0, 1)))
    return np.where(missing, image, corrected)

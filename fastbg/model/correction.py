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

from dataclasses import dataclass, replace
from threading import local

import numpy as np

from ..backends import c
from ..image.image import Image, is_valid
from ..image.order_statistics import quantiles


@dataclass(frozen=True)
class Correction:
    """An image, its background, and how to take the one out of the other.

    Attributes
    ----------
    image, background : Image, linear
    mode : {"subtract", "divide"}
        ``I - (model - level)`` or ``I * (level / model)``: a model that is the level everywhere
        changes nothing, bit for bit.
    levels : ndarray, (K,), float64, linear
        The pedestal of each channel.
    divisor : float
        What everything is divided by in the end.
    """

    image: Image
    background: Image
    mode: str
    levels: np.ndarray
    divisor: float = 1.0

    def read(self, rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some rows of the image, of the background and of the corrected image.

        Missing samples stay as they are, and nothing is clipped.

        Parameters
        ----------
        rows : slice
        buffers : ndarray, (3, K, at least n, W), float32
            Room for the three, which are (K, n, W).
        """
        samples = self.image.read(rows, buffers[0])
        background = self.background.read(rows, buffers[1])
        corrected = buffers[2][:, : rows.stop - rows.start]
        for plane, *others in zip(samples, background, self.levels, corrected, strict=True):
            self._take_out(plane, *others)
        return samples, background, corrected

    def _take_out(
        self, samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray
    ) -> None:
        """Fill `out` with what is left of a plane, or of some of its pixels."""
        if self.mode == "divide":
            _divide(samples, background, level, out)
        elif c.unavailable() or not out.flags.c_contiguous:
            _subtract(samples, background, level, out)
        else:
            c.subtract(samples, background, level, out)
        if self.divisor != 1:
            np.divide(out, np.float32(self.divisor), out=out, where=is_valid(samples))

    def corrected(self) -> Image:
        """The corrected image, computed where it is read."""
        # Kept from band to band: the first touch of new memory takes longer than the rest.
        kept = local()

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            if not hasattr(kept, "buffers") or kept.buffers.shape[1:] != out.shape:
                kept.buffers = np.empty((3, *out.shape), np.float32)
            corrected = self.read(rows, kept.buffers)[2]
            out = out[:, : corrected.shape[1]]
            out[:] = corrected
            return out

        return replace(self.image, read=read)


def plan_correction(
    image: Image,
    background: Image,
    image_medians: np.ndarray,
    medians: np.ndarray,
    mode: str,
    pedestal: str | float,
    threads: int = 1,
) -> Correction:
    """Find the levels that a policy asks for.

    Parameters
    ----------
    image, background : Image, linear
    image_medians, medians : ndarray, (K,), linear
        Of the two, over valid samples.
    mode : {"subtract", "divide"}
    pedestal : str or float
        One of the policies above.
    threads : int, optional
    """
    divisor = 1.0
    if pedestal == "ancestor":
        plain = Correction(image, background, mode, np.zeros_like(medians))
        low, high = quantiles(plain.corrected(), [0, 1], threads, samples=image).values().T
        levels = image_medians - low
        brightest = high.astype(np.float32) + levels.astype(np.float32)
        divisor = max(divisor, float(brightest.max()))
    elif pedestal == "none":
        levels = np.full_like(medians, 0 if mode == "subtract" else 1)
    elif pedestal == "neutral":
        levels = np.full_like(medians, medians.mean())
    elif pedestal == "model-median":
        levels = medians
    else:
        levels = np.full_like(medians, pedestal)
    return Correction(image, background, mode, levels, divisor)


def _subtract(samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray) -> None:
    out[:] = np.where(is_valid(samples), samples - (background - np.float32(level)), samples)


def _divide(samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray) -> None:
    out[:] = samples
    # Where the model is zero, or all but zero, there is nothing to divide by: those samples stay.
    divisible = is_valid(samples) & (background != 0)
    factor = np.ones_like(background)
    with np.errstate(over="ignore"):
        np.divide(np.float32(level), background, where=divisible, out=factor)
        np.multiply(samples, factor, out=out, where=divisible)
    np.copyto(out, samples, where=~np.isfinite(out))

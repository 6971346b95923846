"""The correction of an image: its background is taken out, and a level is put back.

Pedestal policies, per channel:

``model-median``
    The level is the median of the model: the sky keeps its level and its colour.
``neutral``
    The level of every channel is the mean of those medians: the sky becomes grey.
``none``
    Nothing is put back: the sky goes to zero (and noise below it).
a number
    The level, linear.
``bgoptimizer``
    The rule of bgoptimizer: the smallest difference becomes the input's median, and if the
    brightest sample then exceeds 1, all are divided by it. ``ancestor`` is another name for it.

With a strength s below 1, the image goes only so far towards that: ``(1 - s) I + s C``, where C is
what the whole correction gives. Of a subtraction this is ``I - s (model - level)``, and in every
mode and with every pedestal s of the gradient is taken out and 1 - s of it is left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from threading import local

import numpy as np

from ..image.bayer import places
from ..image.image import CLIPPED, ZERO, Image, is_valid
from ..image.kernels import FASTEST, Kernels
from ..image.order_statistics import quantiles


@dataclass(frozen=True, eq=False)
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
    divisor : float or ndarray, (K,)
        Everything is divided by it in the end.
    strength : float, in [0, 1]
        1 is the whole correction, and 0 changes nothing, bit for bit.
    kernels : Kernels
        The kernels that subtract.
    """

    image: Image
    background: Image
    mode: str
    levels: np.ndarray
    divisor: float | np.ndarray = 1.0
    kernels: Kernels = FASTEST
    strength: float = 1.0

    @cached_property
    def _divides(self) -> bool:
        return bool(np.any(np.asarray(self.divisor) != 1))

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
        divisors = np.broadcast_to(self.divisor, len(samples))
        own = samples, background, self.levels, divisors, corrected
        for planes in zip(*own, strict=True):
            self._take_out(*planes)
        return samples, background, corrected

    def _take_out(
        self,
        samples: np.ndarray,
        background: np.ndarray,
        level: float | np.ndarray,
        divisor: float | np.ndarray,
        out: np.ndarray,
    ) -> None:
        """Fill `out` with what is left of a plane.

        There may be a level and a divisor for each pixel.
        """
        if self.mode == "divide":
            _divide(samples, background, level, out)
        elif isinstance(level, np.ndarray):
            np.subtract(background, level, out=out)
            self.kernels.subtract(samples, out, 0, out)
        else:
            self.kernels.subtract(samples, background, level, out)
        if self._divides:
            np.divide(out, np.float32(divisor), out=out, where=is_valid(samples))
        if self.strength != 1:
            self._weaken(samples, out)

    def _weaken(self, samples: np.ndarray, out: np.ndarray) -> None:
        """Leave of what was done to a plane the part that the strength says."""
        # Marked zeros are zeros that are not missing.
        before = np.where((samples == CLIPPED) | (samples == ZERO), np.float32(0), samples)
        valid = is_valid(samples)
        with np.errstate(over="ignore"):
            np.subtract(out, before, out=out, where=valid)
            np.multiply(out, np.float32(self.strength), out=out, where=valid)
            np.add(out, before, out=out, where=valid)

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

    def of_mosaic(self, mosaic: Image, background: Image, pattern: str) -> MosaicCorrection:
        """The same for the pixels of a Bayer mosaic; both images have its size."""
        own = mosaic, background, self.mode, self.levels, self.divisor, self.kernels
        return MosaicCorrection(*own, self.strength, pattern)


@dataclass(frozen=True, eq=False)
class MosaicCorrection(Correction):
    """Takes a background of three colours out of a mosaic of one channel.

    Attributes
    ----------
    background : Image of 1 channel, linear
        At each pixel, that of its colour.
    levels : ndarray, (3,)
    pattern : str
        A pattern of `fastbg.image.patterns.BAYER_PATTERNS`.
    """

    pattern: str = "RGGB"

    def read(self, rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        samples = self.image.read(rows, buffers[0])
        background = self.background.read(rows, buffers[1])
        corrected = buffers[2][:, : samples.shape[1]]
        parts = np.empty((2, 2, samples.shape[2]), np.float32)
        divisors = np.broadcast_to(self.divisor, len(self.levels))
        for y, x, colour in places(self.pattern):
            parts[:, y, x::2] = np.reshape((self.levels[colour], divisors[colour]), (2, 1))
        own = parts[:, np.arange(rows.start, rows.start + samples.shape[1]) % 2]
        level, divisor = own
        self._take_out(samples[0], background[0], level, divisor, corrected[0])
        return samples, background, corrected


def with_pedestal(
    correction: Correction,
    pedestal: str | float,
    image_medians: np.ndarray,
    background_medians: np.ndarray,
    threads: int = 1,
) -> Correction:
    """The correction with the levels that a policy asks for.

    Parameters
    ----------
    correction : Correction
        Its levels do not count.
    pedestal : str or float
        A policy of those above.
    image_medians, background_medians : ndarray, (K,), linear
        The medians over valid samples.
    threads : int, optional
    """
    medians, divisor = background_medians, 1.0
    if pedestal == "bgoptimizer":
        plain = replace(correction, levels=np.zeros_like(medians), strength=1.0)
        found = quantiles(
            plain.corrected(), [0, 1], threads, correction.image, kernels=correction.kernels
        )
        low, high = found.values().T
        levels = image_medians - low
        brightest = high.astype(np.float32) + levels.astype(np.float32)
        divisor = max(divisor, float(np.nanmax(brightest)))
    elif pedestal == "none":
        levels = np.full_like(medians, 0 if correction.mode == "subtract" else 1)
    elif pedestal == "neutral":
        levels = np.full_like(medians, np.nanmean(medians))
    elif pedestal == "model-median":
        levels = medians
    else:
        levels = np.full_like(medians, pedestal)
    # A channel without a valid sample has no median, and stays as it is whatever the level.
    return replace(correction, levels=np.nan_to_num(levels), divisor=divisor)


def _divide(
    samples: np.ndarray, background: np.ndarray, level: float | np.ndarray, out: np.ndarray
) -> None:
    out[:] = samples
    # Where the model is zero or nearly so, the sample stays: the quotient would not be finite.
    divisible = is_valid(samples) & (background != 0)
    factor = np.ones_like(background)
    with np.errstate(over="ignore"):
        np.divide(np.asarray(level, np.float32), background, where=divisible, out=factor)
        np.multiply(samples, factor, out=out, where=divisible)
    np.copyto(out, samples, where=~np.isfinite(out))
    np.copyto(out, 0, where=(samples == CLIPPED) | (samples == ZERO))

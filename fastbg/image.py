"""The image as fastbg works on it: float32 planes, and which of their samples are missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .backends import c
from .errors import InputError

MISSING_LEVEL = 1e-8
"""Samples this close to zero hold no light: registration borders, dead areas, empty channels."""


@dataclass(frozen=True)
class Image:
    """A linear image, mono or RGB.

    Attributes
    ----------
    planes : ndarray, (K, H, W), float32, C-contiguous, read-only
        One plane per channel, K = 1 or 3, in linear units. May share the caller's memory.
    """

    planes: np.ndarray

    @classmethod
    def from_samples(cls, samples: np.ndarray, bounds: tuple[float, float] | None = None) -> Image:
        """Take an array as users and files give it.

        Parameters
        ----------
        samples : array_like, (H, W) or (H, W, K), integer or float
            Unsigned integers are scaled to [0, 1] by their type's maximum, as in XISF files;
            floats keep their scale.
        bounds : (low, high), optional
            The values that a file declares as black and white; they become 0 and 1.

        Raises
        ------
        InputError
            For other shapes, channel counts or sample types.
        """
        samples = np.asarray(samples)
        if samples.ndim == 2:
            samples = samples[..., np.newaxis]
        if samples.ndim != 3 or samples.size == 0:
            raise InputError(
                f"an image of shape {samples.shape} cannot be used: give (height, width) or "
                "(height, width, channels)"
            )
        if samples.shape[2] not in (1, 3):
            raise InputError(
                f"an image of {samples.shape[2]} channels cannot be used: "
                "give a mono (1) or RGB (3) image, without alpha channel"
            )
        if samples.dtype.kind == "u":
            bounds = bounds or (0, np.iinfo(samples.dtype).max)
        elif samples.dtype.kind != "f":
            raise InputError(
                f"samples of type {samples.dtype} cannot be used: "
                "give unsigned integers or real floats"
            )
        planar = np.moveaxis(samples, 2, 0)
        if bounds in (None, (0, 1)):
            # No copy of what is planar already; beyond float32 is infinite, which means missing.
            with np.errstate(over="ignore"):
                planes = np.ascontiguousarray(planar, np.float32)
        else:
            low, high = bounds
            # One plane at a time: float64 keeps 32-bit integers exact without a second image.
            planes = np.empty(planar.shape, np.float32)
            for plane, source in zip(planes, planar, strict=True):
                plane[:] = (source.astype(np.float64) - low) / (high - low)
        planes.flags.writeable = False
        return cls(planes)

    @property
    def channels(self) -> int:
        """K, 1 or 3."""
        return self.planes.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.planes.shape[1], self.planes.shape[2]

    def valid(self, threads: int = 1) -> np.ndarray:
        """(K, H, W) bool, False where a sample is missing: |v| <= 1e-8, NaN or infinite."""
        if c.unavailable():
            size = np.abs(self.planes)
            return (size > np.float32(MISSING_LEVEL)) & (size < np.inf)
        valid = np.empty(self.planes.shape, bool)
        c.find_valid(np.ascontiguousarray(self.planes), valid, threads)
        return valid

    def to_array(self) -> np.ndarray:
        """The samples as (H, W, K), float32: a view on the planes."""
        return np.moveaxis(self.planes, 0, 2)

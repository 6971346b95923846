"""Conversion between the stored and the physical numbers of a FITS file.

``physical = BZERO + BSCALE * stored``, and integers that are BLANK stand for nothing (FITS standard
4.0, sections 4.4.2.5 and 5.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

_TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
"""The stored type for each value of BITPIX."""


@dataclass(frozen=True)
class Scaling:
    """How samples are stored.

    Attributes
    ----------
    stored : dtype
        In native byte order.
    zero, scale : float
        BZERO and BSCALE.
    blank : int or None
    """

    stored: np.dtype[Any]
    zero: float = 0.0
    scale: float = 1.0
    blank: int | None = None

    @classmethod
    def of(cls, bitpix: int, zero: float, scale: float, blank: int | None) -> Scaling:
        """The scaling that the keywords declare; KeyError for an impossible BITPIX."""
        stored = np.dtype(_TYPES[bitpix])
        return cls(stored, zero, scale, blank if stored.kind != "f" else None)

    @classmethod
    def storing(cls, dtype: np.dtype[Any]) -> Scaling:
        """The scaling with which FITS stores samples of a type."""
        if dtype.kind == "u" and dtype.itemsize > 1:
            return cls(np.dtype(f"i{dtype.itemsize}"), float(2 ** (8 * dtype.itemsize - 1)))
        return cls(dtype)

    @property
    def bitpix(self) -> int:
        return next(bitpix for bitpix, code in _TYPES.items() if np.dtype(code) == self.stored)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The type of the physical numbers, in native byte order."""
        if self._shifts:
            return np.dtype(f"{'i' if self.stored.kind == 'u' else 'u'}{self.stored.itemsize}")
        return self.stored if self._plain else np.dtype(np.float64)

    @property
    def _plain(self) -> bool:
        return self.zero == 0 and self.scale == 1 and self.blank is None

    @cached_property
    def _shifts(self) -> bool:
        """Whether it only turns signed integers into unsigned ones, or the reverse."""
        half = 2.0 ** (8 * self.stored.itemsize - 1)
        zero = {"i": half, "u": -half}.get(self.stored.kind)
        return self.zero == zero and self.scale == 1 and self.blank is None

    @cached_property
    def _top_bit(self) -> np.generic:
        bits = np.array([1 << (8 * self.stored.itemsize - 1)], f"u{self.stored.itemsize}")
        return bits.view(self.stored)[0]

    def decode(self, stored: np.ndarray) -> np.ndarray:
        """Physical numbers, of `dtype`; NaN where blank. Perhaps `stored` itself, mutated."""
        if self._shifts:
            stored ^= self._top_bit
            return stored.view(self.dtype)
        if self._plain:
            return stored
        physical = self.zero + self.scale * stored.astype(np.float64)
        if self.blank is not None:
            physical[stored == self.blank] = np.nan
        return physical

    def encode(self, physical: np.ndarray) -> np.ndarray:
        """The inverse, of `stored`: rounded, and clamped to the range of integers."""
        if self._shifts:
            shifted = np.ascontiguousarray(physical, self.dtype)
            return shifted.view(self.stored) ^ self._top_bit
        if self._plain:
            return physical
        numbers = (physical.astype(np.float64) - self.zero) / self.scale
        if self.stored.kind == "f":
            return numbers.astype(self.stored)
        limits = np.iinfo(self.stored)
        empty = ~np.isfinite(numbers)
        numbers = np.clip(np.rint(numbers), limits.min, limits.max, where=~empty, out=numbers)
        numbers[empty] = 0 if self.blank is None else self.blank
        return numbers.astype(self.stored)

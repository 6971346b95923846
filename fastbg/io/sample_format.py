"""The sample formats of files, and the way back to them from corrected float32 samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image.image import ZERO, is_valid


@dataclass(frozen=True)
class SampleFormat:
    """How a file stores samples.

    Attributes
    ----------
    dtype : dtype
        An integer or a float.
    bounds : (float, float) or None
        The values of black and white, where they are not 0 and 1 of floats, or 0 and the maximum
        of unsigned integers.
    """

    dtype: np.dtype[Any]
    bounds: tuple[float, float] | None

    @property
    def clips(self) -> bool:
        """Whether it has a largest value."""
        return self.dtype.kind != "f"

    @property
    def _range(self) -> tuple[float, float]:
        return self.bounds or (0, np.iinfo(self.dtype).max if self.clips else 1)

    def physical(self, samples: np.ndarray) -> np.ndarray:
        """Samples on the scale of fastbg, float32, as the numbers of such a file, float."""
        low, high = self._range
        if (low, high) == (0, 1):
            return samples
        return low + samples.astype(np.float64) * (high - low)

    def restore(self, stored: np.ndarray, samples: np.ndarray, corrected: np.ndarray) -> np.ndarray:
        """Apply the change of the samples to what is stored: no change, the same bits.

        Parameters
        ----------
        stored : ndarray
            The samples as the file has them, with the same bounds.
        samples, corrected : ndarray, float32, linear
            The same on the scale of fastbg, before and after the background was taken out.

        Returns
        -------
        ndarray, of `dtype`
            Missing samples stay; integers are rounded, and clipped to their range.
        """
        low, high = self._range
        change = np.subtract(
            corrected,
            samples,
            dtype=np.float64,
            where=is_valid(samples),
            out=np.zeros(samples.shape),
        )
        # The zeros of a sky are numbers that differ from 0 by so little.
        np.copyto(change, 0, where=np.abs(change) <= ZERO)
        changed = stored + change * (high - low)
        if self.clips:
            limits = np.iinfo(self.dtype)
            changed = np.clip(np.rint(changed), limits.min, limits.max)
        return changed.astype(self.dtype)


FLOAT32 = SampleFormat(np.dtype(np.float32), (0, 1))
"""The format of outputs, unless they are to have that of the input."""

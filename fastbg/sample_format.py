"""From corrected samples, float32 in [0, 1], back to the samples of the file they came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .image import is_valid


@dataclass(frozen=True)
class SampleFormat:
    """How a file stores samples.

    Attributes
    ----------
    dtype : dtype
        uint8, uint16, uint32, float32 or float64.
    bounds : (float, float) or None
        What a float file declares as black and white; None: nothing, which means 0 and 1.
    """

    dtype: np.dtype[Any]
    bounds: tuple[float, float] | None

    @property
    def clips(self) -> bool:
        """Whether it ends at black and white."""
        return self.dtype.kind == "u"

    def restore(self, stored: np.ndarray, samples: np.ndarray, corrected: np.ndarray) -> np.ndarray:
        """Apply the change of the samples to what is stored: no change, the same bits.

        Parameters
        ----------
        stored : ndarray, of `dtype`
            As the file has them.
        samples, corrected : ndarray, float32, linear
            The same on the scale of fastbg, before and after the background was taken out.

        Returns
        -------
        ndarray, of `dtype`
            Missing samples stay; integers are rounded, and clipped to their range.
        """
        low, high = (0, np.iinfo(self.dtype).max) if self.clips else self.bounds or (0, 1)
        change = np.subtract(
            corrected,
            samples,
            dtype=np.float64,
            where=is_valid(samples),
            out=np.zeros(samples.shape),
        )
        changed = stored + change * (high - low)
        if self.clips:
            changed = np.clip(np.rint(changed), low, high)
        return changed.astype(self.dtype)


FLOAT32 = SampleFormat(np.dtype(np.float32), (0, 1))
"""Of outputs, unless they are to be the same as the input."""

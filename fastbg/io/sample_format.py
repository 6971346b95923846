"""The sample formats of files, and the way back to them from corrected float32 samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..image.kernels import FASTEST, Kernels

Order = Literal["=", ">"]
"""A byte order of numpy's: native, or that of FITS."""

_FLOAT32 = np.dtype(np.float32)


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

    def physical(
        self, samples: np.ndarray, kernels: Kernels = FASTEST, order: Order = "="
    ) -> np.ndarray:
        """Samples on the scale of fastbg, float32, as the numbers of such a file, float32.

        They are in the byte order ``order`` if they had to be converted.
        """
        low, high = self._range
        if (low, high) == (0, 1):
            return samples
        numbers = np.empty(samples.shape, _FLOAT32.newbyteorder(order))
        for plane, out in zip(samples, numbers, strict=True):
            kernels.unscale(plane, low, high, out)
        return numbers

    def restore(
        self,
        stored: np.ndarray,
        samples: np.ndarray,
        corrected: np.ndarray,
        kernels: Kernels = FASTEST,
        order: Order = "=",
    ) -> np.ndarray:
        """Apply the change of the samples to what is stored: no change, the same bits.

        Parameters
        ----------
        stored : ndarray
            The samples as the file has them, with the same bounds.
        samples, corrected : ndarray, float32, linear
            The same on the scale of fastbg, before and after the background was taken out.
        kernels : Kernels, optional
        order : {"=", ">"}, optional
            The byte order of float32 that is returned: native, or that of the file, in which it is
            then written as it is.

        Returns
        -------
        ndarray, of `dtype`
            Missing samples stay; integers are rounded, and clipped to their range.
        """
        low, high = self._range
        narrow = self.dtype == np.float32
        kind = _FLOAT32.newbyteorder(order) if narrow else np.dtype(np.float64)
        changed = np.empty(stored.shape, kind)
        for planes in zip(stored, samples, corrected, changed, strict=True):
            kernels.restore(*planes[:3], high - low, planes[3])
        if self.clips:
            limits = np.iinfo(self.dtype)
            np.clip(np.rint(changed, out=changed), limits.min, limits.max, out=changed)
        return changed if narrow else changed.astype(self.dtype, copy=False)


FLOAT32 = SampleFormat(np.dtype(np.float32), (0, 1))
"""The format of outputs, unless they are to have that of the input."""

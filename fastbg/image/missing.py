"""Which samples of an image are missing, and which are zero without being so."""

from __future__ import annotations

import numpy as np

MISSING_LEVEL = 0.0
"""A sample of this size is missing: registration borders, dead areas, empty channels. Nothing else
is, however small, for the scale of an image may be a guess, or that of 64-bit integers."""

CLIPPED = np.finfo(np.float32).tiny
"""A sample of the sky that was clipped at 0: it is 0 at most. See `fastbg.image.clipping`."""

ZERO = 2 * CLIPPED
"""A sample that is 0 like any other number, and not missing."""


def is_valid(samples: np.ndarray) -> np.ndarray:
    """False where a sample is missing: exactly zero, NaN or infinite; shaped as the samples."""
    size = np.abs(samples)
    valid: np.ndarray = (size > np.float32(MISSING_LEVEL)) & (size < np.inf)
    return valid

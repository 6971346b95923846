"""The median over frames, of which some have no sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

SAMPLES = 1 << 18
"""The samples of all frames that are worked on at a time: a hundred frames take much memory."""


def parts_of(shape: tuple[int, ...]) -> Iterator[slice]:
    """The pixels of frames, (n, P), in parts."""
    step = max(1, SAMPLES // shape[0])
    for first in range(0, shape[1], step):
        yield slice(first, first + step)


def median_of(planes: np.ndarray) -> np.ndarray:
    """(P,): the median over the frames, (n, P), that have a sample; NaN where none has."""
    ordered = np.sort(planes, axis=0)  # NaN last
    count = np.count_nonzero(np.isfinite(planes), axis=0)
    low, high = (
        np.take_along_axis(ordered, np.maximum(at, 0)[np.newaxis] // 2, axis=0)[0]
        for at in (count - 1, np.minimum(count, 2 * len(planes) - 1))
    )
    found: np.ndarray = np.where(count > 0, (low + high) / 2, np.float32(np.nan))
    return found

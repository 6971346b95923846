"""Bytes as XISF shuffles them before compression: all first bytes of the items, all second, ..."""

from __future__ import annotations

import numpy as np


class ShuffledBytes:
    """Bytes stored in shuffled order, read and written as if they were in the plain one.

    Parameters
    ----------
    stored : ndarray, (size,), uint8
        The shuffled bytes: not copied. Those beyond the last whole item are not shuffled.
    item : int
        Bytes of an item.
    """

    def __init__(self, stored: np.ndarray, item: int) -> None:
        self.stored = stored
        self.size = self.in_memory = stored.size
        self.item = item
        whole = stored.size // item * item
        self._lanes, self._tail = stored[:whole].reshape(item, -1), stored[whole:]

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill `out`, (n,) uint8, with the plain bytes from `start` on."""
        first, skipped = divmod(start, self.item)
        lanes = self._lanes[:, first : -(-(start + out.size) // self.item)]
        whole = skipped == 0 and lanes.size == out.size
        items = out.reshape(-1, self.item) if whole else np.empty(lanes.shape[::-1], np.uint8)
        # Three times as fast as one assignment of the transposed array.
        for place, lane in enumerate(lanes):
            items[:, place] = lane
        if not whole:
            out[:] = np.concatenate((items.ravel(), self._tail))[skipped : skipped + out.size]

    def write(self, start: int, data: np.ndarray) -> None:
        """Take plain bytes, (n,) uint8: `start` and n are multiples of the item."""
        items = data.reshape(-1, self.item)
        first = start // self.item
        for place, lane in enumerate(self._lanes):
            lane[first : first + len(items)] = items[:, place]

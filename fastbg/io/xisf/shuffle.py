"""Bytes as XISF shuffles them before compression: all first bytes of the items, all second, ..."""

from __future__ import annotations

import numpy as np

from ..blocks import FileBytes


class ShuffledBytes:
    """Bytes stored in shuffled order, read and written as if they were in the plain one.

    Parameters
    ----------
    stored : FileBytes
        The shuffled bytes. Those beyond the last whole item are not shuffled.
    item : int
        Bytes of an item.
    """

    in_memory = 0

    def __init__(self, stored: FileBytes, item: int) -> None:
        self.stored, self.size, self.item = stored, stored.size, item
        self._items = stored.size // item

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill `out`, (n,) uint8, with the plain bytes from `start` on."""
        first, skipped = divmod(start, self.item)
        count = min(-(-(start + out.size) // self.item), self._items) - first
        whole = skipped == 0 and count * self.item == out.size
        items = out if whole else np.empty(count * self.item, np.uint8)
        lane = np.empty(count, np.uint8)
        for place in range(self.item):
            self.stored.read_into(place * self._items + first, lane)
            items.reshape(count, self.item)[:, place] = lane
        if not whole:
            tail = np.empty(self.size - self._items * self.item, np.uint8)
            self.stored.read_into(self.size - tail.size, tail)
            out[:] = np.concatenate((items, tail))[skipped : skipped + out.size]

    def write(self, start: int, data: np.ndarray) -> None:
        """Take plain bytes, (n,) uint8: `start` and n are multiples of the item."""
        items = data.reshape(-1, self.item)
        for place in range(self.item):
            lane = np.ascontiguousarray(items[:, place])
            self.stored.write(place * self._items + start // self.item, lane)

"""Tiles of an image at 1:1 and at the steps between that and the picture of the whole image."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np

from ..image.bands import row_bands
from ..image.image import Image
from .pictures import Scale, binned, binning_of, encoded, presentable

SIDE = 256
"""Pixels along the side of a tile."""

CACHE = 24 << 20
"""Bytes of tiles that are kept."""


class Tiles:
    """The tiles of an image; `tile` may be called on any thread.

    Parameters
    ----------
    image : Image
    scale : Scale
        How its values become half floats.
    unit : int
        Pixels of the file along the side of a pixel of the image.
    """

    def __init__(self, image: Image, scale: Scale, unit: int = 1) -> None:
        self._image, self._scale, self._unit = image, scale, unit
        self._kept: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._bytes, self._lock = 0, Lock()

    @property
    def levels(self) -> int:
        """At level n, a pixel of a tile is the mean of 2^n x 2^n pixels of the image."""
        return max(1, (binning_of(self._image.shape) - 1).bit_length())

    def tile(self, level: int, row: int, column: int) -> bytes | None:
        """One tile as a message, or None where there is none.

        A row of tiles is made at once: the rows of the image are read once for all of them.
        """
        if not 0 <= level < self.levels:
            return None
        height, width = (-(-size // (SIDE << level)) for size in self._image.shape)
        if not (0 <= row < height and 0 <= column < width):
            return None
        with self._lock:
            key = level, row
            if key not in self._kept:
                self._keep(key, self._made(level, row))
            self._kept.move_to_end(key)
            return self._kept[key][column]

    def _keep(self, key: tuple[int, int], tiles: list[bytes]) -> None:
        self._kept[key] = tiles
        self._bytes += sum(map(len, tiles))
        while self._bytes > CACHE and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= sum(map(len, oldest))

    def _made(self, level: int, row: int) -> list[bytes]:
        height, width = self._image.shape
        top, factor = row * (SIDE << level), 1 << level
        rows = min(SIDE << level, height - top)
        parts = []
        for band in row_bands((rows, width), factor):
            own = slice(top + band.start, top + band.stop)
            parts.append(self._scale.halves(binned(presentable(self._image.rows(own)), factor)))
        strip = np.concatenate(parts, axis=1)
        where = {"level": level, "row": row, "binning": factor * self._unit}
        return [
            encoded(
                "tile",
                strip[:, :, left : left + SIDE],
                "half",
                scale=self._scale,
                column=left // SIDE,
                **where,
            )
            for left in range(0, strip.shape[2], SIDE)
        ]

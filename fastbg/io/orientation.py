"""Which way up an image is stored, and the turn between that and how it is looked at.

Orientations are those of the tag Orientation of TIFF 6.0: 1 begins at the top left pixel, 2 at the
top right one, 3 at the bottom right one and 4 at the bottom left one. Those from 5 on have columns
for rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..image.image import Image
from .blocks import Block
from .samples import Samples

ON_ITS_SIDE = 5
"""The first orientation that has columns for rows: such images cannot be turned row by row."""


@dataclass(frozen=True)
class Turn:
    """The reversal of rows, of columns or of both. It is its own inverse.

    Attributes
    ----------
    rows, columns : bool
        Whether the last one becomes the first one.
    """

    rows: bool = False
    columns: bool = False

    @classmethod
    def of(cls, orientation: int | None) -> Turn:
        """The turn that brings an image upright; none where it lies on its side."""
        return cls(orientation in (3, 4), orientation in (2, 3))

    def __bool__(self) -> bool:
        return self.rows or self.columns

    def __xor__(self, other: Turn) -> Turn:
        """One after the other."""
        return Turn(self.rows ^ other.rows, self.columns ^ other.columns)

    def first(self, shape: tuple[int, int]) -> tuple[int, int]:
        """The row and the column, in an image of that shape, of what becomes the first pixel."""
        height, width = shape
        return (height - 1) * self.rows, (width - 1) * self.columns

    def place(self, rows: slice, height: int) -> slice:
        """Where some rows of an image of that height go."""
        return slice(height - rows.stop, height - rows.start) if self.rows else rows

    def planes(self, planes: np.ndarray) -> np.ndarray:
        """A view on planes, (K, n, W), in the other order."""
        return planes[:, :: -1 if self.rows else 1, :: -1 if self.columns else 1]

    def image(self, image: Image) -> Image:
        """An image in the other order."""

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            band = image.read(self.place(rows, image.shape[0]), out)
            out = out[:, : band.shape[1]]
            out[:] = self.planes(band)
            return out

        return replace(image, read=read) if self else image


AS_STORED = Turn()


@dataclass(frozen=True)
class TurnedSamples:
    """Samples of a file in another order than they are stored in."""

    stored: Samples
    turn: Turn

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.stored.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.stored.dtype

    @property
    def block(self) -> Block:
        return self.stored.block

    def read_into(self, start: int, out: np.ndarray) -> None:
        rows = self.turn.place(slice(start, start + out.shape[1]), self.shape[1])
        self.stored.read_into(rows.start, out)
        out[:] = self.turn.planes(out)

    def in_memory(self) -> TurnedSamples:
        return TurnedSamples(self.stored.in_memory(), self.turn)

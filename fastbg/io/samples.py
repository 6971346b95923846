"""The samples of an image, row by row out of the bytes that hold them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from .blocks import Block, BytesInMemory, whole


class Samples(Protocol):
    """Samples of a file.

    Attributes
    ----------
    shape : (int, int, int)
        K, H, W.
    dtype : dtype
        In native byte order.
    block : Block
        Where they lie.
    """

    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def block(self) -> Block: ...

    def read_into(self, start: int, out: np.ndarray) -> None:
        """Fill `out` with the rows from `start` on, from any thread.

        (K, n, W), of `dtype`, each plane contiguous.
        """

    def in_memory(self) -> Samples:
        """The same samples in memory."""


class StoredSamples:
    """Samples as they are stored: plane after plane, or pixel after pixel.

    Parameters
    ----------
    block : Block
    shape : (int, int, int)
        K, H, W.
    stored : dtype
        In the byte order of the file.
    interleaved : int
        Samples that are stored of each pixel, of which the first K are read; 0 for planes.
    """

    def __init__(
        self,
        block: Block,
        shape: tuple[int, int, int],
        stored: np.dtype[Any],
        interleaved: int = 0,
    ) -> None:
        self.block = block
        self.shape = shape
        self.dtype = stored.newbyteorder("=")
        self._stored = stored
        self._interleaved = interleaved

    def read_into(self, start: int, out: np.ndarray) -> None:
        channels, height, width = self.shape
        row = width * self.dtype.itemsize
        if self._interleaved:
            pixels = np.empty((out.shape[1], width, self._interleaved), self._stored)
            self.block.read_into(start * row * self._interleaved, np.frombuffer(pixels, np.uint8))
            out[...] = pixels.transpose(2, 0, 1)[:channels]
            return
        for channel, plane in enumerate(out):
            memory = np.frombuffer(plane, np.uint8)
            self.block.read_into((channel * height + start) * row, memory)
            if not self._stored.isnative:
                # Such an assignment takes an eighth of the time of `byteswap`.
                numbers = plane.reshape(-1)
                numbers[...] = numbers.view(self._stored)

    def in_memory(self) -> StoredSamples:
        block = self.block if self.block.in_memory else BytesInMemory(whole(self.block))
        return StoredSamples(block, self.shape, self._stored, self._interleaved)

"""The layout of the arrays that the kernels share, and how a problem is cut into chunks.

Nothing here depends on the device: on every card the same problem is cut in the same way and its
sums are added up in the same order, whether it is streamed or not.

Symbols: P kept pixels, K channels, N control points, n = N (2 + K) + 3 K parameters, B starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from .tiles import Array


@dataclass(frozen=True)
class Launch:
    """The size of a launch.

    Attributes
    ----------
    threads : int
        Threads of a block, a multiple of 32. The last digits of results depend on it.
    fewest : int
        The least number of blocks. Below 128 numba warns; blocks without work end at once.
    """

    threads: int = 256
    fewest: int = 128


USUAL = Launch()

PIXELS_A_THREAD = 2
"""Pixels whose values a thread sums up side by side: each reading of a centre serves both."""

CENTRES_A_THREAD = 2
"""Centres whose slopes a thread sums up side by side: each reading of a pixel serves both."""

MOST_CHUNKS = 1024
"""The largest number of chunks. Each chunk has a column of sums of its own, so that the order of
execution does not change the result; so many blocks are enough for the largest cards."""

LOG, INVERSE, NEGATIVE = 0, 1, 2
EXTRAS = 3
"""Rows of sums after those of the parameters: log(argument), 1 / argument, and |S| - S."""

SETS = 2
"""Sets of sums: the first for the slopes of the pixels' own losses, the second for the slopes by
which a pixel below zero changes the loss of all pixels."""

LOWEST, PLATEAU_BEST, PLATEAU_WAITED, STOP_BEST, STOP_WAITED, RATE, ENDED, DONE = range(8)
FIELDS = 8
"""Numbers in the state of a descent, see `fastbg.spline.adam.descend`. The field ENDED is one of
the following."""

RUNNING, CONVERGED, DIVERGED = 0, 1, 2

CURRENT, BEST, FIRST_MOMENT, SECOND_MOMENT = range(4)
VECTORS = 4
"""Vectors of a descent that are as long as its parameters."""


class Chunks(NamedTuple):
    """Some whole chunks of the pixels, on the device.

    Attributes
    ----------
    pixels : (R, L), float32
        See `fastbg.cuda_kernels.pixels.Pixels`.
    first : int
        The first of these chunks.
    chunk, places : int
        Pixels of a chunk and of all chunks; in tiles, places for pixels.
    kept : int
        P.
    """

    pixels: Array
    first: int
    chunk: int
    places: int
    kept: int


@dataclass(frozen=True)
class Cut:
    """A problem in chunks of pixels.

    Attributes
    ----------
    pixels : int
        P.
    chunk : int
        Pixels of every chunk but the last, which may have fewer.
    chunks : int
    axes : tuple of pairs
        For y and x: how many positions there are, and how many of them make a tile. Empty if
        pixels do not lie in tiles. In tiles, every place counts as a pixel.
    """

    pixels: int
    chunk: int
    chunks: int
    axes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, pixels: int, threads: int = USUAL.threads) -> Cut:
        """Cut pixels into at most `MOST_CHUNKS`, each a whole number of a block's batches."""
        return cls._in_wholes(pixels, threads * PIXELS_A_THREAD)

    @classmethod
    def in_tiles(cls, shape: tuple[int, int], tile: tuple[int, int]) -> Cut:
        """Cut an image in tiles, those at its far edges with places beyond it."""
        axes = tuple(zip(shape, tile, strict=True))
        tiles = prod(-(-length // size) for length, size in axes)
        return cls._in_wholes(tiles * prod(tile), prod(tile), axes)

    @classmethod
    def _in_wholes(cls, pixels: int, whole: int, axes: tuple[tuple[int, int], ...] = ()) -> Cut:
        chunk = whole * -(-pixels // (whole * MOST_CHUNKS))
        return cls(pixels, chunk, -(-pixels // chunk), axes)

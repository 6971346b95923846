"""Where things lie in the arrays that the kernels share, and how work is cut into pieces.

Nothing here depends on the device: the same problem is cut, and its sums added up, in the same
order on every card, whether it is streamed or not.

Symbols: P kept pixels, K channels, N control points, n = N (2 + K) + 3 K parameters, B starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Launch:
    """The size of a launch.

    Attributes
    ----------
    threads : int
        Of a block; a multiple of 32. Results depend on it, in their last digits.
    fewest : int
        Blocks: those that find nothing to do end at once. Below 128, numba warns.
    """

    threads: int = 256
    fewest: int = 128


USUAL = Launch()

PIXELS_A_THREAD = 2
"""Whose values a thread sums up side by side: each reading of a centre serves both."""

CENTRES_A_THREAD = 2
"""Whose slopes a thread sums up side by side: each reading of a pixel serves both."""

MOST_CHUNKS = 1024
"""Into so many the pixels are cut at most. Each has a row of sums of its own, so that no order of
execution changes the result, and blocks enough for the largest cards."""

LOG, INVERSE, NEGATIVE = 0, 1, 2
EXTRAS = 3
"""Columns after those of the parameters: sums of log(argument), of 1 / argument, of |S| - S."""

SETS = 2
"""Of sums: what a pixel's own loss asks for, and what couples it with the others below zero."""

LOWEST, PLATEAU_BEST, PLATEAU_WAITED, STOP_BEST, STOP_WAITED, RATE, ENDED, DONE = range(8)
FIELDS = 8
"""The state of a descent: see `fastbg.spline.adam.descend`. ENDED is one of the following."""

RUNNING, CONVERGED, DIVERGED = 0, 1, 2

CURRENT, BEST, FIRST_MOMENT, SECOND_MOMENT = range(4)
VECTORS = 4
"""Of a descent, as long as its parameters."""


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
        For y and x their positions, and how many of them make a tile; empty where pixels do not
        lie in tiles. In tiles, every place counts as a pixel.
    """

    pixels: int
    chunk: int
    chunks: int
    axes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, pixels: int, threads: int = USUAL.threads) -> Cut:
        """At most `MOST_CHUNKS` of a whole number of what the threads of a block take at a time."""
        return cls._in_wholes(pixels, threads * PIXELS_A_THREAD)

    @classmethod
    def in_tiles(cls, shape: tuple[int, int], tile: tuple[int, int]) -> Cut:
        """Of an image in tiles, with places beyond its edges."""
        axes = tuple(zip(shape, tile, strict=True))
        tiles = prod(-(-length // size) for length, size in axes)
        return cls._in_wholes(tiles * prod(tile), prod(tile), axes)

    @classmethod
    def _in_wholes(cls, pixels: int, whole: int, axes: tuple[tuple[int, int], ...] = ()) -> Cut:
        chunk = whole * -(-pixels // (whole * MOST_CHUNKS))
        return cls(pixels, chunk, -(-pixels // chunk), axes)

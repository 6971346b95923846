"""Work on an image in bands of rows, on several threads, in a bounded amount of memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

BAND_PIXELS = 3 << 16
"""The pixels of a band: enough to make calls cheap, few enough for a processor's cache."""

FEW_PIXELS = 1 << 14
"""The pixels of a band where each pixel becomes many numbers of 64 bits."""

BLOCK_ROWS = 16
"""The tiled evaluator works on blocks of this many rows."""

SAMPLED_PIXELS, ENOUGH_PIXELS = 1 << 21, 1 << 19
"""No sample is taken of images of fewer pixels than the first number; the second makes a sample."""

SAMPLED_ROWS = 4
"""Rows that are read together for a guess at quantiles: a call takes longer than a row."""

State = TypeVar("State")


def row_bands(
    shape: tuple[int, int], unit: int = 1, pixels: int = 0, channels: int = 3
) -> list[slice]:
    """Cut an image (H, W) into bands of whole rows.

    A band has about `pixels` pixels or, if that is 0, `BAND_PIXELS` of three channels, and as many
    samples of another number. All but the last have a multiple of `unit` rows, or of `BLOCK_ROWS`
    where neither is given and width allows it.
    """
    if not pixels and unit == 1 and BLOCK_ROWS * shape[1] <= 3 * BAND_PIXELS:
        unit = BLOCK_ROWS
    rows = max(unit, (pixels or 3 * BAND_PIXELS // channels) // shape[1] // unit * unit)
    return [slice(top, min(top + rows, shape[0])) for top in range(0, shape[0], rows)]


def sampled_bands(shape: tuple[int, int], height: int, wanted: int = ENOUGH_PIXELS) -> list[slice]:
    """Some rows of an image (H, W), an eighth at most, evenly spread; none of a small one.

    They have about as many pixels as are `wanted`. They are in bands of `height` rows, in the
    middle of the rows that they stand for: a gradient along the image hardly shifts what is found
    in them.
    """
    pixels = shape[0] * shape[1]
    if pixels < SAMPLED_PIXELS:
        return []
    enough = -(-wanted // (height * shape[1]))
    count = max(1, min(enough, shape[0] // (8 * height)))
    middles = (int((i + 0.5) * shape[0] / count) for i in range(count))
    tops = (max(0, middle - height // 2) for middle in middles)
    return [slice(top, min(top + height, shape[0])) for top in tops]


def thinning_step(shape: tuple[int, int], samples: int) -> int:
    """The n for which every nth row and column of an image (H, W) gives about so many samples."""
    return max(1, round((shape[0] * shape[1] / samples) ** 0.5))


def unwatched(rows: int) -> None:
    """Tell nobody how far the work is."""


def for_each_band(
    bands: Sequence[slice],
    threads: int,
    start: Callable[[], State],
    work: Callable[[slice, State], None],
    advance: Callable[[int], None] = unwatched,
) -> list[State]:
    """Call ``work(rows, state)`` for every band, each thread with a state of its own.

    Parameters
    ----------
    bands : sequence of slice
    threads : int
    start : callable
        Makes the state of one thread: buffers, counts.
    work : callable
        It runs on any thread, and must not depend on which, nor on the order of the bands.
    advance : callable, optional
        Called from this thread, in order, with the end of each band that is done; what it raises
        ends the work.

    Returns
    -------
    list of states
    """
    states = [start() for _ in range(max(1, min(threads, len(bands))))]
    if len(states) == 1:
        for rows in bands:
            work(rows, states[0])
            advance(rows.stop)
        return states

    free: SimpleQueue[State] = SimpleQueue()
    for state in states:
        free.put(state)

    def run(rows: slice) -> int:
        state = free.get()
        try:
            work(rows, state)
        finally:
            free.put(state)
        return rows.stop

    with ThreadPoolExecutor(len(states)) as pool:
        pending: deque[Future[int]] = deque(pool.submit(run, rows) for rows in bands)
        try:
            while pending:
                advance(pending.popleft().result())
        finally:
            for future in pending:
                future.cancel()
    return states

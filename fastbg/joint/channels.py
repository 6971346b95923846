"""The work on channels, which need nothing of each other: side by side, on threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

from ..sky.blas import limit_this_thread

Found = TypeVar("Found")

LOOK_SECONDS = 0.2
"""The time between two calls of `watch`."""


class _StoppedError(Exception):
    """Ends the work on a channel, for that on another one has failed or nobody waits for it."""


def side_by_side(
    work: Callable[[int, Callable[[], object]], Found],
    channels: int,
    threads: int,
    watch: Callable[[], object],
) -> list[Found]:
    """What the work on each channel returns.

    Parameters
    ----------
    work : callable
        Gets the number of a channel, and what it is to call now and then: that raises what ends it.
    channels, threads : int
    watch : callable
        Is called now and then, from this thread alone; what it raises ends the work.
    """
    if min(channels, threads) < 2:
        return [work(number, watch) for number in range(channels)]
    stopped = Event()

    def go_on() -> None:
        if stopped.is_set():
            raise _StoppedError

    with ThreadPoolExecutor(min(channels, threads), initializer=limit_this_thread) as pool:
        running = [pool.submit(work, number, go_on) for number in range(channels)]
        try:
            for each in running:
                while not wait([each], LOOK_SECONDS).done:
                    watch()
                each.result()
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return [each.result() for each in running]

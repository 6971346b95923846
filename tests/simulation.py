"""Helpers of the tests in numba's CUDA simulator."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from greenlet import getcurrent, greenlet


class Thread(greenlet):
    """One thread of a block, which gives way where it waits for the others."""

    def __init__(self, run: Callable[..., None], block: Any, place: Any) -> None:
        super().__init__(run)
        self.blockIdx, self.threadIdx = block, place

    def syncthreads_count(self, value: Any) -> int:
        return self.parent.switch(bool(value))

    def syncthreads_or(self, value: Any) -> bool:
        return self.syncthreads_count(value) > 0

    def syncthreads(self) -> None:
        self.syncthreads_count(False)


class Block:
    """The threads of a block, of which one works at a time.

    Between barriers, the first thread begins and the last one does in turn: a value that is used
    before it is there, or when it is gone, is found whichever of two threads it comes from.
    """

    def __init__(self, function: Callable[..., None], grid: Any, shape: Any, debug: bool) -> None:
        self.function, self.shape = function, shape

    def run(self, place: tuple[int, int, int], *arguments: Any) -> None:
        from numba.cuda.simulator.kernelapi import Dim3

        block = Dim3(*place)
        threads = [Thread(self.function, block, Dim3(*own)) for own in np.ndindex(*self.shape)]
        told = [thread.switch(*arguments) for thread in threads]
        while threads := [thread for thread in reversed(threads) if not thread.dead]:
            count = sum(filter(None, told))
            told = [thread.switch(count) for thread in threads]


@pytest.fixture(scope="module", autouse=True)
def simulator():
    """The simulator without threads of Python, which wait by asking all the time."""
    simulated, threading = "numba.cuda.simulator", SimpleNamespace(current_thread=getcurrent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{simulated}.kernelapi.threading", threading)
        patch.setattr(f"{simulated}.kernel.BlockManager", Block)
        yield

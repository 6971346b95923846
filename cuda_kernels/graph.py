"""Launches that are captured once, to be launched again together by one call: a CUDA graph.

With numba a launch takes the host tens of microseconds, which is more than a small card takes for
the kernel. numba has no graphs, so the driver is asked itself: its functions have kept their names
since CUDA 11.4.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from ctypes import byref, c_ulonglong, c_void_p
from typing import Any

from ..backends.cuda_driver import load_driver

RELAXED = 2
"""The mode of a capture in which other threads may do anything meanwhile."""


class Graph:
    """The launches that a function enqueues on a stream: captured, and not executed.

    Parameters
    ----------
    launches : callable
        Its kernels must have been launched before, as none may be loaded during a capture.
    stream : numba.cuda.cudadrv.driver.Stream

    Raises
    ------
    Exception
        If the driver cannot capture, or ``launches`` raises.
    """

    def __init__(self, launches: Callable[[], None], stream: Any) -> None:
        driver = load_driver()
        self._stream, self._driver = c_void_p(int(stream)), driver
        graph, self._executable = c_void_p(), c_void_p()
        _succeeded(driver.cuStreamBeginCapture_v2(self._stream, RELAXED))
        try:
            try:
                launches()
            finally:
                _succeeded(driver.cuStreamEndCapture(self._stream, byref(graph)))
            options = c_ulonglong(0)
            _succeeded(driver.cuGraphInstantiateWithFlags(byref(self._executable), graph, options))
        finally:
            if graph:
                driver.cuGraphDestroy(graph)
        weakref.finalize(self, driver.cuGraphExecDestroy, self._executable)

    def launch(self) -> None:
        """Enqueue all of it on the stream."""
        _succeeded(self._driver.cuGraphLaunch(self._executable, self._stream))


def _succeeded(code: int) -> None:
    if code:
        raise RuntimeError(f"CUDA error {code} of a graph")

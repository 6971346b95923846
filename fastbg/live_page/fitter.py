"""Fits beside everything else: one at a time, the newest that was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ..progress import Progress

Request = TypeVar("Request")

REST = 0.1
"""Seconds before the first of the requests that may be finished late is worked on: the stroke of a
pen is often ended by then, and what it asks for in the end is answered sooner."""


class Fitter(Generic[Request]):
    """A thread that works on the newest request.

    Parameters
    ----------
    work : callable
        ``work(request, watch)``; ``watch`` is the progress callback that ends work which is
        outdated. What it raises is its own to tell.
    """

    def __init__(self, work: Callable[[Request, Callable[[Progress], bool]], None]) -> None:
        self._work = work
        self._next: Request | None = None
        self._asked = threading.Condition()
        self._outdated = threading.Event()
        self._closed = False
        self._late: float | None = None
        self._thread = threading.Thread(target=self._run, name="fastbg-fit", daemon=True)
        self._thread.start()

    def ask(self, request: Request, *, cancel: bool = True) -> None:
        """Ask for work, in the place of what was not yet begun.

        Parameters
        ----------
        request : Request
        cancel : bool, optional
            End what is being worked on. Without it, that is finished first: of many requests in a
            short time, some are answered.
        """
        with self._asked:
            self._next = request
            if cancel:
                self._outdated.set()
                self._late = None
            elif self._late is None:
                self._late = time.monotonic() + REST
            self._asked.notify()

    def close(self) -> None:
        """End the thread, and what it works on."""
        with self._asked:
            self._closed = True
            self._outdated.set()
            self._asked.notify()
        self._thread.join()

    @property
    def _rest(self) -> float:
        return 0 if self._late is None else self._late - time.monotonic()

    def _run(self) -> None:
        while True:
            with self._asked:
                while not self._closed and (self._next is None or self._rest > 0):
                    self._asked.wait(None if self._next is None else self._rest)
                if self._closed:
                    return
                request, self._next = self._next, None
                self._outdated.clear()
            assert request is not None
            try:
                self._work(request, lambda progress: not self._outdated.is_set())
            except RuntimeError:  # no thread begins any more while Python ends
                if threading.main_thread().is_alive():
                    raise

"""Linear algebra on small matrices, where threads of BLAS mostly wait for one another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from threading import Event, Lock, Thread
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def _limited() -> AbstractContextManager[object]:
    """From now to the end of the context, if it is used as one, BLAS has one thread."""
    from threadpoolctl import get_cached_controller

    # To look for libraries takes a millisecond each time.
    return get_cached_controller().limit(limits=1, user_api="blas")


class _Limit:
    """BLAS has one thread while at least one thread of Python is inside `limited`.

    Some builds of BLAS have one number of threads for the whole process. Only the thread that has
    changed it may change it back (threadpoolctl 3.8), so a thread of its own keeps the limit from
    the first user to the last, whichever thread that is. Other builds have a number for each
    thread, which every user limits for itself.

    Attributes
    ----------
    lasts : bool
        Whether the process has the limit to its end, so that nobody need keep it.
    """

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0
        self.lasts = False
        self._keeper, self._last_has_left = Thread(), Event()

    @contextmanager
    def limited(self) -> Iterator[None]:
        if self.lasts:
            _limited()
            yield
            return
        with self._lock:
            if not self._users:
                self._keep()
            self._users += 1
        try:
            with _limited():
                yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._last_has_left.set()
                    self._keeper.join()

    def _keep(self) -> None:
        limited, last_has_left = Event(), Event()

        def keep() -> None:
            try:
                with _limited():
                    limited.set()
                    last_has_left.wait()
            finally:
                limited.set()

        self._keeper, self._last_has_left = Thread(target=keep, daemon=True), last_has_left
        self._keeper.start()
        limited.wait()


_limit = _Limit()


def one_thread(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A function during which BLAS has one thread.

    With two threads of BLAS on two cores, the search for the sky takes three times as long.
    """

    @wraps(function)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        with _limit.limited():
            return function(*args, **kwargs)

    return limited


def limit_this_thread() -> None:
    """Let BLAS have one thread in the thread that calls this, to its end, while `one_thread` runs.

    Builds of BLAS with one number for the process have it from the function that waits.
    """
    _limited()


def limit_this_process() -> None:
    """Let BLAS have one thread from now on, in a process that shares the cores with others.

    That holds for builds of BLAS that are loaded later, too.
    """
    for name in ("OPENBLAS_NUM", "MKL_NUM", "BLIS_NUM", "OMP_NUM", "VECLIB_MAXIMUM"):
        os.environ[f"{name}_THREADS"] = "1"
    limit_this_thread()
    _limit.lasts = True

"""Linear algebra on small matrices, where the threads of BLAS mostly wait for one another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any


class _OneThread:
    """How many threads BLAS has is of the whole process: the last one who leaves restores it."""

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0
        self._limits: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if self._users == 0:
                self._limits = threadpool_limits(1, "blas")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._limits.restore_original_limits()


one_thread = _OneThread()
"""A context, or as ``@one_thread()`` a decorator, within which BLAS has one thread: with two on two
cores, the search for the sky takes three times as long."""

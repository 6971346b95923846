"""Linear algebra on small matrices, where threads of BLAS mostly wait for one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class _Limit:
    """BLAS has one thread while at least one thread of Python is inside `held`.

    The number of threads of BLAS belongs to the whole process: the first user sets the limit, and
    the last one restores what was there before.
    """

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0
        self._limits: threadpool_limits | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        # scipy brings a BLAS of its own, which can be limited only once it is loaded.
        import scipy.linalg  # noqa: F401
        from threadpoolctl import threadpool_limits

        with self._lock:
            if not self._users:
                self._limits = threadpool_limits(1, "blas")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users and self._limits:
                    self._limits.restore_original_limits()


_limit = _Limit()


def one_thread(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A function during which BLAS has one thread.

    With two threads of BLAS on two cores, the search for the sky takes three times as long.
    """

    @wraps(function)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        with _limit.held():
            return function(*args, **kwargs)

    return limited

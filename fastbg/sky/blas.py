"""Linear algebra on small matrices, where the threads of BLAS mostly wait for one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def one_thread(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """A function during which BLAS has one thread.

    With two of them on two cores, the search for the sky takes three times as long. The limit is of
    the whole process; of several threads that want it, the first one sets and lifts it.
    """

    @wraps(function)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):
            return function(*args, **kwargs)

    return limited

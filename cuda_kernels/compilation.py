"""The compilation of kernels: at their first launch, and then kept for all processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import cuda


def device(function: Callable[..., Any]) -> Any:
    """A function that is inlined into the kernels that call it, and compiled with their options."""
    return cuda.jit(device=True, inline="always")(function)


def kernel(function: Callable[..., Any], *variant: object, fastmath: bool = True) -> Any:
    """A kernel that is kept on disk once it is compiled, since that takes seconds.

    Its name tells the variant, and so does that of the file: processes that compile two variants at
    the same time must not write to the same file.
    """
    function.__name__ = function.__qualname__ = "_".join(map(str, (function.__name__, *variant)))
    try:
        return cuda.jit(cache=True, fastmath=fastmath)(function)
    except RuntimeError:  # no folder can be written to
        return cuda.jit(fastmath=fastmath)(function)

"""How the kernels are compiled: when they are first launched, and once for all processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import cuda


def device(function: Callable[..., Any]) -> Any:
    """A function that becomes part of the kernels that call it, compiled as they are."""
    return cuda.jit(device=True, inline="always")(function)


def kernel(function: Callable[..., Any], fastmath: bool = True) -> Any:
    """A kernel, kept on disk once it is compiled: that takes seconds."""
    try:
        return cuda.jit(cache=True, fastmath=fastmath)(function)
    except RuntimeError:  # there is no folder to keep it in
        return cuda.jit(fastmath=fastmath)(function)

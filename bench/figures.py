"""Measured figures beside their limits, and the memory that is asked of a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured value; ``holds`` is None where there is no limit."""

    name: str
    value: float
    unit: str = ""
    limit: str = ""
    holds: bool | None = None


def at_most(name: str, value: float, limit: float, unit: str = "") -> Figure:
    """A figure with an upper limit."""
    return Figure(name, value, unit, f"<= {limit:g} {unit}".strip(), bool(value <= limit))


def equal(name: str, value: float, expected: float) -> Figure:
    """A number of bytes that was announced."""
    return Figure(name, value, "bytes", f"= {expected}", value == expected)


@contextmanager
def requested() -> Iterator[list[int]]:
    """The sizes in bytes of all that is asked of the driver's memory meanwhile."""
    from numba import cuda as numba_cuda

    manager = numba_cuda.current_context().memory_manager
    works, asked = manager.memalloc, []

    def memalloc(size: int) -> Any:
        asked.append(size)
        return works(size)

    manager.memalloc = memalloc
    try:
        yield asked
    finally:
        del manager.memalloc

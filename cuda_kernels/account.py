"""The arrays that will be allocated on the device, to the byte, and what fits into a budget.

What the driver takes for itself, some hundred megabytes a process, is not in it.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..errors import BackendError
from ..jobs.memory import format_bytes
from .layout import EXTRAS, FIELDS, SETS, VECTORS, Cut
from .tiles import NODES

MOST_STARTS = 65535
"""Side by side: the third dimension of a grid."""

Arrays = dict[str, tuple[tuple[int, ...], type]]
"""Shapes and types by name."""


def size_of(arrays: Arrays) -> int:
    """Bytes."""
    return sum(prod(shape) * np.dtype(kind).itemsize for shape, kind in arrays.values())


def of_pixels(cut: Cut, channels: int, chunks: int) -> Arrays:
    """Of so many chunks: data and weights, and where the pixels lie."""
    rows = 2 * channels if cut.axes else 2 + 2 * channels
    pixels = (rows, min(chunks * cut.chunk, cut.pixels))
    return {"pixels": (pixels, np.float32), **of_axes(cut.axes)}


def of_axes(axes: tuple[tuple[int, int], ...]) -> Arrays:
    """Of a grid in tiles: for y and x their positions, and how many of them make a tile."""
    arrays: Arrays = {}
    for name, (length, size) in zip("yx", axes, strict=False):
        arrays[name] = ((length,), np.float32)
        arrays[f"{name}_tiles"] = ((-(-length // size), NODES + 2), np.float32)
        arrays[f"{name}_weights"] = ((length, NODES), np.float32)
    return arrays


def of_sums(cut: Cut, n: int, starts: int) -> Arrays:
    """For one gradient of each start."""
    return {
        "parameters": ((starts, n), np.float32),
        "partials": ((starts, SETS, n + EXTRAS, cut.chunks), np.float32),
        "ended": ((starts,), np.int32),
    }


def of_gradient(cut: Cut, n: int) -> Arrays:
    """For one that is fetched."""
    return {**of_sums(cut, n, 1), "out": ((1, n + 1), np.float64)}


def of_descent(cut: Cut, n: int, starts: int, iterations: int) -> Arrays:
    """For a descent that stays on the device."""
    return {
        **of_sums(cut, n, starts),
        "vectors": ((starts, VECTORS, n), np.float64),
        "state": ((2, starts, FIELDS), np.float64),
        "broken": ((2, starts), np.int32),
        "first": ((1,), np.int32),
        "steps": ((iterations, 2), np.float64),
        "losses": ((iterations, starts), np.float64),
    }


def of_band(channels: int, n: int, rows: int, columns: int, tile: tuple[int, int]) -> Arrays:
    """For rendering some rows, in tiles of some rows and columns."""
    return {
        "parameters": ((n,), np.float32),
        "out": ((channels, rows, columns), np.float32),
        **of_axes(((rows, tile[0]), (columns, tile[1]))),
    }


def chunks_beside(others: Arrays, cut: Cut, channels: int, budget: int) -> int:
    """How many chunks of the pixels fit beside other arrays: all, or so many at a time.

    Raises
    ------
    BackendError
        If not even one fits.
    """
    room = budget - size_of(others)
    if size_of(of_pixels(cut, channels, cut.chunks)) <= room:
        return cut.chunks
    one, two = (size_of(of_pixels(cut, channels, chunks)) for chunks in (1, 2))
    if one > room:
        raise _too_small("this fit", size_of(others) + one, budget)
    return 1 + (room - one) // (two - one)


def starts_together(
    cut: Cut, channels: int, n: int, starts: int, iterations: int, budget: int
) -> int:
    """How many descend side by side: as many as fit beside all pixels.

    Where not even one does, as many as leave half of the budget to the pixels that are streamed.
    """
    resident = budget - size_of(of_pixels(cut, channels, cut.chunks))
    for room in (resident, budget // 2):
        for together in range(min(starts, MOST_STARTS), 0, -1):
            if size_of(of_descent(cut, n, together, iterations)) <= room:
                return together
    return 1


def rows_at_once(
    channels: int, n: int, rows: int, columns: int, tile: tuple[int, int], budget: int
) -> int:
    """Of a rendering: all, or a whole number of tiles.

    Raises
    ------
    BackendError
        If not even one row of tiles fits.
    """
    height = tile[0]
    if size_of(of_band(channels, n, rows, columns, tile)) <= budget:
        return rows
    one = size_of(of_band(channels, n, height, columns, tile))
    another = size_of(of_band(channels, n, 2 * height, columns, tile)) - one
    if one > budget:
        raise _too_small("rendering", one, budget)
    return height * (1 + (budget - one) // another)


def _too_small(what: str, needed: int, budget: int) -> BackendError:
    return BackendError(
        f"{what} needs {format_bytes(needed)} of the memory of the GPU, and {format_bytes(budget)} "
        f"are allowed: raise --gpu-memory, or use --backend c"
    )

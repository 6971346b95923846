"""The arrays that will be allocated on the device, to the byte, and what fits into a budget.

The memory that the driver takes for itself, some hundred megabytes a process, is not included.

Symbols: K channels, n parameters, B starts.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..errors import BackendError
from ..spline.quasi_newton import PAIRS
from ..words import format_bytes
from . import search_state
from .layout import EXTRAS, FIELDS, SETS, VECTORS, Cut
from .tiles import NODES

MOST_STARTS = 65535
"""Starts side by side, at most: the third dimension of a grid."""

BAND_BYTES = 1 << 25
"""Room for rendered rows, at most. Jobs ask for bands of some megabytes, and the way back to the
host is as fast in pieces of this size as in larger ones."""

Arrays = dict[str, tuple[tuple[int, ...], type]]
"""Shapes and types of arrays by name."""

Grid = tuple[tuple[int, int], ...]
"""For y and x: how many positions there are, and how many of them make a tile."""


def size_of(arrays: Arrays) -> int:
    """The size of arrays in bytes."""
    return sum(prod(shape) * np.dtype(kind).itemsize for shape, kind in arrays.values())


def of_pixels(cut: Cut, channels: int, chunks: int) -> Arrays:
    """Arrays for some chunks of the pixels: data, weights and positions."""
    rows = 2 * channels if cut.axes else 2 + 2 * channels
    pixels = (rows, min(chunks * cut.chunk, cut.pixels))
    return {"pixels": (pixels, np.float32), **of_axes(cut.axes)}


def of_axes(axes: Grid) -> Arrays:
    """Arrays for the positions of a grid in tiles: see `fastbg.cuda_kernels.tiles.axis_arrays`."""
    arrays: Arrays = {}
    for name, (length, size) in zip("yx", axes, strict=False):
        arrays[name] = ((length,), np.float32)
        arrays[f"{name}_tiles"] = ((-(-length // size), NODES + 2), np.float32)
        arrays[f"{name}_weights"] = ((length, NODES), np.float32)
    return arrays


def of_sums(cut: Cut, n: int, starts: int) -> Arrays:
    """Arrays for one gradient of each start."""
    return {
        "parameters": ((starts, n), np.float32),
        "partials": ((starts, SETS, n + EXTRAS, cut.chunks), np.float32),
        "ended": ((starts,), np.int32),
    }


def of_gradient(cut: Cut, n: int) -> Arrays:
    """Arrays for one gradient that goes to the host."""
    return {**of_sums(cut, n, 1), "out": ((1, n + 1), np.float64)}


def of_descent(cut: Cut, n: int, starts: int, iterations: int) -> Arrays:
    """Arrays for descents that stay on the device."""
    return {
        **of_sums(cut, n, starts),
        "vectors": ((starts, VECTORS, n), np.float64),
        "state": ((2, starts, FIELDS), np.float64),
        "broken": ((2, starts), np.int32),
        "first": ((1,), np.int32),
        "steps": ((iterations, 2), np.float64),
        "losses": ((iterations, starts), np.float64),
    }


def of_search(cut: Cut, channels: int, centres: int, patience: int, iterations: int) -> Arrays:
    """Arrays for a minimisation by L-BFGS: see `fastbg.cuda_kernels.search_state.Searching`."""
    n = centres * (2 + channels) + 3 * channels
    pairs = ((PAIRS, n), np.float64)
    return {
        **of_gradient(cut, n),
        "vectors": ((search_state.VECTORS, n), np.float64),
        "steps": pairs,
        "changes": pairs,
        "products": ((PAIRS,), np.float64),
        "state": ((search_state.FIELDS,), np.float64),
        "reached": ((patience + 1,), np.float64),
        "broken": ((1,), np.int32),
        "losses": ((iterations,), np.float64),
        "root": ((centres + 3, centres + 3), np.float64),
        "weights": ((centres, channels), np.float64),
        "mixed": ((centres + 3, 2 * centres), np.float64),
        "shift_root": ((2 * centres, 2 * centres), np.float64),
        "moving": ((1,), np.int32),
    }


def of_rendering(channels: int, n: int, axes: Grid, rows: int) -> Arrays:
    """Arrays for a rendering that has room for some rows at a time."""
    columns = axes[1][0]
    return {
        "parameters": ((1, n), np.float32),
        "out": ((channels, rows, columns), np.float32),
        **of_axes(axes),
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
    """How many descents go side by side: as many as fit beside all pixels.

    Where not even one does, as many as leave half of the budget to the pixels that are streamed.
    """
    resident = budget - size_of(of_pixels(cut, channels, cut.chunks))
    for room in (resident, budget // 2):
        for together in range(min(starts, MOST_STARTS), 0, -1):
            if size_of(of_descent(cut, n, together, iterations)) <= room:
                return together
    return 1


def rows_at_once(channels: int, n: int, axes: Grid, budget: int) -> int:
    """How many rows of a rendering fit into the budget, and into `BAND_BYTES`.

    All of them, or a whole number of tiles.

    Raises
    ------
    BackendError
        If not even one row of tiles fits.
    """
    (rows, height), (columns, _) = axes
    fixed = size_of(of_rendering(channels, n, axes, 0))
    each = channels * columns * np.dtype(np.float32).itemsize
    least = min(rows, height)
    if fixed + least * each > budget:
        raise _too_small("rendering", fixed + least * each, budget)
    room = min((budget - fixed) // each, max(BAND_BYTES // each, height))
    return rows if rows <= room else max(least, room // height * height)


def _too_small(what: str, needed: int, budget: int) -> BackendError:
    return BackendError(
        f"{what} needs {format_bytes(needed)} of the memory of the GPU, and {format_bytes(budget)} "
        f"are allowed: raise --gpu-memory, or use --backend c"
    )

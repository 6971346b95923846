"""Tiles of a grid of pixels, along one of its axes.

What is smooth on a tile is known from its values at a few Chebyshev nodes. The error of such a
polynomial is exponential in their number, with a rate that depends on how far away the function
has a kink: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapter 8.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

Array = Any
"""An array on the device, or while it is simulated one of numpy."""

NODES = 8
"""Of a tile along an axis."""


class Axes(NamedTuple):
    """A grid of pixels in tiles, on the device; see `axis_arrays`."""

    y: Array
    x: Array
    y_tiles: Array
    x_tiles: Array
    y_weights: Array
    x_weights: Array


FAR = 4.0
"""Half-widths of a tile from its middle to centres whose kernel is smooth on it: the error is at
most 4e-8 of the largest in the frame, for orders 1 to 4, less than float32 rounds by; that of its
slopes 4e-7 of the largest on the tile."""

MIDDLE, HALF_WIDTH = NODES, NODES + 1
"""Columns of tiles after the nodes: see `axis_arrays`."""


def axis_arrays(name: str, positions: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """What the kernels read of an axis with L positions, in tiles of ``size``, float32.

    ``name``: (L,)
        The positions.
    ``name_tiles``: (T, NODES + 2)
        The nodes of each tile, its middle and its half-width; the last may be smaller.
    ``name_weights``: (L, NODES)
        Of the nodes, in the value at each position.
    """
    starts = np.arange(0, positions.size, size)
    low, high = (ends.reduceat(positions, starts) for ends in (np.minimum, np.maximum))
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = chebpts1(NODES)
    tiles = np.c_[middle[:, np.newaxis] + half[:, np.newaxis] * nodes, middle, half]
    tile = np.arange(positions.size) // size
    scaled = (positions - middle[tile]) / np.where(half > 0, half, 1)[tile]
    # The polynomials of Chebyshev are orthogonal on the nodes.
    share = np.full(NODES, 2 / NODES)
    share[0] = 1 / NODES
    weights = (chebvander(scaled, NODES - 1) * share) @ chebvander(nodes, NODES - 1).T
    arrays = {name: positions, f"{name}_tiles": tiles, f"{name}_weights": weights}
    return {key: values.astype(np.float32) for key, values in arrays.items()}

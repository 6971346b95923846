"""Tiles of a grid of pixels, along one of its axes.

A function that is smooth on a tile is interpolated from its values at a few Chebyshev nodes. The
error falls exponentially with the number of nodes, the faster the farther away the function has a
singularity: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapter 8.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

Array = Any
"""An array on the device, or while it is simulated one of numpy."""

NODES = 8
"""Nodes of a tile along an axis."""


class Axes(NamedTuple):
    """A grid of pixels in tiles, on the device; see `axis_arrays`."""

    y: Array
    x: Array
    y_tiles: Array
    x_tiles: Array
    y_weights: Array
    x_weights: Array


FAR = 4.0
"""A centre is far if it is so many half-widths of a tile away from the middle of the tile. Measured
for orders 1 to 4, the error of interpolation is then at most 4e-8 of the kernel's largest value in
the frame, which is below the rounding of float32, and that of the slope phi' at most 4e-7 of its
largest value on the tile."""

MIDDLE, HALF_WIDTH = NODES, NODES + 1
"""Columns of an array of tiles after those of the nodes: see `axis_arrays`."""


def axis_arrays(name: str, positions: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """The arrays of an axis with L positions in T tiles of ``size`` positions, float32.

    ``name`` : (L,)
        The positions.
    ``name_tiles`` : (T, NODES + 2)
        The nodes of each tile, its middle and its half-width. The last tile may be smaller.
    ``name_weights`` : (L, NODES)
        The weights of the nodes in the value at each position.
    """
    starts = np.arange(0, positions.size, size)
    low, high = (ends.reduceat(positions, starts) for ends in (np.minimum, np.maximum))
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = chebpts1(NODES)
    tiles = np.c_[middle[:, np.newaxis] + half[:, np.newaxis] * nodes, middle, half]
    tile = np.arange(positions.size) // size
    scaled = (positions - middle[tile]) / np.where(half > 0, half, 1)[tile]
    # Chebyshev polynomials are orthogonal on the nodes, which gives the Lagrange weights.
    share = np.full(NODES, 2 / NODES)
    share[0] = 1 / NODES
    weights = (chebvander(scaled, NODES - 1) * share) @ chebvander(nodes, NODES - 1).T
    arrays = {name: positions, f"{name}_tiles": tiles, f"{name}_weights": weights}
    return {key: values.astype(np.float32) for key, values in arrays.items()}

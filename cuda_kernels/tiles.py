"""Tiles of a grid of pixels, along one of its axes.

What is smooth on a tile is known from its values at a few Chebyshev nodes. The error of such a
polynomial is exponential in their number, with a rate that depends on how far away the function
has a kink: L. N. Trefethen, Approximation Theory and Approximation Practice, SIAM 2013, chapter 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

NODES = 8
"""Of a tile along an axis."""

FAR = 4.0
"""Half-widths of a tile from its middle to centres whose kernel is smooth on it: the error is at
most 3e-8 of its value, for orders 1 to 4, half of a unit in the last place of float32."""

MIDDLE, HALF_WIDTH = NODES, NODES + 1
"""Columns of `Axis.tiles` after the nodes."""


@dataclass(frozen=True)
class Axis:
    """Positions along an axis, cut into tiles.

    Attributes
    ----------
    tiles : ndarray, (T, NODES + 2), float32
        The nodes of each tile, its middle and its half-width.
    weights : ndarray, (L, NODES), float32
        Of the nodes, in the value at each position.
    """

    tiles: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, positions: np.ndarray, size: int) -> Axis:
        """Of L positions, in tiles of ``size``; the last may have fewer."""
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
        return cls(tiles.astype(np.float32), weights.astype(np.float32))

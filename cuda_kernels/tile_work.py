"""How the threads of a block share the work on one tile of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .layout import USUAL
from .tiles import NODES, Array, Axes

PIXELS = 8
"""Pixels of a thread, one below the other: each reading of a centre serves all of them."""

MOST_COLUMNS = 64
"""The largest number of columns of a tile."""

GRID = NODES * NODES
"""Nodes of a tile."""

NODES_A_THREAD = 2
"""Nodes at which a thread sums up its part of the centres: each reading of a centre serves both."""


def tile_shape(threads: int = USUAL.threads) -> tuple[int, int]:
    """Rows and columns of a tile."""
    columns = min(threads, MOST_COLUMNS)
    return PIXELS * threads // columns, columns


@dataclass(frozen=True)
class TileWork:
    """The division of a tile among the threads of a block.

    Attributes
    ----------
    threads, channels : int
    rows, columns : int
        The shape of a tile.
    apart : int
        Rows between two pixels of a thread.
    own : int
        Numbers of a centre: y, x and K weights.
    slices : int
        Parts of the centres. Different threads sum up different slices at the same node.
    team : int
        Threads that share a slice; each takes `nodes` nodes.
    nodes : int
    at_nodes : int
        Sums of one channel: one for each slice and node.
    parts : int
        Parts of the columns. Different threads add up different parts at the same node.
    room : int
        Sums that threads hand over to each other, at most.
    """

    threads: int
    channels: int

    @property
    def rows(self) -> int:
        return tile_shape(self.threads)[0]

    @property
    def columns(self) -> int:
        return tile_shape(self.threads)[1]

    @property
    def apart(self) -> int:
        return self.threads // self.columns

    @property
    def own(self) -> int:
        return 2 + self.channels

    @property
    def slices(self) -> int:
        return max(1, self.threads * NODES_A_THREAD // GRID)

    @property
    def team(self) -> int:
        return self.threads // self.slices

    @property
    def nodes(self) -> int:
        return GRID // self.team

    @property
    def at_nodes(self) -> int:
        return GRID * self.slices

    @property
    def parts(self) -> int:
        return max(1, self.threads // GRID)

    @property
    def room(self) -> int:
        of_nodes, of_lines = self.channels * self.at_nodes, self.apart * NODES * self.columns
        return max(of_nodes, of_lines, self.own * self.threads)


class Place(NamedTuple):
    """A tile in the grid of tiles, and a thread of the block that works on it.

    Attributes
    ----------
    axes : Axes
    down, right : int
        The tile's row and column in the grid of tiles.
    thread : int
    """

    axes: Axes
    down: int
    right: int
    thread: int


class TileMemory(NamedTuple):
    """The shared memory in which a block evaluates a tile; float32 unless stated otherwise.

    Attributes
    ----------
    centre : (2 + K, threads)
        y, x and weights of the centres of a group.
    flag : (threads,), int32
        1 for each of these centres that is near the tile.
    near : (threads,), int32
        The places of those in ``centre``, in their order.
    sums : (room,)
        The first K `at_nodes` of them are the sums at the nodes.
    across : (K, NODES, columns)
        The far field at the nodes' rows and the pixels' columns.
    row_y, column_x : (rows,) and (columns,)
        y and x of the pixels.
    down_weights, right_weights : (NODES, rows) and (NODES, columns)
        Weights of the nodes' rows and columns in the value at each pixel.
    """

    centre: Array
    flag: Array
    near: Array
    sums: Array
    across: Array
    row_y: Array
    column_x: Array
    down_weights: Array
    right_weights: Array

"""Functions at the cells of a mesh, folded: what a fit in C takes of them.

Cells that are mirror images of each other see the same numbers but for their signs, so that a
quarter of the numbers does for all of them, and a quarter of the multiplications.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .symmetry import IMAGES, PARITIES, Mirrored, Symmetry

GROUP = 16
"""The cells that are evaluated together."""

SIDE = 2
"""Of the blocks of cells within which functions hardly differ."""

ENOUGH = 2
"""Blocks for each function; where there are less, a cell is a block."""


@dataclass(frozen=True, eq=False)
class Folded:
    """The arguments of `fastbg._c.fit_surface` about its functions.

    Attributes
    ----------
    parities : ndarray, uint8, (M,)
        Of each function: bit 0 is set where it is odd in x, and bit 1 where it is odd in y.
    matrix : ndarray, float32
        The functions of each parity in turn, (groups, functions, `GROUP`), at the first of the
        cells that are mirror images of each other, and at those that have none.
    means : ndarray, float32, (M, blocks)
        Their means over blocks of these cells, in the same order.
    quarters : int
        The number of groups, the first ones, whose cells have images.
    place, block : ndarray, uint32, (S,)
        The cell and the block at each place of a group. Where its cells have images, those in x, in
        y and in both follow the group.
    part : ndarray, float32, (S,)
        How much the place counts: 0 beyond the last cell, less than 1 for a cell that is its own
        image.
    """

    parities: np.ndarray
    matrix: np.ndarray
    means: np.ndarray
    quarters: int
    place: np.ndarray
    block: np.ndarray
    part: np.ndarray


def folded(matrix: np.ndarray, mirrored: Mirrored) -> Folded:
    """The functions, (P, M), at the cells of a mesh."""
    symmetry, images = mirrored.symmetry, mirrored.symmetry.images
    parities = np.array([2 * y + x for y, x in PARITIES], np.uint8)[mirrored.parities]
    columns = [np.flatnonzero(parities == parity) for parity in range(len(PARITIES))]
    first = matrix[symmetry.first]
    block, means = _means(first, symmetry)
    quarters, alone = np.split(first, [images.shape[1]])
    groups = np.concatenate([_padded(quarters.T), _padded(alone.T)], axis=1)
    groups = groups.reshape(matrix.shape[1], -1, GROUP).swapaxes(0, 1)
    # A cell that is its own image has several places.
    part = symmetry.counted / np.repeat([len(IMAGES), 1], [len(quarters), len(alone)])
    return Folded(
        parities,
        _aligned(np.concatenate([groups[:, own].ravel() for own in columns])),
        _aligned(_padded(means.T[np.concatenate(columns)])),
        -(-len(quarters) // GROUP),
        _at_places(images, symmetry.alone).astype(np.uint32),
        _at_places(block[: len(quarters)], block[len(quarters) :]).astype(np.uint32),
        _at_places(part[: len(quarters)], part[len(quarters) :]).astype(np.float32),
    )


def _means(values: np.ndarray, symmetry: Symmetry) -> tuple[np.ndarray, np.ndarray]:
    """The block of each of the first cells, and the means, (blocks, M), of what is there."""
    rows, columns = symmetry.shape
    side = SIDE if rows * columns >= ENOUGH * SIDE**2 * values.shape[1] else 1
    y, x = np.divmod(symmetry.first, columns)
    number = y // side * columns + x // side
    number[symmetry.images.shape[1] :] += rows * columns  # blocks of their own
    _, block, counts = np.unique(number, return_inverse=True, return_counts=True)
    ordered = values[np.argsort(block, kind="stable")]
    return block, np.add.reduceat(ordered, np.cumsum(counts) - counts) / counts[:, np.newaxis]


def _aligned(numbers: np.ndarray) -> np.ndarray:
    """The numbers in float32, from the start of a line of the processor's caches on."""
    room = np.empty(numbers.size + GROUP, np.float32)
    start = -(room.ctypes.data // room.itemsize) % GROUP
    aligned = room[start : start + numbers.size].reshape(numbers.shape)
    aligned[...] = numbers
    return aligned


def _at_places(of_quarter: np.ndarray, of_alone: np.ndarray) -> np.ndarray:
    """At the places of groups and their images, from (n,) or (4, n) of the first quarter."""
    images = _padded(np.broadcast_to(of_quarter, (len(IMAGES), of_quarter.shape[-1])))
    by_group = images.reshape(len(IMAGES), -1, GROUP).swapaxes(0, 1)
    return np.concatenate([by_group.ravel(), _padded(of_alone)])


def _padded(numbers: np.ndarray) -> np.ndarray:
    """(..., n) with zeros behind the last, up to whole groups."""
    *others, number = numbers.shape
    padded = np.zeros((*others, -(-number // GROUP) * GROUP), numbers.dtype)
    padded[..., :number] = numbers
    return padded

"""The mirror images of each other that the cells of a mesh are, and the parities of functions.

A frame is cut into cells of one size from its first row and column on. Those at the far ends may be
smaller; they have no mirror images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

IMAGES = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Whether an image of a cell lies on the other side in y and in x; the first one is the cell."""

PARITIES = ((1, 1), (1, 0), (0, 1), (0, 0))
"""Whether a function is odd in y and in x; the parity of the constant is the last one."""

_NEARLY = 1e-6
"""Cells lie evenly whose distances differ by less than this part."""


@dataclass(frozen=True)
class Symmetry:
    """Which cells of a mesh are mirror images of each other.

    Attributes
    ----------
    shape : (int, int)
        The numbers of rows and columns of all cells.
    even : (int, int)
        The numbers of rows and columns, from the first ones on, whose cells have images: as far
        from the middle of these rows, these columns or both, on the other side.
    middle : (float, float), normalised (y, x)
    """

    shape: tuple[int, int]
    even: tuple[int, int]
    middle: tuple[float, float]

    @cached_property
    def images(self) -> np.ndarray:
        """(4, Q): the numbers of the cells of the first quarter, and of their `IMAGES`."""
        rows, columns = self.even
        alike, quarter = self._cells[:rows, :columns], np.s_[: -(-rows // 2), : -(-columns // 2)]
        return np.stack([alike[:: 1 - 2 * y, :: 1 - 2 * x][quarter].ravel() for y, x in IMAGES])

    @cached_property
    def alone(self) -> np.ndarray:
        """(n,): the numbers of the cells that have no images."""
        rows, columns = self.even
        return np.concatenate([self._cells[:rows, columns:].ravel(), self._cells[rows:].ravel()])

    @cached_property
    def first(self) -> np.ndarray:
        """(Q + n,): the cells of the first quarter, and those that have no images."""
        return np.concatenate([self.images[0], self.alone])

    @cached_property
    def counted(self) -> np.ndarray:
        """(Q + n,): for how many cells each of the first ones stands, itself included."""
        of_quarter = np.outer(*(_counted(number) for number in self.even)).ravel()
        return np.concatenate([of_quarter, np.ones(len(self.alone))])

    def everywhere(self, values: np.ndarray, parities: np.ndarray) -> np.ndarray:
        """(P, M): at all cells, functions of some parities from their values at the `first`."""
        found = np.empty((self.shape[0] * self.shape[1], values.shape[1]))
        quarters = self.images.shape[1]
        for image, cells in zip(IMAGES, self.images, strict=True):
            found[cells] = values[:quarters] * (-1.0) ** (np.array(PARITIES) @ image)[parities]
        found[self.alone] = values[quarters:]
        return found

    @property
    def _cells(self) -> np.ndarray:
        return np.arange(self.shape[0] * self.shape[1]).reshape(self.shape)


@dataclass(frozen=True, eq=False)
class Mirrored:
    """What functions at the cells of a mesh have in common with their mirror images.

    Attributes
    ----------
    symmetry : Symmetry
        That of the cells.
    parities : ndarray of int, (M,)
        The number of the parity of each function, among the `PARITIES`.
    """

    symmetry: Symmetry
    parities: np.ndarray


def symmetry_of(points: np.ndarray, shape: tuple[int, int]) -> Symmetry | None:
    """The symmetry of the centres of cells, (P, 2), row by row; None where there is none."""
    grid = points.reshape(*shape, 2)
    axes = grid[:, 0, 0], grid[0, :, 1]
    even = [_evenly(axis) for axis in axes]
    if 0 in even:
        return None
    middle = [(axis[0] + axis[count - 1]) / 2 for axis, count in zip(axes, even, strict=True)]
    return Symmetry(shape, (even[0], even[1]), (float(middle[0]), float(middle[1])))


def _evenly(axis: np.ndarray) -> int:
    """How many coordinates lie evenly: all, all but the last one, or none."""
    steps = np.diff(axis)
    same = np.abs(steps - steps[:1]) < _NEARLY * steps[:1]
    return len(axis) - (not same[-1:].all()) if same[:-1].all() else 0


def without_symmetry(shape: tuple[int, int]) -> Symmetry:
    """That of cells none of which has an image."""
    return Symmetry(shape, (0, 0), (0.5, 0.5))


def even_or_odd(side: int, parity: tuple[int, int] | None) -> np.ndarray:
    """(side^2, n): orthonormal combinations of the points of a symmetric grid that have a parity.

    All points one by one, if there is none.
    """
    if parity is None:
        return np.eye(side**2)
    return np.kron(*(_along_axis(side, odd) for odd in parity))


def _along_axis(side: int, odd: int) -> np.ndarray:
    """(side, n): the pairs of coordinates, and for even functions the middle one that has none."""
    points, half = np.eye(side), side // 2
    pairs = (points[:half] + (-1) ** odd * points[::-1][:half]) / 2**0.5
    alone = points[half : side - half] if not odd else points[:0]
    return np.concatenate([pairs, alone]).T


def _counted(number: int) -> np.ndarray:
    """For how many each of the first half of so many rows stands that have images."""
    counted = np.full((number + 1) // 2, 2.0)
    counted[number // 2 :] = 1
    return counted

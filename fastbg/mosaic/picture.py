"""The panels of a mosaic, without what was taken from them, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..image.kernels import FASTEST, Kernels
from ..image.stretch import Stretch
from ..sky.detection import Sky, detect_sky
from .cells import Cells, Grid

MOSTLY = 0.5
"""A cell is an object that is known from this share on."""

PARTLY = 0.01
"""A cell that a panel covers only partly counts so much where others cover it."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the sky.

    Attributes
    ----------
    values : ndarray, (rows, columns, K), linear; NaN = no panel has it
    weight, known, objects : ndarray, (rows, columns), in [0, 1]
        How much of each cell may be sky, is known to be sky, and is an object that is known.
    """

    values: np.ndarray
    weight: np.ndarray
    known: np.ndarray
    objects: np.ndarray

    @classmethod
    def of(cls, every: Sequence[Cells], taken: Sequence[np.ndarray], grid: Grid) -> Picture:
        """The mean of all panels in each cell.

        Parameters
        ----------
        every : sequence of Cells
        taken : sequence of ndarray, (n, K), linear
            What is taken from the values of each panel.
        grid : Grid
        """
        size, channels = grid.shape[0] * grid.shape[1], taken[0].shape[1]
        total, sums = np.zeros((size, 1)), np.zeros((size, channels + 3))
        for cells, own in zip(every, taken, strict=True):
            share = np.where(cells.whole, 1, PARTLY)[:, np.newaxis]
            told = cells.weight, cells.known, cells.objects
            planes = np.column_stack([cells.values - own, *told])
            total[cells.place] += share
            sums[cells.place] += share * planes
        covered = total > 0
        means = np.divide(sums, total, where=covered, out=np.full(sums.shape, np.nan))
        means = means.reshape(*grid.shape, -1)
        return cls(means[..., :-3], *np.moveaxis(np.nan_to_num(means[..., -3:]), 2, 0))

    def searched(self, protection: str, threads: int = 1, kernels: Kernels = FASTEST) -> Found:
        """The sky of the picture.

        Raises
        ------
        InputError
            If too little of it may be used.
        """
        rows, columns, channels = self.values.shape
        cells = self.values.reshape(-1, channels)
        low, middle, high = np.nanquantile(cells, (0, 0.5, 1), axis=0)
        high = np.maximum(high, low + np.finfo(np.float32).tiny)
        stretch = Stretch.linear(np.stack([low, middle, high, high], axis=1))
        linear = ((self.values - low) / (high - low)).astype(np.float32)
        weight = np.repeat(self.weight[..., np.newaxis], channels, axis=2).astype(np.float32)
        y, x = ((np.arange(size) + 0.5) / size for size in (rows, columns))
        sky = detect_sky(
            *(linear, weight, y, x, stretch, protection),
            threads=threads,
            kernels=kernels,
            known=self.known.astype(np.float32) if self.known.any() else None,
            objects=self.objects > MOSTLY if self.objects.any() else None,
        )
        points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
        values = sky.spline.values(points) * (high - low) + low
        return Found(values, weight.reshape(-1, channels).mean(axis=1), sky, (rows, columns))


@dataclass(frozen=True, eq=False)
class Found:
    """The sky that was found in a picture.

    Attributes
    ----------
    values : ndarray, (cells, K), linear
        The surface in all cells, row by row.
    weight : ndarray, (cells,), in [0, 1]
        How much of each is sky.
    sky : Sky
        In the space of its stretch.
    shape : (rows, columns)
    """

    values: np.ndarray
    weight: np.ndarray
    sky: Sky
    shape: tuple[int, int]

    def enlarged(self, values: np.ndarray) -> np.ndarray:
        """(cells, K): values of the cells of the mesh of the search, (P, K)."""
        mesh = self.sky.mesh
        grid = values.reshape(*mesh.shape, -1)
        rows, columns = (
            np.arange(size) * cells // size
            for size, cells in zip(self.shape, mesh.shape, strict=True)
        )
        return grid[np.ix_(rows, columns)].reshape(-1, values.shape[1])

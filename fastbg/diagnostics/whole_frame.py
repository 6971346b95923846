"""What a model did to the whole frame, also to the cells that were not taken for sky."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..image.robust import medians
from ..sky.mesh import Mesh
from ..sky.neighbourhood import gaussian_mean
from ..sky.robust_fit import LEAST_WEIGHT
from ..sky.surface import explained_within
from ..words import brief, place

SMOOTH = 2.0
"""The standard deviation, in cells, of the Gaussian that leaves gradients and takes out noise."""

CORNER = 8
"""A corner is this part of the height and of the width of the frame: an eighth."""

LEAST_CELLS = 5
"""The level of fewer cells is not told."""

SKY, EXCLUDED = 0.5, 0.1
"""Cells with more than the one part of the largest weight are sky, with less than the other not."""

DARK = 2.0
"""Cells that lie below the model everywhere by so many of the distances within which it explains
cells are no sky: land."""

NEAR, FAR = 0.1, 0.02
"""The share of excluded cells around a cell of the sky that lies beside an object, and around one
that does not."""


@dataclass(frozen=True)
class Extreme:
    """Where the smoothed residual is lowest or highest.

    Attributes
    ----------
    sigma : float
        The residual, a mean over the channels, in standard deviations of its noise; NaN where
        there is nothing but land.
    y, x : float, in [0, 1]
        Where it is, from the top left of the frame.
    """

    sigma: float
    y: float
    x: float

    @property
    def where(self) -> str:
        """The part of the frame in words, like "upper left corner"."""
        return place(self.y, self.x)


@dataclass(frozen=True, eq=False)
class WholeFrame:
    """What a model did to all usable cells; NaN where too few of them can be used.

    What is darker in the image itself than the model anywhere, like a landscape, is left out of all
    but the widths.

    Attributes
    ----------
    seen : ndarray, (rows, columns), bool
        The cells that are looked at.
    land : float
        The share of the usable frame that is so dark.
    width_before, width_after : ndarray, (K,), linear
        The width of the sky in the image and in the corrected image: the length of the shortest
        interval that holds half of the cells.
    corners_before, corners_after : ndarray, (2, 2, K), linear
        The level of each corner above that of the sky, in the image and in the corrected image.
    beside_objects : ndarray, (K,), linear
        The level of the sky beside what was excluded above that of the other sky.
    beyond : ndarray, (K,), linear
        How far the model outside of the sky leaves the range that it has over the sky.
    darkest, brightest : Extreme
        Where the smoothed residual is lowest and highest.
    """

    seen: np.ndarray
    land: float
    width_before: np.ndarray
    width_after: np.ndarray
    corners_before: np.ndarray
    corners_after: np.ndarray
    beside_objects: np.ndarray
    beyond: np.ndarray
    darkest: Extreme
    brightest: Extreme

    __repr__ = brief

    @property
    def widening(self) -> float:
        """The width after, divided by that before; means over the channels."""
        return float(self.width_after.mean() / max(self.width_before.mean(), TINY))

    @classmethod
    def unknown(cls, shape: tuple[int, int], channels: int) -> WholeFrame:
        """Of a frame without a usable cell."""
        none, nowhere = np.full(channels, np.nan), Extreme(np.nan, np.nan, np.nan)
        corners = np.full((2, 2, channels), np.nan)
        return cls(
            np.zeros(shape, bool),
            np.nan,
            none,
            none,
            corners,
            corners,
            none,
            none,
            nowhere,
            nowhere,
        )


TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class Residual:
    """The data minus the model, for figures of the whole frame.

    Attributes
    ----------
    values : ndarray, (P, K), linear
        Their median over the sky is 0.
    seen, sky, excluded : ndarray, (P,), bool
        The cells that are looked at, those of the sky, and those that are masked, missing or were
        taken for objects.
    mesh : Mesh
        In linear units.
    """

    values: np.ndarray
    seen: np.ndarray
    sky: np.ndarray
    excluded: np.ndarray
    mesh: Mesh

    @classmethod
    def of(cls, background: np.ndarray, weight: np.ndarray, mesh: Mesh) -> Residual:
        """Of a model, (P, K) linear, and of how much each cell was taken for sky, (P,)."""
        sky = weight > SKY * weight.max()
        values = mesh.values - background
        values = values - medians(values[sky], axis=0)
        darkest = background.min(axis=0) - DARK * explained_within(background, mesh, weight)
        land = mesh.usable & (mesh.values < darkest).all(axis=1)
        excluded = ~land & (weight < EXCLUDED * weight.max())
        return cls(values, mesh.usable & ~land, sky, excluded, mesh)

    def with_part_of(self, background: np.ndarray, strength: float) -> Residual:
        """The same, of data from which a part of the model, (P, K) linear, is taken out."""
        if strength == 1:
            return self
        values = self.values + (1 - strength) * background
        return replace(self, values=values - medians(values[self.sky], axis=0))

    def smoothed(self, values: np.ndarray) -> np.ndarray:
        """(P, K): the mean of (P, K) over the cells that are looked at around each cell."""
        seen = self.seen.astype(float)
        near = np.maximum(self._smooth(seen), LEAST_WEIGHT)
        return np.stack([self._smooth(seen * channel) / near for channel in values.T], axis=1)

    @property
    def noise(self) -> np.ndarray:
        """(K,): the noise of `smoothed` where all cells around are sky."""
        reduced: np.ndarray = self.mesh.noise / (2 * np.sqrt(np.pi) * SMOOTH)
        return reduced

    @property
    def surrounded(self) -> np.ndarray:
        """(P,): the share of excluded cells around each cell."""
        return self._smooth(self.excluded.astype(float))

    def _smooth(self, numbers: np.ndarray) -> np.ndarray:
        return gaussian_mean(numbers.reshape(self.mesh.shape), SMOOTH).ravel()


def measure(background: np.ndarray, residual: Residual) -> WholeFrame:
    """Measure a model, (P, K) linear, by its residual."""
    mesh = residual.mesh
    return WholeFrame(
        residual.seen.reshape(mesh.shape),
        float(mesh.weight @ ~residual.seen / mesh.weight.sum()),
        _width(mesh.values, mesh),
        _width(residual.values, mesh),
        _corners(mesh.values, residual),
        _corners(residual.values, residual),
        _beside_objects(residual),
        _beyond(background, residual),
        *_extremes(residual),
    )


def _width(values: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(K,): the length of the shortest interval that holds half of the usable cells.

    Objects are brighter than the sky, and the densest half of a frame is sky for the most part
    (P. J. Rousseeuw, Least median of squares regression, 1984).
    """
    ordered = np.sort(values[mesh.usable], axis=0)
    half = len(ordered) // 2
    shortest: np.ndarray = (ordered[half:] - ordered[: len(ordered) - half]).min(axis=0)
    return shortest


def _corners(values: np.ndarray, residual: Residual) -> np.ndarray:
    """(2, 2, K): the medians of (P, K) in the corners above that of the sky."""
    level = medians(values[residual.sky], axis=0)
    levels = np.full((2, 2, len(level)), np.nan)
    for row, column in np.ndindex(2, 2):
        y, x = np.abs(residual.mesh.points - (row, column)).T
        cells = residual.seen & (y < 1 / CORNER) & (x < 1 / CORNER)
        if np.count_nonzero(cells) >= LEAST_CELLS:
            levels[row, column] = medians(values[cells], axis=0) - level
    return levels


def _beside_objects(residual: Residual) -> np.ndarray:
    around, values = residual.surrounded, residual.values
    near, far = residual.sky & (around > NEAR), residual.sky & (around < FAR)
    if min(np.count_nonzero(near), np.count_nonzero(far)) < LEAST_CELLS:
        return np.full(values.shape[1], np.nan)
    level: np.ndarray = medians(values[near], axis=0) - medians(values[far], axis=0)
    return level


def _beyond(background: np.ndarray, residual: Residual) -> np.ndarray:
    outside = background[residual.excluded]
    if not len(outside):
        return np.zeros(background.shape[1])
    over_sky = background[residual.sky]
    above = outside.max(axis=0) - over_sky.max(axis=0)
    below = over_sky.min(axis=0) - outside.min(axis=0)
    return np.maximum(np.maximum(above, below), 0)


def _extremes(residual: Residual) -> Iterator[Extreme]:
    sigma = (residual.smoothed(residual.values) / np.maximum(residual.noise, TINY)).mean(axis=1)
    cells = np.flatnonzero(residual.seen)
    if not cells.size:
        yield from 2 * [Extreme(np.nan, np.nan, np.nan)]
        return
    for cell in cells[sigma[cells].argmin()], cells[sigma[cells].argmax()]:
        y, x = residual.mesh.points[cell]
        yield Extreme(float(sigma[cell]), float(y), float(x))

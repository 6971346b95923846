"""An automatic grid of samples, as ABE has, and the darkest place near a given one.

Both work on the small copy of an image, relative to a smooth surface if there is one: downhill of a
gradient is no darker sky.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..sky.detection import Sky
from .points import SamplePoints

PER_ROW = 20
"""The number of samples along the longer side of a grid: 15 leave twice the error where light is
steep, and 25 hardly less than 20."""

RADIUS = 0.25
"""The radius of a sample, as a part of the distance to the next."""

MOST_PIXELS = 40.0
"""The radius of samples is no larger, in pixels: so many tell a level well enough."""

LEAST_PIXELS = 4.0

REACH = 0.35
"""A sample moves so far at most along each axis, as a part of the distance to the next."""

LEAST_SKY = 0.5
"""The share of a sample that must be sky, by the weights of a search."""


FRACTION = 64
"""Places and radii are multiples of this part of a pixel."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A small copy of an image, without its gradient, in which dark places are looked for.

    Attributes
    ----------
    level : ndarray, (h, w)
        The mean over the channels, in units of the noise of a pixel; NaN where missing.
    sky : ndarray, (h, w), in [0, 1]
        How much of each pixel is sky.
    factor : (float, float)
        How many pixels of the image a pixel has along rows of y and of x.
    """

    level: np.ndarray
    sky: np.ndarray
    factor: tuple[float, float]

    @classmethod
    def of(cls, linear: np.ndarray, sky: Sky, shape: tuple[int, int]) -> Ground:
        """The ground of a sky that was found.

        Parameters
        ----------
        linear : ndarray, (h, w, K)
            The small copy, in the space of ``sky.stretch``.
        sky : Sky
        shape : (H, W)
            The shape of the image whose pixels the samples are in.
        """
        height, width = linear.shape[:2]
        surface = _enlarged(sky, linear.shape)
        noise = np.maximum(sky.mesh.noise * sky.mesh.side, np.finfo(np.float32).tiny)
        with np.errstate(invalid="ignore"):
            level = ((linear - surface) / noise).mean(axis=2)
        level[~np.isfinite(level)] = np.nan
        factor = shape[0] / height, shape[1] / width
        return cls(level, np.minimum.reduce(np.moveaxis(sky.weight, 2, 0)), factor)

    def discs(self, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """The mean level, and the mean share of sky, of the disc around each pixel, (h, w).

        Parameters
        ----------
        radius : float
            In pixels of the image. A disc that leaves the frame has no level: NaN.
        """
        disc = _disc(radius / self.factor[0], radius / self.factor[1])
        known = np.isfinite(self.level)
        seen = _sums(known.astype(float), disc)
        level = _sums(np.where(known, self.level, 0), disc)
        sky = _sums(np.where(known, self.sky, 0), disc) / disc.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.where(seen >= 0.75 * disc.sum(), level / seen, np.nan)
        return level, sky


def snap(ground: Ground, x: float, y: float, radius: float) -> tuple[float, float]:
    """The darkest place within a radius of a place, in pixels of the image.

    It is where the mean of the disc is least among the places that hold most sky.
    """
    level, sky = ground.discs(radius)
    return _darkest(ground, level, sky, (y, x), (radius, radius))


def generate(
    ground: Ground,
    shape: tuple[int, int],
    *,
    per_row: int = PER_ROW,
    radius: float | None = None,
    keep_all: bool = False,
) -> SamplePoints:
    """A regular grid whose samples have moved to dark places nearby.

    Each has a weight: the share of its disc that is sky. Those with less than half are left out.

    Parameters
    ----------
    ground : Ground
    shape : (H, W)
        The shape of the image.
    per_row : int, optional
        The number of samples along the longer side.
    radius : float, optional
        In pixels. Without it, a quarter of the distance between samples, 40 pixels at most.
    keep_all : bool, optional
        Those that are left out otherwise get the weight 0.
    """
    spacing = max(shape) / per_row
    if radius is None:
        radius = float(np.clip(RADIUS * spacing, LEAST_PIXELS, MOST_PIXELS))
    radius = min(radius, min(shape) / 2)
    counts = [max(2, round(size / spacing)) for size in shape]
    level, sky = ground.discs(radius)
    found = []
    for row in range(counts[0]):
        for column in range(counts[1]):
            middle = [
                np.clip((number + 0.5) * size / count, radius, size - radius)
                for number, size, count in zip((row, column), shape, counts, strict=True)
            ]
            reach = [REACH * size / count for size, count in zip(shape, counts, strict=True)]
            x, y = _darkest(ground, level, sky, (middle[0], middle[1]), (reach[0], reach[1]))
            share = _at(sky, ground, y, x)
            found.append([x, y, radius, share if share >= LEAST_SKY else 0])
    rows = np.array(found)
    # So that nothing is lost where the order of rows is reversed.
    rows[:, :3] = np.round(rows[:, :3] * FRACTION) / FRACTION
    rows[:, 3] = np.round(rows[:, 3], 3)
    kept = rows if keep_all else rows[rows[:, 3] > 0]
    return SamplePoints.of(kept) if len(kept) else SamplePoints.none()


def _enlarged(sky: Sky, shape: tuple[int, ...]) -> np.ndarray:
    """(h, w, K): the surface of a sky, linear between the cells."""
    grid = sky.mesh.points.reshape(*sky.mesh.shape, 2)
    y, x = grid[:, 0, 0], grid[0, :, 1]
    at_y, at_x = ((np.arange(size) + 0.5) / size for size in shape[:2])
    surface = np.empty(shape)
    for channel, values in enumerate(sky.surface.values.T):
        rows = [np.interp(at_x, x, row) for row in values.reshape(sky.mesh.shape)]
        columns = [np.interp(at_y, y, column) for column in np.transpose(rows)]
        surface[..., channel] = np.transpose(columns)
    return surface


def _darkest(
    ground: Ground,
    level: np.ndarray,
    sky: np.ndarray,
    place: tuple[float, float],
    reach: tuple[float, float],
) -> tuple[float, float]:
    """x and y of the darkest place near (y, x), among those of most sky."""
    rows, columns = (
        slice(
            max(0, int(np.floor((at - off) / step))),
            min(size, int(np.floor((at + off) / step)) + 1),
        )
        for at, off, step, size in zip(place, reach, ground.factor, level.shape, strict=True)
    )
    here, share = level[rows, columns], sky[rows, columns]
    seen = np.isfinite(here)
    if not seen.any():
        return place[1], place[0]
    # Places that hold nearly as much sky as any are as good.
    seen &= share >= 0.95 * share[seen].max()
    row, column = np.unravel_index(np.where(seen, here, np.inf).argmin(), here.shape)
    return (
        float((columns.start + column + 0.5) * ground.factor[1]),
        float((rows.start + row + 0.5) * ground.factor[0]),
    )


def _at(plane: np.ndarray, ground: Ground, y: float, x: float) -> float:
    row, column = (
        min(max(int(at / step), 0), size - 1)
        for at, step, size in zip((y, x), ground.factor, plane.shape, strict=True)
    )
    return float(plane[row, column])


def _disc(down: float, across: float) -> np.ndarray:
    """(2 m + 1, 2 n + 1) bool: the pixels of a disc, at least the one in its middle."""
    m, n = int(down), int(across)
    rows, columns = np.arange(-m, m + 1) / max(down, 1), np.arange(-n, n + 1) / max(across, 1)
    inside: np.ndarray = np.add.outer(rows**2, columns**2) <= 1
    return inside


def _sums(plane: np.ndarray, disc: np.ndarray) -> np.ndarray:
    """(h, w): the sums of the discs around pixels, by the cumulative sums of rows."""
    m, n = (size // 2 for size in disc.shape)
    padded = np.pad(plane, ((m, m), (n + 1, n)))
    along = padded.cumsum(axis=1)
    height, width = plane.shape
    total = np.zeros(plane.shape)
    for row, inside in enumerate(disc):
        half = np.count_nonzero(inside) // 2
        line = along[row : row + height]
        total += line[:, n + 1 + half : n + 1 + half + width] - line[:, n - half : n - half + width]
    return total

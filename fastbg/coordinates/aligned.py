"""An image on the small grid of another one, of which it shows the same sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RectBivariateSpline

from ..errors import InputError
from ..image.bands import for_each_band, row_bands
from ..image.image import MISSING_LEVEL, Image, is_valid
from ..image.kernels import FASTEST, Kernels, blocks, mean_of_blocks
from .mapping import Mapping
from .system import Pair

SAMPLES = 4
"""A cell is sampled at so many places along each side, or at some more: the blocks of the other
image that are averaged before are at most so much smaller."""

ENOUGH = 0.5
"""The least share of these places that the other image must have samples for."""

NO_OVERLAP = "shows no part of this field: give an image of the same sky"

LOOKED = 65
"""Places along each side of the target at which it is looked where the other image lies."""

COUNTS, NODE_ERROR = (9, 17, 33, 65, 129, 257, 513), 0.01
"""A mapping is computed at so many places along each side, until a spline through them errs by
fewer pixels of the other image than the second number."""

_BAND = 1 << 16
"""Places that are sampled at a time."""


def aligned(
    other: Image,
    mapping: Mapping,
    shape: tuple[int, int],
    factor: int,
    *,
    function: str = "median",
    threads: int = 1,
    kernels: Kernels = FASTEST,
) -> np.ndarray:
    """An image on the grid of the small copy of another one, the target, which it overlaps.

    The other image is read once, in bands of rows. Where its pixels are smaller than the cells of
    the grid, it is reduced in blocks and those are interpolated at several places in each cell;
    where they are larger, it is interpolated.

    Parameters
    ----------
    other : Image, linear
    mapping : Mapping
        Of pixels of the target to those of the other image.
    shape : (H, W)
        Of the target.
    factor : int
        Pixels of the target along the side of a cell.
    function : {"median", "grouped median", "mean"}, optional
        The value of a block, and of a cell: medians leave out stars, as those of the target do.
    threads : int, optional
    kernels : Kernels, optional

    Returns
    -------
    ndarray, (h, w, K), float32, planar in memory, linear
        NaN where the other image has samples for less than half of a cell.

    Raises
    ------
    InputError
        If the two do not overlap.
    """
    how = function, threads, kernels
    if mapping.how == "same grid":
        return np.moveaxis(_reduced(other, factor, slice(0, other.shape[0]), *how), 0, 2)
    places = Places.of(mapping, shape, factor, other.shape)
    side = places.cell
    step = max(1, int(np.ceil(side / SAMPLES)))
    count = int(np.clip(np.ceil(side / step), 2, SAMPLES)) if side > 0.5 else 1
    rows = places.rows(other.shape, step)
    planes = _reduced(other, step, rows, *how)
    grid = Grid(rows, step, other.shape)
    h, w = (-(-size // factor) for size in shape)
    out = np.full((other.channels, h, w), np.nan, np.float32)

    def work(cells: slice, _: None) -> None:
        y, x = places.within(cells, count)
        values = grid.sampled(planes, y, x)
        out[:, cells] = _cells(values, count, function, kernels)

    bands = row_bands((h, w), pixels=max(w, _BAND // count**2))
    for_each_band(bands, threads, lambda: None, work)
    if np.isnan(out).all():
        raise InputError(NO_OVERLAP)
    return np.moveaxis(out, 0, 2)


@dataclass(frozen=True, eq=False)
class Places:
    """Where the cells of the target lie in the other image, by a spline.

    Attributes
    ----------
    shape : (H, W)
    factor : int
        Of the target.
    ends : list of two pairs of floats
        The first and the last row and column of the target between which they are known: all that
        the other image shows lies there.
    y, x : RectBivariateSpline
        Pixels of the other image.
    """

    shape: tuple[int, int]
    factor: int
    ends: list[tuple[float, float]]
    y: RectBivariateSpline
    x: RectBivariateSpline

    @classmethod
    def of(
        cls, mapping: Mapping, shape: tuple[int, int], factor: int, other: tuple[int, int]
    ) -> Places:
        """Compute a mapping at as few places as suffice, for some cost 10 microseconds each."""

        def inside(found: np.ndarray) -> np.ndarray:
            """Which of some pixels, (2, ...), lie in the other image; NaN does not."""
            last = np.reshape(other, (2,) + (1,) * (found.ndim - 1)) - 0.5
            return ((found > -0.5) & (found < last)).all(axis=0)

        nodes = [np.linspace(-0.5, size - 0.5, LOOKED) for size in shape]
        covered = inside(np.array(mapping(*np.meshgrid(*nodes, indexing="ij"))))
        if not covered.any():
            raise InputError(NO_OVERLAP)
        ends = [
            (float(each[max(at.min() - 1, 0)]), float(each[min(at.max() + 1, LOOKED - 1)]))
            for each, at in zip(nodes, np.nonzero(covered), strict=True)
        ]
        for count in COUNTS:
            nodes = [np.linspace(*end, count) for end in ends]
            values = np.array(mapping(*np.meshgrid(*nodes, indexing="ij")))
            if not np.isfinite(values).all():
                break
            splines = [RectBivariateSpline(*nodes, each, s=0) for each in values]
            between = np.meshgrid(*((n[1::4] + n[:-1:4]) / 2 for n in nodes), indexing="ij")
            exact = np.array(mapping(*between))
            error = np.abs(np.array([s.ev(*between) for s in splines]) - exact).max(axis=0)
            if (error < NODE_ERROR)[inside(exact)].all():
                return cls(shape, factor, ends, *splines)
        raise InputError("has coordinates that leap within this field: solve it again")

    @property
    def cell(self) -> float:
        """The side of a cell in the middle of what is known, in pixels of the other image."""
        middle = [sum(end) / 2 for end in self.ends]
        down, right = (
            [float(each.ev(*middle, **along)) for each in (self.y, self.x)]
            for along in ({"dx": 1}, {"dy": 1})
        )
        return self.factor * abs(down[0] * right[1] - down[1] * right[0]) ** 0.5

    def rows(self, shape: tuple[int, int], step: int) -> slice:
        """The rows of the other image (H, W) that the target covers, whole steps of them."""
        y = self.y(*(np.linspace(*end, LOOKED) for end in self.ends))
        first, last = int(np.floor(y.min())) - step, int(np.ceil(y.max())) + step + 1
        first, last = max(first // step * step, 0), min(-(-last // step) * step, shape[0])
        if first >= last:
            raise InputError(NO_OVERLAP)
        return slice(first, last)

    def within(self, cells: slice, count: int) -> Pair:
        """The places, (n * count, w * count), at which some rows of cells are sampled."""
        height, width = self.shape
        rows = self._along(height, range(cells.start, cells.stop), count)
        columns = self._along(width, range(-(-width // self.factor)), count)
        y, x = self.y(rows, columns), self.x(rows, columns)
        (top, bottom), (left, right) = self.ends
        y[(rows < top) | (rows > bottom)] = np.nan
        y[:, (columns < left) | (columns > right)] = np.nan
        return y, x

    def _along(self, size: int, cells: range, count: int) -> np.ndarray:
        """The places in cells along an axis of that size; the last one may be partial."""
        start = np.array(cells)[:, np.newaxis] * float(self.factor)
        length = np.minimum(start + self.factor, size) - start
        return (start + length * (np.arange(count) + 0.5) / count - 0.5).ravel()


@dataclass(frozen=True)
class Grid:
    """Which pixels of an image the values of a reduced part of it stand for.

    Attributes
    ----------
    rows : slice
        The part.
    step : int
        Pixels along the side of a block.
    shape : (H, W)
        Of the image.
    """

    rows: slice
    step: int
    shape: tuple[int, int]

    def sampled(self, planes: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Reduced planes, (K, n, m), interpolated linearly at pixels of the image: (K, *y.shape).

        NaN outside of the image, and where a value is missing.
        """
        height, width = self.shape
        inside = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
        y = np.where(inside, y, 0)
        row, down = self._index(y - self.rows.start, self.rows.stop - self.rows.start)
        column, right = self._index(x, width)
        right[~inside] = np.nan
        n, m = planes.shape[1:]
        first = row * m + column
        below, beside = m * (n > 1), int(m > 1)
        out = np.empty((len(planes), *y.shape), np.float32)
        for plane, values in zip(planes.reshape(len(planes), -1), out, strict=True):
            top = plane[first]
            top += right * (plane[first + beside] - top)
            bottom = plane[first + below]
            bottom += right * (plane[first + below + beside] - bottom)
            np.add(top, down * (bottom - top), out=values)
        return out

    def _index(self, places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The block before each place, and how far it is on the way to the next one.

        Outside of the first and the last centre, that is below 0 or above 1: values go on there as
        they come.
        """
        step, last = self.step, -(-size // self.step) - 1
        at = (places + 0.5) / step - 0.5
        index = np.clip(at, 0, max(last - 1, 0)).astype(np.intp)
        part = (at - index).astype(np.float32)
        if size % step and last > 0:  # the last block is smaller, and its centre nearer
            end = index == last - 1
            part[end] /= (1 + (size - last * step) / step) / 2
        return index, part


def _cells(values: np.ndarray, count: int, function: str, kernels: Kernels) -> np.ndarray:
    """The values of cells of count x count samples, (K, n * count, w * count): (K, n, w)."""
    if count == 1:
        return values
    number = np.isfinite(values[0]).reshape(-1, count, values.shape[2] // count, count)
    out = _values(values, count, function, kernels)
    out[:, number.sum(axis=(1, 3)) < ENOUGH * count**2] = np.nan
    return out


def _reduced(
    image: Image, factor: int, rows: slice, function: str, threads: int, kernels: Kernels
) -> np.ndarray:
    """Some rows of an image in blocks: (K, h, w), float32, linear; NaN where all is missing."""
    count = rows.stop - rows.start
    out = np.empty((image.channels, -(-count // factor), -(-image.shape[1] // factor)), np.float32)

    def work(band: slice, buffer: np.ndarray) -> None:
        place = slice(band.start + rows.start, band.stop + rows.start)
        own = _values(image.read(place, buffer), factor, function, kernels)
        top = band.start // factor
        out[:, top : top + own.shape[1]] = own

    bands = row_bands((count, image.shape[1]), factor)
    room = (image.channels, bands[0].stop, image.shape[1])
    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return out


def _values(band: np.ndarray, factor: int, function: str, kernels: Kernels) -> np.ndarray:
    """The values of the blocks of a band, (K, n, W): (K, h, w); NaN where all is missing."""
    out = []
    for plane in band:
        if function == "mean":
            valid = np.where(is_valid(plane), plane, np.nan)
            out.append(mean_of_blocks(blocks(valid, factor)).astype(np.float32))
        else:
            grouped = function == "grouped median"
            low, high = kernels.middle_values(plane, factor, MISSING_LEVEL, grouped)
            out.append((low + high) / 2)
    return np.stack(out)

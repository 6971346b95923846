"""Some rows of an image at a time, reduced in blocks, of which places can be sampled."""

from __future__ import annotations

import numpy as np

from ..image.bands import for_each_band, row_bands
from ..image.blocks import valid_means
from ..image.image import MISSING_LEVEL, Image, is_valid
from ..image.kernels import Kernels

THRESHOLDS = (np.array([0, 4, 2, 6, 1, 5, 3, 7], np.float32) + 0.5) / 8
"""What is added to places, one after the other along an axis, before they are rounded down."""


class Window:
    """A part of the rows of an image, which are held and move down.

    Parameters
    ----------
    image : Image, linear
    step : int
        Pixels along the side of a block. What is sampled are blocks.
    rows : int
        How many rows of blocks are held.
    columns : slice
        The columns of blocks that are held.
    function : {"median", "grouped median", "mean"}
        The value of a block.
    threads : int
    kernels : Kernels
    """

    def __init__(
        self,
        image: Image,
        step: int,
        rows: int,
        columns: slice,
        function: str,
        threads: int,
        kernels: Kernels,
    ) -> None:
        self.image, self.step = image, step
        self._height = -(-image.shape[0] // step)
        self._how = function, kernels, threads, columns
        self._held, self._first = slice(0, 0), columns.start
        width = columns.stop - columns.start
        self._planes = np.empty((image.channels, min(rows, self._height), width), np.float32)

    def move(self, rows: slice) -> None:
        """Hold these rows of blocks, which do not begin before those that were held."""
        held, start, stop = self._held, rows.start, min(rows.stop, self._height)
        kept = max(held.stop - start, 0)
        if kept and start > held.start:
            at = start - held.start
            for plane in self._planes:
                plane[:kept] = plane[at : at + kept].copy()
        first = start + kept
        if first < stop:
            self._planes[:, kept : stop - start] = self._reduced(slice(first, stop))
        self._held = slice(start, max(stop, held.stop if kept else stop))

    def _reduced(self, rows: slice) -> np.ndarray:
        top, bottom = self.step * rows.start, min(self.step * rows.stop, self.image.shape[0])
        return reduced(self.image, self.step, slice(top, bottom), *self._how)

    def chosen(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The values at places, (K, *y.shape), each of one of the four blocks around it.

        Among 8 x 8 places, each is chosen as often as it would weigh in a linear interpolation: so
        light is where it was, and no star is spread over its neighbours. NaN outside of the image.
        """
        known = self._known(y, x)
        if known is not None:
            y, x = np.where(known, y, 0), np.where(known, x, 0)
        held, width = self._held.stop - self._held.start, self._planes.shape[2]
        row = self._below(y, np.resize(THRESHOLDS, y.shape[1]), self._held.start, held)
        column = self._below(x, np.resize(THRESHOLDS, len(x))[:, np.newaxis], self._first, width)
        row *= width
        row += column
        out = self._planes.reshape(len(self._planes), -1).take(row, axis=1)
        if known is not None:
            out[:, ~known] = np.nan
        return out

    def _below(
        self, places: np.ndarray, threshold: np.ndarray, first: int, count: int
    ) -> np.ndarray:
        """The index of the block before each place plus a threshold, among some, from the first."""
        at = places / self.step if self.step > 1 else places
        at = at + (threshold + np.float32(0.5 / self.step - 0.5 - first))
        # What is not negative is rounded down.
        return np.clip(at, 0, count - 1, out=at).astype(np.intp)

    def interpolated(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The values at places, (K, *y.shape), linearly between those of the blocks.

        NaN outside of the image, and where a block is missing.
        """
        known = self._known(y, x)
        row, down = self._index(y, self.image.shape[0], known)
        column, right = self._index(x, self.image.shape[1], known)
        n, m = self._planes.shape[1:]
        row = np.clip(row - self._held.start, 0, n - 1)
        column = np.clip(column - self._first, 0, m - 1)
        first = row * m + column
        below, beside = m * (n > 1), int(m > 1)
        out = np.empty((len(self._planes), *y.shape), np.float32)
        for plane, values in zip(self._planes.reshape(len(out), -1), out, strict=True):
            top = plane[first]
            top += right * (plane[first + beside] - top)
            bottom = plane[first + below]
            bottom += right * (plane[first + below + beside] - bottom)
            np.add(top, down * (bottom - top), out=values)
        if known is not None:
            out[:, ~known] = np.nan
        return out

    def _known(self, y: np.ndarray, x: np.ndarray) -> np.ndarray | None:
        """Which places lie in the image; None for all of them."""
        height, width = self.image.shape
        if min(y.min(), x.min()) >= -0.5 and y.max() <= height - 0.5 and x.max() <= width - 0.5:
            return None
        known = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
        return known

    def _index(
        self, places: np.ndarray, size: int, known: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The block before each place, and how far it is on the way to the next one.

        Outside of the first and the last centre, that is below 0 or above 1: values go on there as
        they come.
        """
        step, last = self.step, -(-size // self.step) - 1
        places = places if known is None else np.where(known, places, 0)
        at = (places + 0.5) / step - 0.5
        index = np.clip(at, 0, max(last - 1, 0)).astype(np.intp)
        part = (at - index).astype(np.float32)
        if size % step and last > 0:  # the last block is smaller, and its centre nearer
            end = index == last - 1
            part[end] /= (1 + (size - last * step) / step) / 2
        return index, part


def reduced(
    image: Image,
    factor: int,
    rows: slice,
    function: str,
    kernels: Kernels,
    threads: int,
    columns: slice = slice(None),
) -> np.ndarray:
    """Some rows of an image in blocks: (K, h, w), float32, linear; NaN where all is missing.

    Only these columns of blocks are returned, and all of them by default.
    """
    count, width = rows.stop - rows.start, len(range(-(-image.shape[1] // factor))[columns])
    out = np.empty((image.channels, -(-count // factor), width), np.float32)

    def work(band: slice, buffer: np.ndarray) -> None:
        place = slice(band.start + rows.start, band.stop + rows.start)
        own = values_of_blocks(image.read(place, buffer), factor, function, kernels)
        top = band.start // factor
        out[:, top : top + own.shape[1]] = own[:, :, columns]

    bands = row_bands((count, image.shape[1]), factor)
    room = (image.channels, bands[0].stop, image.shape[1])
    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return out


def values_of_blocks(band: np.ndarray, factor: int, function: str, kernels: Kernels) -> np.ndarray:
    """The values of the blocks of a band, (K, n, W): (K, h, w); NaN where all is missing."""
    if function == "mean" and factor > 1:
        return valid_means(band, factor).astype(np.float32)
    out = []
    for plane in band:
        if factor == 1:
            whole = np.isfinite(plane.sum()) and plane.all()  # in a third of the time of the rest
            out.append(plane if whole else np.where(is_valid(plane), plane, np.float32(np.nan)))
        else:
            grouped = function == "grouped median"
            low, high = kernels.middle_values(plane, factor, MISSING_LEVEL, grouped)
            out.append((low + high) / 2)
    return np.stack(out)

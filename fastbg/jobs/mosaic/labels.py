"""Label images: whole numbers that tell which panel of a merged mosaic each pixel belongs to."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...image.bands import row_bands
from ...io import formats, png
from ...io.image_file import ImageFile
from ...io.orientation import Turn
from ...spline.panels import MOST_PANELS, Box
from ..source import Source

CURE = "give an image of whole numbers, one for each panel, 0 where there is none"

MOST_BORDERS = 0.5
"""No panels are areas if borders go through more than this share of the blocks."""


@dataclass(frozen=True, eq=False)
class LabelImage:
    """A label image.

    Attributes
    ----------
    file : ImageFile
        Upright.
    numbers : ndarray, (n,), ascending
        The numbers of the panels.
    small : ndarray, (h, w), int
        The index of the panel of each block, -1 where a border goes through it or there is none.
    nearest : ndarray, (h, w), int
        That of the nearest block with a panel.
    boxes : tuple of Box
        What surrounds each panel, normalised.
    reach : tuple of Box
        What surrounds the pixels of each panel, and those without one that are nearest to it.
    """

    file: ImageFile
    numbers: np.ndarray
    small: np.ndarray
    nearest: np.ndarray
    boxes: tuple[Box, ...]
    reach: tuple[Box, ...]

    @classmethod
    def of(cls, path: Path, source: Source, factor: int, files: ExitStack) -> LabelImage:
        """The label image of a mosaic that is open; it stays open as long as `files`.

        Parameters
        ----------
        factor : int
            The downscaling factor of the mosaic.

        Raises
        ------
        InputError
            If it cannot be read, has another size, or names no panels.
        """
        frame, stored = source.frame, source.file
        block = factor * (2 if frame.pattern else 1)
        height, width = (-(-size // factor) for size in frame.image.shape)
        shape = height, width
        opener = png.open_image(path) if png.is_png(path) else formats.open_image(path, mask=True)
        file = files.enter_context(opener)
        told = None not in (file.orientation, stored.orientation)
        file = file.turned(Turn.of(file.orientation) if told else stored.turn)
        try:
            if file.shape != (1, *stored.shape[1:]):
                channels, height, width = file.shape
                raise InputError(
                    f"has {width} x {height} pixels in {channels} channel{'s'[: channels > 1]}, "
                    f"and the mosaic {stored.shape[2]} x {stored.shape[1]}: {CURE}, of that size "
                    "and in one channel"
                )
            file.load()
            low, high, numbers = _blocks(file, shape, block)
            if len(numbers) < 2:
                raise InputError(
                    f"names {len(numbers) or 'no'} panel{'s'[: len(numbers) != 1]}, and a mosaic "
                    f"has two or more: {CURE}"
                )
            borders = (low != high).sum() / (high > 0).sum()
            if borders > MOST_BORDERS:
                raise InputError(
                    f"has borders of panels in {100 * borders:.3g} % of the blocks of {block} x "
                    f"{block} pixels, so that its panels are no areas: {CURE}"
                )
        except InputError as error:
            raise InputError(
                str(error) if str(path) in str(error) else f"{path} {error}"
            ) from error
        low, high = (np.where(each > 0, np.searchsorted(numbers, each), -1) for each in (low, high))
        small = np.where(low == high, low, -1)
        own = [(low == n) | (high == n) for n in range(len(numbers))]
        boxes, nearest = tuple(map(_box, own)), _nearest(small)
        reach = tuple(_box(each | (nearest == n)) for n, each in enumerate(own))
        return cls(file, numbers, small, nearest, boxes, reach)

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """See `fastbg.spline.patches.Numbers`; single points are those of the small copy."""
        points = np.ndim(y) == np.ndim(x) == 1
        shape = self.nearest.shape if points else self.file.shape[1:]
        rows, columns = (
            np.clip((at * size).astype(np.intp), 0, size - 1)
            for at, size in zip((y, x), shape, strict=True)
        )
        if points:
            few: np.ndarray = self.nearest[rows, columns]
            return few
        first, last = int(rows.min()), int(rows.max()) + 1
        whole = np.concatenate(
            [self._indices(slice(top, min(top + 256, last))) for top in range(first, last, 256)]
        )
        found: np.ndarray = whole[rows - first, columns]
        return found

    def rows(self, rows: slice, pixel: int = 1) -> np.ndarray:
        """(n, w): the index of the panel of each square of some pixels, in some rows of them.

        It is -1 where there is none, or more than one.
        """
        labels = self.file.read_rows(slice(pixel * rows.start, pixel * rows.stop))[0]
        labels = labels[:, : labels.shape[1] // pixel * pixel]
        squares = labels.reshape(-1, pixel, labels.shape[1] // pixel, pixel)
        low, high = squares.min(axis=(1, 3)), squares.max(axis=(1, 3))
        alike = (low == high) & (low > 0)
        return np.where(alike, np.searchsorted(self.numbers, low), -1)

    def _indices(self, rows: slice) -> np.ndarray:
        """(n, W): the index of the panel of each pixel, the nearest one where there is none."""
        labels = self.file.read_rows(rows)[0]
        found = np.searchsorted(self.numbers, labels)
        if not labels.all():
            height, width = self.file.shape[1:]
            h, w = self.nearest.shape
            y = np.arange(rows.start, rows.stop) * h // height
            x = np.arange(width) * w // width
            found = np.where(labels == 0, self.nearest[np.ix_(y, x)], found)
        return found.astype(np.int16)


def _blocks(
    file: ImageFile, shape: tuple[int, int], block: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lowest and the highest label of each block, (h, w), and all labels but 0."""
    low, high = np.zeros(shape), np.zeros(shape)
    numbers: np.ndarray = np.empty(0)
    height, width = file.shape[1:]
    pad = shape[1] * block - width
    for rows in row_bands((height, width), block):
        labels = file.read_rows(rows)[0].astype(np.float64)
        if not (np.isfinite(labels).all() and (labels == np.rint(labels)).all()):
            raise InputError(f"has other than whole numbers: {CURE}")
        numbers = np.union1d(numbers, labels)
        if labels.min() < 0 or len(numbers) > MOST_PANELS + 1:
            what = "a number below 0" if labels.min() < 0 else f"more than {MOST_PANELS} numbers"
            raise InputError(f"has {what}: {CURE}")
        missing = -len(labels) % block
        edged = np.pad(labels, ((0, missing), (0, max(pad, 0))), mode="edge")
        edged = edged[:, : shape[1] * block]
        top = rows.start // block
        parts = edged.reshape(-1, block, shape[1], block)
        place = slice(top, min(top + len(parts), shape[0]))
        low[place] = parts.min(axis=(1, 3))[: place.stop - top]
        high[place] = parts.max(axis=(1, 3))[: place.stop - top]
    return low, high, numbers[numbers > 0]


def _box(own: np.ndarray) -> Box:
    """What surrounds some blocks, and one more on each side."""
    ends = []
    for axis, size in enumerate(own.shape):
        places = np.flatnonzero(own.any(axis=1 - axis))
        ends += [max(0, places[0] - 1) / size, min(size, places[-1] + 2) / size]
    top, bottom, left, right = ends
    return float(top), float(bottom), float(left), float(right)


def _nearest(small: np.ndarray) -> np.ndarray:
    from scipy.ndimage import distance_transform_edt

    if (small >= 0).all() or not (small >= 0).any():
        return small
    at = distance_transform_edt(small < 0, return_distances=False, return_indices=True)
    nearest: np.ndarray = small[tuple(at)]
    return nearest

"""Where an image shows no sky: bias, overscan, and borders that stacking filled with a level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .image import Image


class Box(NamedTuple):
    """Consecutive rows and columns; the last ones are not included."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Box:
        """All rows and columns of an image (H, W)."""
        return cls(0, shape[0], 0, shape[1])

    @property
    def rows(self) -> slice:
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.right)

    @property
    def pixels(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)


@dataclass(frozen=True)
class Border:
    """The samples of an image that are not of the sky.

    Attributes
    ----------
    boxes : tuple of Box
        They do not overlap.
    told : tuple of str
        The keywords that tell them; none where they were found.
    fill : tuple of float or None
        The values of the channels of a pixel that stacking has filled, linear.
    filled : float
        The share of such pixels, about.
    """

    boxes: tuple[Box, ...] = ()
    told: tuple[str, ...] = ()
    fill: tuple[float, ...] | None = None
    filled: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.boxes) or self.fill is not None

    def hidden(self, rows: slice, band: np.ndarray) -> np.ndarray:
        """(n, W) bool: which pixels of some rows, (K, n, W), belong to the border."""
        hidden = np.full(band.shape[1:], self.fill is not None)
        if self.fill is not None:
            for plane, value in zip(band, self.fill, strict=True):
                hidden &= plane == np.float32(value)
        for box in self.boxes:
            top, bottom = max(box.top, rows.start), min(box.bottom, rows.stop)
            if top < bottom:
                hidden[top - rows.start : bottom - rows.start, box.columns] = True
        return hidden

    def share(self, shape: tuple[int, int]) -> float:
        """The share of the pixels of the image (H, W), about."""
        return sum(box.pixels for box in self.boxes) / (shape[0] * shape[1]) + self.filled

    def out_of(self, image: Image) -> Image:
        """The image with NaN in the border."""

        def read(rows: slice, out: np.ndarray) -> np.ndarray:
            band, out = image.read(rows, out), out[:, : rows.stop - rows.start]
            hidden = self.hidden(rows, band)
            if not np.may_share_memory(band, out):
                np.copyto(out, band)
            np.copyto(out, np.nan, where=hidden)
            return out

        return replace(image, read=read)


NONE = Border()
"""That of an image that shows nothing but sky."""


def remaining(
    shape: tuple[int, int], data: Sequence[Sequence[Box]], bias: Iterable[Box]
) -> list[Box]:
    """What is not data, as few boxes.

    Parameters
    ----------
    shape : (H, W)
    data : sequence of sequences of Box
        A pixel is data if it lies in a box of each sequence.
    bias : iterable of Box
        These are not data.
    """
    given = [Box.whole(shape), *(box for boxes in data for box in boxes), *bias]
    rows = sorted({edge for box in given for edge in (box.top, box.bottom)})
    columns = sorted({edge for box in given for edge in (box.left, box.right)})

    def marked(boxes: Iterable[Box]) -> np.ndarray:
        marks = np.zeros((len(rows) - 1, len(columns) - 1), bool)
        for box in boxes:
            down = slice(rows.index(box.top), rows.index(box.bottom))
            marks[down, columns.index(box.left) : columns.index(box.right)] = True
        return marks

    outside = marked(bias)
    for boxes in data:
        outside |= ~marked(boxes)
    found: list[Box] = []
    open_runs: dict[tuple[int, int], int] = {}
    for (top, bottom), marks in zip(pairwise(rows), outside, strict=True):
        runs = _runs(marks)
        for left, right in runs:
            box = Box(top, bottom, columns[left], columns[right])
            above = open_runs.get((left, right))
            if above is None:
                open_runs[left, right] = len(found)
                found.append(box)
            else:
                found[above] = found[above]._replace(bottom=bottom)
        open_runs = {run: place for run, place in open_runs.items() if run in runs}
    return found


def _runs(marks: np.ndarray) -> list[tuple[int, int]]:
    """The first of consecutive marks and the one after the last, for each run."""
    steps = np.flatnonzero(np.diff(np.r_[False, marks, False]))
    return [(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]

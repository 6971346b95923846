"""Masks that are drawn as regions: DS9 region files, and polygons in GeoJSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...image.bands import row_bands
from ...image.image import Image
from ..small_file import read_small
from . import ds9, geojson
from .areas import Area

_READERS = {".reg": ds9.read, ".geojson": geojson.read, ".json": geojson.read}

LARGEST_FILE = 1 << 26
"""Bytes, of text that takes some twenty times as much memory while it is understood."""

MOST_WORK = 1 << 32
"""Steps of 2 ns (pixels) to 25 (crossings) for an image: with more, a file would seem to hang."""

AREA_WORK = 1 << 14
"""Steps for an area of any size: to parse it, and to begin with it in every band."""


def is_regions(path: str | Path) -> bool:
    """Whether a file is one for `open_regions`, by its name: .reg, .geojson or .json."""
    return Path(path).suffix.lower() in _READERS


def open_regions(path: str | Path, shape: tuple[int, int]) -> Image:
    """A weight image from regions: 0 where a pixel has its centre in one, 1 elsewhere.

    DS9 regions count pixels from 1: (1, 1) is the centre of the first pixel of the first row, as
    the file of the image stores it. One that is excluded (``-circle``) is sky again, wherever in
    the file it comes; where all are, they are cut out of the whole image. In GeoJSON (0, 0) is the
    outer corner of that pixel; holes are sky.

    Parameters
    ----------
    path : path
        A file for which `is_regions` is true; it is read now, and closed.
    shape : (H, W)
        The shape of the image that the regions belong to.

    Returns
    -------
    Image, of one channel, whose rows are computed when they are read

    Raises
    ------
    InputError
        If the file cannot be read or understood, has other than pixel coordinates, or marks nothing
        in an image of that shape.
    """
    path = Path(path)
    try:
        if not is_regions(path):
            raise InputError(
                f"does not hold regions by its name: end it in {' or '.join(_READERS)}"
            )
        content = read_small(path, LARGEST_FILE, "draw simpler regions, or a mask image")
        return _rasterised(_READERS[path.suffix.lower()](content), shape)
    except InputError as error:
        raise InputError(f"{path} {error}") from error


def _rasterised(areas: Iterable[tuple[Area, bool]], shape: tuple[int, int]) -> Image:
    placed, work, marks = [], 0, False
    for area, excluded in areas:
        marks = marks or not excluded
        rows, columns = _box(area, shape)
        work += AREA_WORK
        if rows.start < rows.stop and columns.start < columns.stop:
            placed.append((area, excluded, rows, columns))
            work += area.work(rows, columns)
        if work > MOST_WORK:
            raise InputError("has too many large regions: draw simpler ones, or a mask image")
    # Excluded ones are painted last.
    placed.sort(key=lambda each: each[1])
    if all(excluded for _, excluded, *_ in placed) and (marks or not placed):
        raise InputError(
            f"marks nothing in an image of {shape[1]} x {shape[0]} pixels: "
            "draw the regions on the image itself, in pixel coordinates"
        )
    tops = np.array([rows.start for _, _, rows, _ in placed])
    bottoms = np.array([rows.stop for _, _, rows, _ in placed])

    def paint(top: int, plane: np.ndarray) -> None:
        bottom = top + len(plane)
        for index in np.flatnonzero((tops < bottom) & (bottoms > top)):
            area, excluded, rows, columns = placed[index]
            rows = slice(max(rows.start, top), min(rows.stop, bottom))
            part = plane[rows.start - top : rows.stop - top, columns]
            np.copyto(part, excluded, where=area.inside(rows, columns))

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = out[:, : rows.stop - rows.start]
        band[:] = marks
        for part in row_bands(band[0].shape):
            paint(rows.start + part.start, band[0, part])
        return band

    return Image(1, shape, read)


def _box(area: Area, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The pixels, rows and columns, that may lie in an area; empty or reversed where none do."""
    left, top, right, bottom = area.bounds
    return (
        slice(max(0, math.ceil(top)), min(shape[0], math.floor(bottom) + 1)),
        slice(max(0, math.ceil(left)), min(shape[1], math.floor(right) + 1)),
    )

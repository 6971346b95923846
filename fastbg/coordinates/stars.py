"""The brightest stars of an image: where they are, from its full resolution."""

from __future__ import annotations

import numpy as np

from ..image.bands import for_each_band, row_bands
from ..image.image import Image

LARGEST = 1600
"""Pixels along the longer side of the copy in which stars are looked for, at most."""

MOST = 2000
"""Stars that are found, at most."""

CELL = 16
"""The background is measured in cells of so many pixels of the copy along each side."""

THRESHOLD = 5.0
"""The least height of a star above its surroundings, in standard deviations of the noise."""

WIDTH = 1.0
"""The copy is smoothed by this standard deviation, in its pixels."""

RADIUS, WINDOW = 7, 2.0
"""The half side of the part of the image in which a star is centred, and the standard deviation of
the Gaussian window that weighs it, both in pixels of the image."""

_BAND_ROWS = 128
"""Rows that are read at a time around stars."""

ALONE = 0.2
"""The highest of the eight pixels around the peak of a star, relative to that, at least: around a
hot pixel or a cosmic ray they are lower."""


def find_stars(image: Image, threads: int = 1) -> np.ndarray:
    """The brightest stars of an image.

    Parameters
    ----------
    image : Image, linear
        It is read once, and once more around the stars.
    threads : int, optional

    Returns
    -------
    ndarray, (N, 3), float64
        y, x and brightness (linear, the height in the copy), the brightest first.
    """
    step = -(-max(image.shape) // LARGEST)
    small = _averaged(image, step, threads)
    places, height = _peaks(small)
    order = np.argsort(-height)[:MOST]
    stars = np.column_stack([step * (places[order] + 0.5) - 0.5, height[order]])
    return _centred(image, stars, step, threads)


def _averaged(image: Image, step: int, threads: int) -> np.ndarray:
    """The mean of the channels in blocks, (h, w): NaN where a sample is missing."""
    h, w = (size // step for size in image.shape)
    out = np.empty((h, w), np.float32)
    bands = row_bands((h * step, image.shape[1]), step)
    room = (image.channels, bands[0].stop, image.shape[1])

    def work(rows: slice, buffer: np.ndarray) -> None:
        band = image.read(rows, buffer)[:, :, : w * step]
        mean = band.mean(axis=0) if image.channels > 1 else band[0]
        mean = np.where(band[0] == 0, np.nan, mean)
        out[rows.start // step : rows.stop // step] = mean.reshape(-1, step, w, step).mean((1, 3))

    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return out


def _peaks(small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The peaks of a copy above its background, (n, 2) as y and x, and their heights."""
    from scipy import ndimage

    known = np.isfinite(small)
    if min(small.shape) < 2 * CELL or not known.any():
        return np.empty((0, 2)), np.empty(0)
    level = np.where(known, small, np.median(small[known]))
    background = _cells(level)
    smooth = ndimage.gaussian_filter(level - background, WIDTH)
    noise = _cells(np.abs(smooth)) / 0.6745
    # The edges of what is missing are no stars.
    inner = ndimage.binary_erosion(known, iterations=3, border_value=0)
    peak = (smooth == ndimage.maximum_filter(smooth, 5)) & (smooth > THRESHOLD * noise) & inner
    y, x = np.nonzero(peak)
    return np.stack([y, x], axis=1).astype(float), smooth[y, x].astype(float)


def _cells(values: np.ndarray) -> np.ndarray:
    """The medians of the cells, interpolated linearly; float32."""
    from scipy import ndimage

    h, w = (size // CELL for size in values.shape)
    cells = values[: h * CELL, : w * CELL].reshape(h, CELL, w, CELL)
    medians = np.median(cells.swapaxes(1, 2).reshape(h, w, -1), axis=2)
    smooth = ndimage.median_filter(medians, 3).astype(np.float32)
    # One axis after the other: ndimage.map_coordinates took 80 MB for the places of all pixels.
    rows = _stretched(smooth.T, values.shape[0]).T
    return _stretched(np.ascontiguousarray(rows), values.shape[1])


def _stretched(cells: np.ndarray, size: int) -> np.ndarray:
    """(n, m) to (n, size): between the middles of the cells, and constant beyond them."""
    at = np.clip((np.arange(size) + 0.5) / CELL - 0.5, 0, cells.shape[1] - 1)
    first = np.minimum(at.astype(int), max(cells.shape[1] - 2, 0))
    second = np.minimum(first + 1, cells.shape[1] - 1)
    found = cells[:, second]
    found -= cells[:, first]
    found *= (at - first).astype(np.float32)
    found += cells[:, first]
    return found


def _centred(image: Image, stars: np.ndarray, step: int, threads: int) -> np.ndarray:
    """The stars at their centres in the image, without hot pixels and what is too near its edge."""
    reach = RADIUS + step
    bands = row_bands(image.shape, pixels=_BAND_ROWS * image.shape[1])
    found: list[np.ndarray] = []

    def work(rows: slice, _: None) -> None:
        at = np.round(stars[:, :2]).astype(int) - reach
        middle = at[:, 0] + reach
        inside = (at >= 0).all(axis=1) & (at + 2 * reach < image.shape).all(axis=1)
        mine = np.flatnonzero((middle >= rows.start) & (middle < rows.stop) & inside)
        if not len(mine):
            return
        top = max(rows.start - reach, 0)
        band = image.rows(slice(top, min(rows.stop + reach, image.shape[0])))
        side = np.arange(2 * reach + 1)
        first, left = at[mine].T
        y, x = (first - top)[:, np.newaxis] + side, left[:, np.newaxis] + side
        parts = band[:, y[:, :, np.newaxis], x[:, np.newaxis, :]].mean(axis=0)
        good, centres = _centres(parts)
        found.append(np.column_stack([centres + at[mine], stars[mine, 2]])[good])

    for_each_band(bands, threads, lambda: None, work)
    all_found = np.concatenate([np.empty((0, 3)), *found])
    return all_found[np.lexsort([*all_found.T[1::-1], -all_found[:, 2]])]


def _centres(parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centres of the stars in parts of an image, (n, m, m).

    Returns
    -------
    good : ndarray, (n,), bool
        Whether there is a star.
    centres : ndarray, (n, 2)
        y and x in each part.
    """
    from scipy import ndimage

    count, side, _ = parts.shape
    parts = parts - np.median(parts, axis=(1, 2), keepdims=True)
    good = np.isfinite(parts).all(axis=(1, 2))
    parts = np.where(good[:, np.newaxis, np.newaxis], parts, 0)
    smooth = ndimage.uniform_filter(parts, (0, 3, 3))[:, 1:-1, 1:-1].reshape(count, -1)
    top, left = np.divmod(np.argmax(smooth, axis=1), side - 2)
    three = np.arange(3)
    near = parts[
        np.arange(count)[:, np.newaxis, np.newaxis],
        (top[:, np.newaxis] + three)[:, :, np.newaxis],
        (left[:, np.newaxis] + three)[:, np.newaxis],
    ].reshape(count, 9)
    near.sort(axis=1)
    good &= near[:, -2] >= ALONE * near[:, -1]
    centres = np.stack([top, left], axis=1) + 1.0
    light, axis = np.maximum(parts, 0), np.arange(side)
    for _ in range(5):
        y, x = (axis - each[:, np.newaxis] for each in centres.T)
        along_y, along_x = (np.exp(-(each**2) / (2 * WINDOW**2)) for each in (y, x))
        rows = np.einsum("nij,nj->ni", light, along_x) * along_y
        columns = np.einsum("nij,ni->nj", light, along_y) * along_x
        total = rows.sum(axis=1)
        good &= total > 0
        total = np.where(total > 0, total, 1)
        moved = np.stack([(rows * y).sum(axis=1), (columns * x).sum(axis=1)], axis=1)
        # A weighted mean of a Gaussian moves half of the way, so twice of it is gone.
        centres = np.clip(centres + 2 * moved / total[:, np.newaxis], 0, side - 1)
    return good & ((centres > 0) & (centres < side - 1)).all(axis=1), centres

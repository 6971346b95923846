"""The small copy of the image on which the spline is fitted: one value per block of pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .bands import FEW_PIXELS, for_each_band, row_bands
from .blocks import blocks, mean_of_blocks
from .image import CLIPPED, MISSING_LEVEL, Image
from .kernels import FASTEST, Kernels
from .order_statistics import Quantiles, count_pass, guess_quantiles, quantiles, search
from .stretch import Stretch

ZEROS_COUNT = -1.0
"""A weight image has this instead of `MISSING_LEVEL`: its zeros are values like any other."""

BELOW = -np.inf
"""The median of a block of which half is clipped at 0: all that is known is that it lies below."""

Reduction = Callable[[np.ndarray], np.ndarray]
"""Reduces a band, (K, rows, W), to its blocks, (K, h, w)."""


def block_centres(size: int, factor: int) -> np.ndarray:
    """Normalised pixel-centre coordinates of the blocks along one axis.

    A block that covers pixels a..b has its centre at ``((a + b + 1) / 2) / size``; the last one
    may be partial.

    Returns
    -------
    ndarray, (ceil(size / factor),), float64, in (0, 1)
    """
    start = np.arange(0, size, factor)
    return (start + np.minimum(start + factor, size)) / (2 * size)


def measured_and_reduced(
    image: Image,
    probabilities: Sequence[float],
    stretch_of: Callable[[np.ndarray], Stretch],
    factor: int,
    function: str,
    threads: int = 1,
    kernels: Kernels = FASTEST,
) -> tuple[Quantiles, np.ndarray]:
    """Quantiles of an image, and the image reduced block by block, without missing samples.

    Parameters
    ----------
    image : Image, linear
    probabilities : sequence of float in [0, 1]
    stretch_of : callable
        Gives the stretch of the reduced image by the quantiles, (K, P), linear.
    factor : int
        Block size in pixels; partial blocks at the far edges use the pixels that exist.
    function : {"median", "grouped median", "mean"}
        The median of an even count is the mean of the two middle values after the stretch. The
        stretch is monotone, so only those two are stretched, and they are found in the pass that
        counts for the quantiles. Where they are equal, as in coarse integers, the grouped median
        tells what was rounded off. Means are of stretched values, in a pass of their own.
    threads : int, optional
    kernels : Kernels, optional

    Returns
    -------
    quantiles : Quantiles
    small : ndarray, (h, w, K), float32, planar in memory, stretched
        NaN where a block has no valid sample, `BELOW` where its median is clipped.
    """
    if function == "mean":
        found = quantiles(image, probabilities, threads, kernels=kernels)
        stretch = stretch_of(found.values())
        means = _reduced(
            image, factor, threads, lambda band: _means(band, stretch, factor, kernels)
        )
        return found, means
    h, w = (-(-size // factor) for size in image.shape)
    low, high = (np.empty((image.channels, h, w), np.float32) for _ in range(2))

    def read(rows: slice, buffers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        band = image.read(rows, buffers[0])
        top = rows.start // factor
        own = _middle_values(band, factor, MISSING_LEVEL, kernels, function == "grouped median")
        place = slice(top, top + own[0].shape[1])
        low[:, place], high[:, place] = own
        return band, band

    # Of rows that are cheap to read: at fewer places, a frame that is half land takes a third pass.
    guess = guess_quantiles(image, probabilities, threads, kernels=kernels, rows=2)
    found = Quantiles(image.channels, probabilities, guess, kernels)
    bands = row_bands(image.shape, factor, channels=image.channels)
    count_pass(found, image, bands, threads, read, 1)
    search(found, image, row_bands(image.shape), threads)
    _to_medians(low, high, stretch_of(found.values()))
    return found, np.moveaxis(low, 0, 2)


def downscale(
    image: Image,
    stretch: Stretch,
    factor: int,
    function: str,
    threads: int = 1,
    kernels: Kernels = FASTEST,
) -> np.ndarray:
    """An image reduced block by block in a stretch: see `measured_and_reduced`."""
    return measured_and_reduced(
        image, [0.5], lambda found: stretch, factor, function, threads, kernels
    )[1]


def restretched(
    small: np.ndarray, old: Stretch, new: Stretch, kernels: Kernels = FASTEST
) -> np.ndarray:
    """A down-scaled image, (h, w, K) float32, from one stretch to another; NaN and `BELOW` stay."""
    planes = np.moveaxis(small, 2, 0)
    out = np.empty(planes.shape, np.float32)
    for rows in row_bands(planes.shape[1:], pixels=FEW_PIXELS):
        out[:, rows] = new.apply(old.invert(planes[:, rows], kernels)[0])
    out[planes == BELOW] = BELOW
    return np.moveaxis(out, 0, 2)


def downscale_weight(
    weight: Image,
    factor: int,
    function: str,
    threads: int = 1,
    kernels: Kernels = FASTEST,
) -> np.ndarray:
    """Reduce a weight image, in [0, 1], by the same block function: (h, w, K), float32."""

    def medians(band: np.ndarray) -> np.ndarray:
        low, high = _middle_values(band, factor, ZEROS_COUNT, kernels)
        return (low.astype(np.float64) + high) / 2

    def means(band: np.ndarray) -> np.ndarray:
        return np.stack([mean_of_blocks(blocks(plane, factor)) for plane in band])

    return _reduced(weight, factor, threads, means if function == "mean" else medians)


def _reduced(image: Image, factor: int, threads: int, reduction: Reduction) -> np.ndarray:
    height, width = image.shape
    h, w = -(-height // factor), -(-width // factor)
    out = np.empty((image.channels, h, w), np.float32)
    bands = row_bands(image.shape, factor)
    room = (image.channels, bands[0].stop, width)

    def work(rows: slice, buffer: np.ndarray) -> None:
        top = rows.start // factor
        blocks = reduction(image.read(rows, buffer))
        out[:, top : top + blocks.shape[1]] = blocks

    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    return np.moveaxis(out, 0, 2)


def _to_medians(low: np.ndarray, high: np.ndarray, stretch: Stretch) -> None:
    """The stretched medians between two middle values, (K, h, w) each, in place of the first."""
    # Of a clipped channel, the upper of the middle values: it is known in more blocks, and the same
    # order statistic in all of them.
    clipped = stretch.pedestal == CLIPPED
    low[clipped] = high[clipped]
    for rows in row_bands(low.shape[1:], pixels=FEW_PIXELS):
        part = low[:, rows]
        below = part == CLIPPED
        part[:] = (stretch.apply(part) + stretch.apply(high[:, rows])) / 2
        part[below] = BELOW


def _means(band: np.ndarray, stretch: Stretch, factor: int, kernels: Kernels) -> np.ndarray:
    own = zip(band, stretch.pedestal, stretch.scale, stretch.midtones, strict=True)
    return np.stack([kernels.stretched_means(*each, stretch.target, factor) for each in own])


def _middle_values(
    band: np.ndarray, factor: int, least: float, kernels: Kernels, grouped: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The two middle samples of each block, (K, h, w) each; NaN where none exceeds `least`."""
    planes = [kernels.middle_values(plane, factor, least, grouped) for plane in band]
    low, high = map(np.stack, zip(*planes, strict=True))
    return low, high

"""Pictures of images: resampling to a size on screen, the display stretch, the tint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...image.bands import thinning_step
from ...image.image import Image, is_valid
from ...image.robust import robust_sigma
from ...image.stretch import Stretch
from .page import Colour

MISSING: Colour = (38, 43, 52)
EXCLUDED: Colour = (255, 70, 80)

SHADOWS_CLIPPING = 2.8
"""Black is this many robust deviations below the median, as in PixInsight's automatic STF."""

BAND_SAMPLES = 1_000_000
"""Samples that are resampled at a time, which bounds the temporary copies."""

STATISTICS_SAMPLES = 1_000_000
"""Statistics on the page are those of about this many samples of a channel."""


def resample(
    image: Image,
    size: tuple[int, int],
    valid: Callable[[np.ndarray], np.ndarray] = is_valid,
) -> np.ndarray:
    """Resample an image to a size on screen, without aliasing or spreading missing samples.

    Block means reduce the planes to about twice the size, and a filter with positive weights to
    the size itself. Where an image is smaller, its pixels are enlarged to squares first.

    Parameters
    ----------
    image : Image
        It may have any number of channels.
    size : (h, w)
    valid : callable, optional
        Tells which samples of some rows, (K, n, W), are valid.

    Returns
    -------
    ndarray, (K, h, w), float32; NaN where less than half of the area is valid
    """
    from PIL import Image as pil

    channels, (height, width) = image.channels, image.shape
    fy, fx = max(1, height // (2 * size[0])), max(1, width // (2 * size[1]))
    repeat_y, repeat_x = -(-size[0] // height), -(-size[1] // width)
    padded_width = width + -width % fx
    band_rows = max(1, BAND_SAMPLES // (channels * padded_width * fy)) * fy
    sums = np.empty((2, channels, -(-height // fy), padded_width // fx), np.float32)
    for top in range(0, height, band_rows):
        band = image.rows(slice(top, min(top + band_rows, height)))
        rows = band.shape[1]
        good = valid(band)
        samples = np.zeros((2, channels, rows + -rows % fy, padded_width), np.float32)
        np.copyto(samples[0, :, :rows, :width], band, where=good)
        samples[1, :, :rows, :width] = good
        # Whole rows first: that sum runs along contiguous memory.
        blocks = samples.reshape(2, channels, -1, fy, padded_width).sum(axis=3)
        blocks = blocks.reshape(*blocks.shape[:3], -1, fx).sum(axis=4)
        sums[:, :, top // fy : top // fy + blocks.shape[2]] = blocks

    # Padding rounds the last blocks up; the box is where the image itself ends.
    box = (0.0, 0.0, width / fx * repeat_x, height / fy * repeat_y)

    def resized(plane: np.ndarray) -> np.ndarray:
        if repeat_y > 1 or repeat_x > 1:
            plane = plane.repeat(repeat_y, axis=0).repeat(repeat_x, axis=1)
        picture = pil.fromarray(plane).resize(size[::-1], pil.Resampling.HAMMING, box)
        return np.asarray(picture)

    total, count = (np.stack([resized(plane) for plane in planes]) for planes in sums)
    covered = count >= 0.5 * fy * fx
    means: np.ndarray = np.divide(total, count, out=np.full_like(total, np.nan), where=covered)
    return means


def display_stretch(first: np.ndarray, *others: np.ndarray) -> Stretch:
    """One stretch for several images, under which the sky of the first is a dark grey.

    After PixInsight's automatic screen transfer function: black lies 2.8 deviations below the
    median, and the median is drawn at 0.25. All channels share contrast and midtones; each has a
    black of its own, so that a sky of any colour is grey and its gradient shows. Where that would
    draw the sky of another image black, because its level was moved, all channels share one
    black too.

    Parameters
    ----------
    first, others : ndarray, (K, h, w), linear; NaN = missing
        Only the medians of the others matter.

    Returns
    -------
    Stretch
    """
    channels = [_valid_values(plane) for plane in first]
    medians = np.array([np.median(values) for values in channels])
    deviations = [robust_sigma(values) for values in channels]
    lowest = np.array([values.min() for values in channels])
    spread = SHADOWS_CLIPPING * float(np.mean(deviations))
    # A flat image has no deviation, one of few levels has none below its lowest.
    spread = min(spread, (medians - lowest).max()) or 1.0
    black = medians - spread
    levels = [[np.median(_valid_values(plane)) for plane in planes] for planes in others]
    if any((level < black).any() for level in levels):
        black = np.full_like(black, black.min())
    scale = max(values.max() for values in channels) - black.min()
    return Stretch(
        black,
        np.full_like(black, max(scale, 2 * spread)),
        np.full_like(black, (medians - black).mean() / max(scale, 2 * spread)),
    )


def describe(stretch: Stretch) -> str:
    """A sentence on the stretch that three pictures have in common."""
    text = "All three pictures have the same stretch."
    if len(stretch.pedestal) == 1:
        return text
    if np.ptp(stretch.pedestal) == 0:
        return f"{text} All channels have the same black point."
    return f"{text} Each channel has its own black point, so that the sky of Before is grey."


def _valid_values(plane: np.ndarray) -> np.ndarray:
    """The samples of a plane that are finite, float64; a single 0 if there are none."""
    values: np.ndarray = plane[np.isfinite(plane)].astype(np.float64)
    return values if values.size else np.zeros(1)


def to_rgb(stretched: np.ndarray) -> np.ndarray:
    """Convert stretched values to colours on screen.

    Parameters
    ----------
    stretched : ndarray, (K, h, w), in [0, 1]; NaN = missing

    Returns
    -------
    ndarray, (h, w, 3), uint8; `MISSING` where every channel is missing
    """
    planes = np.broadcast_to(np.nan_to_num(stretched), (3, *stretched.shape[1:]))
    rgb: np.ndarray = np.moveaxis(planes * 255 + 0.5, 0, 2).astype(np.uint8)
    rgb[np.isnan(stretched).all(axis=0)] = MISSING
    return rgb


def tint_excluded(rgb: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mark the parts that the fit does not use: hatched and outlined, or tinted if used in part.

    Parameters
    ----------
    rgb : ndarray, (h, w, 3), uint8
    weight : ndarray, (K, h, w), in [0, 1]
        The picture does not change where it is NaN.

    Returns
    -------
    ndarray, (h, w, 3), uint8
    """
    unused = 1 - np.nan_to_num(weight, nan=1.0).mean(axis=0)
    excluded = unused > 0.999
    y, x = np.indices(excluded.shape)
    strength = np.where(excluded & ((x + y) % 9 < 2), 0.68, 0.4 * unused)
    around = np.pad(excluded, 1, mode="edge")
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    strength[excluded & ~inside] = 0.85
    strength = strength[..., np.newaxis]
    tinted = rgb * (1 - strength) + np.array(EXCLUDED) * strength
    return np.asarray(tinted + 0.5, np.uint8)


def thinned(image: Image) -> tuple[int, np.ndarray]:
    """(n, samples): every nth row and column, (K, h, w), float32, NaN where missing."""
    step = thinning_step(image.shape, STATISTICS_SAMPLES)
    tops = range(0, image.shape[0], step)
    # A copy of what is kept, or it would hold the memory of the whole row.
    rows = [image.rows(slice(top, top + 1))[:, 0, ::step].copy() for top in tops]
    planes = np.stack(rows, axis=1)
    return step, np.where(is_valid(planes), planes, np.float32(np.nan))


def thinning(image: Image) -> tuple[Image, np.ndarray]:
    """The same image, and its `thinned` samples, which are filled in while the image is read.

    This is for images that are computed where they are read: a row on its own takes several times
    as long as a row of a band.
    """
    step = thinning_step(image.shape, STATISTICS_SAMPLES)
    height, width = (-(-size // step) for size in image.shape)
    samples = np.full((image.channels, height, width), np.nan, np.float32)

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = image.read(rows, out)
        top = -(-rows.start // step)
        some = band[:, top * step - rows.start :: step, ::step]
        np.copyto(samples[:, top : top + some.shape[1]], some, where=is_valid(some))
        return band

    return replace(image, read=read), samples


def thin_out(image: Image) -> tuple[int, list[np.ndarray]]:
    """(n, samples): the valid samples of each channel in every nth row and column."""
    step, planes = thinned(image)
    return step, [plane[np.isfinite(plane)] for plane in planes]

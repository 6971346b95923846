"""Pictures of images: resampling to a size on screen, the display stretch, the tint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...image.bands import thinning_step
from ...image.image import Image, is_valid
from ...image.robust import robust_sigma
from ...image.stretch import Stretch
from ...model.correction import Correction
from .page import Colour

MISSING: Colour = (38, 43, 52)
EXCLUDED: Colour = (176, 255, 32)
"""Yellow-green, which no nebula is: hydrogen is red or pink, oxygen is teal, dust reflects blue."""

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


@dataclass(frozen=True, eq=False)
class SkyLevels:
    """The level of the sky before and after a correction, which pictures show as grey.

    Attributes
    ----------
    before : ndarray, (K,), linear
        The median of the model: that of the image would be a nebula's where one fills the frame.
    after : ndarray, (K,), linear
        What the correction makes of that level.
    contrast : ndarray, (K,), positive
        The factor by which the correction changes differences from that level.
    """

    before: np.ndarray
    after: np.ndarray
    contrast: np.ndarray

    @classmethod
    def of(cls, correction: Correction, medians: np.ndarray) -> SkyLevels:
        """Those of a correction whose background has these medians, (K,)."""
        before = np.nan_to_num(medians)
        contrast = np.ones_like(before)
        if correction.mode == "divide":
            usable = (before != 0) & (correction.levels != 0)
            np.divide(correction.levels, before, out=contrast, where=usable)
        divisor = correction.divisor
        return cls(before, correction.levels / divisor, np.abs(contrast) / divisor)


def display_stretches(before: np.ndarray, sky: SkyLevels) -> tuple[Stretch, Stretch]:
    """The stretch of before and model, and that of after: the sky is a dark grey in all of them.

    After PixInsight's automatic screen transfer function: black lies 2.8 deviations below the sky,
    and the sky is drawn at 0.25. Each channel of each picture has a black of its own, so that a
    sky of any colour and any pedestal is grey and its gradient shows. Contrast and midtones are
    the same for all channels and pictures.

    Parameters
    ----------
    before : ndarray, (K, h, w), linear; NaN = missing
    sky : SkyLevels
    """
    channels = [_valid_values(plane) for plane in before]
    spread = SHADOWS_CLIPPING * float(np.mean([robust_sigma(values) for values in channels]))
    # A flat image has no deviation, one of few levels has none below its lowest.
    spread = min(spread, max(np.median(values) - values.min() for values in channels)) or 1.0
    highest = np.array([values.max() for values in channels])
    scale = max(float((highest - sky.before).max()) + spread, 2 * spread)
    midtones = np.full_like(sky.before, spread / scale)
    first, second = (
        Stretch(level - contrast * spread, contrast * scale, midtones)
        for level, contrast in ((sky.before, np.ones_like(midtones)), (sky.after, sky.contrast))
    )
    return first, second


def missing_as_nan(corrected: Image, image: Image) -> Image:
    """A corrected image with NaN where the image has no valid sample: 0 is a valid level in it."""

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = corrected.read(rows, out)
        band[~is_valid(image.rows(rows))] = np.nan
        return band

    return replace(corrected, read=read)


STRETCHED = (
    "The sky, at the median of the model, is the same grey in all three pictures, and they have "
    "the same contrast."
)
"""A sentence on the stretches that three pictures have in common."""


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
    strength = np.where(excluded & ((x + y) % 9 < 2), 0.68, 0.3 * unused)
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


def thinning(
    image: Image, valid: Callable[[np.ndarray], np.ndarray] = is_valid
) -> tuple[Image, np.ndarray]:
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
        np.copyto(samples[:, top : top + some.shape[1]], some, where=valid(some))
        return band

    return replace(image, read=read), samples


def thin_out(image: Image) -> tuple[int, list[np.ndarray]]:
    """(n, samples): the valid samples of each channel in every nth row and column."""
    step, planes = thinned(image)
    return step, [plane[np.isfinite(plane)] for plane in planes]

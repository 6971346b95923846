"""Pictures as a page gets them: a header in JSON, and planes of half floats, bytes or labels."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np

from ..image.bands import for_each_band, row_bands
from ..image.image import Image
from ..image.missing import ZERO
from .pages import text_of

LONGEST_SIDE = 1024
"""Pixels along the longer side of the picture of a whole image."""

SAMPLED = 1 << 18
"""Pixels that the statistics of a picture are taken of, at least, if the image has so many."""

LARGEST_HALF = 60_000.0
"""Half floats end at 65504."""

LEAST_UNIT = 1e-30
"""The inverse of a unit must be a float of 32 bits."""

_TYPES = {"half": "<f2", "byte": "<u1", "label": "<u2"}


@dataclass(frozen=True, eq=False)
class Scale:
    """How linear values become half floats: ``(value - offset) / unit``, K each.

    The offset is the sky and the unit about its noise, so that half floats, of 11 bits, are exact
    to a small part of the noise where the sky is.
    """

    offset: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, statistics: dict[str, np.ndarray]) -> Scale:
        """By the statistics of an image; see `measured_and_binned`."""
        middle, noise = statistics["median"], statistics["mad"]
        reach = np.maximum(statistics["maximum"] - middle, middle - statistics["minimum"])
        unit = np.maximum(np.maximum(noise, reach / LARGEST_HALF), LEAST_UNIT)
        return cls(np.nan_to_num(middle), np.nan_to_num(unit, nan=1.0))

    def halves(self, planes: np.ndarray) -> np.ndarray:
        """Linear planes, (K, h, w), as half floats; what is missing is NaN."""
        out = np.empty(planes.shape, _TYPES["half"])
        for plane, half, offset, unit in zip(planes, out, self.offset, self.unit, strict=True):
            for rows in row_bands(plane.shape):
                values = (plane[rows] - np.float32(offset)) * np.float32(1 / unit)
                half[rows] = np.clip(values, -LARGEST_HALF, LARGEST_HALF, out=values)
        return out


def encoded(
    name: str,
    planes: np.ndarray,
    kind: str,
    *,
    scale: Scale | None = None,
    revision: int = 0,
    **more: object,
) -> bytes:
    """A picture as one message.

    Parameters
    ----------
    name : str
    planes : ndarray, (K, h, w)
        Of the type that the kind has.
    kind : {"half", "byte", "label"}
    scale : Scale, optional
        Of half floats.
    revision : int, optional
        Of the document that it belongs to.
    **more
        Further numbers of the header.
    """
    channels, height, width = planes.shape
    header = {
        "picture": name,
        "revision": revision,
        "width": width,
        "height": height,
        "channels": channels,
        "type": kind,
    }
    if scale:
        header |= {"offset": scale.offset.tolist(), "scale": scale.unit.tolist()}
    text = text_of(header | more).encode()
    text += b" " * (-len(text) % 4)
    payload = np.ascontiguousarray(planes, np.dtype(_TYPES[kind]))
    return b"".join([len(text).to_bytes(4, "little"), text, payload.data])


def binned(planes: np.ndarray, factor: int) -> np.ndarray:
    """(K, n, W) to means of blocks, (K, ceil(n / factor), ceil(W / factor)), float32.

    Pixels that are NaN count in none, and are the mean of nothing.
    """
    if factor == 1:
        return planes
    _, rows, width = planes.shape
    seen = ~np.isnan(planes)
    whole = seen.all()
    values = planes if whole else np.where(seen, planes, np.float32(0))
    tops, lefts = range(0, rows, factor), range(0, width, factor)
    total = np.add.reduceat(np.add.reduceat(values, tops, axis=1), lefts, axis=2)
    if whole:
        heights = np.diff([*tops, rows]).astype(np.float32)
        widths = np.diff([*lefts, width]).astype(np.float32)
        return total / (heights[:, None] * widths)
    count = np.add.reduceat(np.add.reduceat(seen.astype(np.float32), tops, axis=1), lefts, axis=2)
    with np.errstate(invalid="ignore"):
        return total / count


def presentable(planes: np.ndarray) -> np.ndarray:
    """Samples as they are shown: what is missing or not finite is NaN, marks of zero are 0."""
    size = np.abs(planes)
    out = np.where((size > 0) & (size < np.inf), planes, np.float32(np.nan))
    out[size <= np.float32(ZERO)] = 0
    out[planes == 0] = np.nan
    return out


def binning_of(shape: tuple[int, int]) -> int:
    """The pixels per pixel of the picture of an image, (H, W)."""
    return -(-max(shape) // LONGEST_SIDE)


def measured_and_binned(image: Image, threads: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The picture of an image, and statistics of its pixels, in one pass.

    Returns
    -------
    picture : ndarray, (K, h, w), float32, linear
    statistics : dict of ndarray, (K,), linear
        ``median`` and ``mad``, without 1.4826, of a regular sample; ``minimum`` and ``maximum``.
    """
    factor = binning_of(image.shape)
    height, width = image.shape
    picture = np.empty((image.channels, -(-height // factor), -(-width // factor)), np.float32)
    step = max(1, int((height * width / SAMPLED) ** 0.5))
    sampled: list[np.ndarray] = []
    ends: list[tuple[np.ndarray, np.ndarray]] = []
    lock = Lock()

    def work(rows: slice, buffer: np.ndarray) -> None:
        band = presentable(image.read(rows, buffer))
        top = rows.start // factor
        small = binned(band, factor)
        picture[:, top : top + small.shape[1]] = small
        some = band[:, -rows.start % step :: step, ::step].reshape(len(band), -1).copy()
        low, high = (of(band, axis=(1, 2)) for of in (np.fmin.reduce, np.fmax.reduce))
        with lock:
            sampled.append(some)
            ends.append((low, high))

    bands = row_bands(image.shape, factor)
    room = (image.channels, bands[0].stop, width)
    for_each_band(bands, threads, lambda: np.empty(room, np.float32), work)
    sample = np.concatenate(sampled, axis=1)
    lows, highs = zip(*ends, strict=True)
    low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
    middle = np.array([_median(plane) for plane in sample])
    mad = np.array([_median(np.abs(plane - m)) for plane, m in zip(sample, middle, strict=True)])
    return picture, {"median": middle, "mad": mad, "minimum": low, "maximum": high}


def _median(values: np.ndarray) -> float:
    seen = values[~np.isnan(values)]
    return float(np.median(seen)) if seen.size else float("nan")

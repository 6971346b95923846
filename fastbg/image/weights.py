"""The weight of each down-scaled pixel in the fit: by thresholds or by a weight image.

A missing pixel has no weight. Only ratios of weights count, so that a mask may come in any unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from .bands import row_bands
from .downscale import BELOW, downscale_weight
from .image import Image, Samples
from .kernels import FASTEST, Kernels

FAINT = 0.5
"""A mask whose largest sample is below this part of its range is not meant to use that range."""


@dataclass(frozen=True)
class MaskRange:
    """The samples of a mask that have no weight and full weight.

    Attributes
    ----------
    low, high : float
        They become 0 and 1.
    guessed : bool
        Whether nothing but the largest sample tells ``high``.
    """

    low: float
    high: float
    guessed: bool = False

    @property
    def bounds(self) -> tuple[float, float]:
        """As `Image.of` takes them."""
        return self.low, self.high


def range_of_mask(samples: Samples, low: float = 0.0, high: float = 1.0) -> MaskRange:
    """The range of a mask, from all of its samples.

    A mask that has one value besides ``low`` has full weight there, whatever the value. Otherwise
    its largest sample has full weight if it lies below half of the range that the mask declares,
    as in a mask of 0 to 255 that is stored in 16 bits.

    Parameters
    ----------
    samples : Samples
    low, high : float
        The range that the mask, or the type of its samples, declares.
    """
    least, largest = np.inf, -np.inf
    for rows in row_bands(samples.shape[1:]):
        band = samples.read_rows(rows)
        largest = max(largest, float(band.max()))
        above = band[band > low]
        least = min(least, float(above.min())) if above.size else least
    if not low < largest < np.inf:
        return MaskRange(low, high)
    if least == largest:
        return MaskRange(low, largest)
    is_faint = largest - low < FAINT * (high - low)
    return MaskRange(low, largest, guessed=True) if is_faint else MaskRange(low, high)


def weight_from_thresholds(stretched: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 where ``low <= value <= high`` or the value is `BELOW`, else 0.

    Parameters
    ----------
    stretched : ndarray, (h, w, K), stretched; NaN = missing, gets 0

    Returns
    -------
    ndarray, (h, w, K), float32
    """
    # Stretched values lie in [0, 1], and thresholds may lie beyond float32.
    low, high = max(low, -1.0), min(high, 2.0)
    within = (stretched >= low) & (stretched <= high)
    return (within | (stretched == BELOW)).astype(np.float32)


def weight_from_image(
    weight: Image,
    shape: tuple[int, int],
    stretched: np.ndarray,
    factor: int,
    function: str,
    threads: int = 1,
    kernels: Kernels = FASTEST,
    name: str = "mask",
) -> np.ndarray:
    """Reduce a full-resolution weight image to the grid of the fit.

    Parameters
    ----------
    weight : Image, of 1 or K channels, in [0, 1]; 1 = used
    shape : (H, W) of the image that it belongs to
    stretched : ndarray, (h, w, K); NaN = missing, gets 0
    name : str, optional
        What errors call it.

    Returns
    -------
    ndarray, (h, w, K), float32

    Raises
    ------
    InputError
        If its size or channel count does not fit the image, or a value lies outside [0, 1].
    """
    if weight.shape != shape:
        raise InputError(
            f"the {name} has {_size(weight.shape)} pixels and the image {_size(shape)}: "
            f"make the {name} from the image itself"
        )
    if weight.channels not in (1, stretched.shape[2]):
        raise InputError(
            f"the {name} has {weight.channels} channels and the image {stretched.shape[2]}: "
            f"give a {name} of one channel, or of as many as the image"
        )
    reduced = downscale_weight(_checked(weight, name), factor, function, threads, kernels)
    return np.where(np.isnan(stretched), np.float32(0), reduced)


def feathered(weight: np.ndarray, pixels: float) -> np.ndarray:
    """Let the weight rise from 0 beside ignored pixels to its full value some pixels away.

    Parameters
    ----------
    weight : ndarray, (h, w, K)
    pixels : float
        The width of the rise, in pixels of the fit; 0 changes nothing.

    Returns
    -------
    ndarray, (h, w, K), float32
        Nowhere larger than it was, so that ignored pixels stay ignored.
    """
    if not pixels:
        return weight
    from scipy.ndimage import distance_transform_edt

    planes = [
        plane
        * np.minimum(
            distance_transform_edt(np.pad(plane > 0, 1, mode="edge"))[1:-1, 1:-1] / pixels, 1
        )
        if not plane.all()
        else plane
        for plane in np.moveaxis(weight, 2, 0)
    ]
    return np.stack(planes, axis=2).astype(np.float32)


def without_border(
    weight: np.ndarray, sides: tuple[int, int, int, int], shape: tuple[int, int], block: int
) -> np.ndarray:
    """The weight with 0 in all pixels of the fit that hold some of the border of the image.

    Parameters
    ----------
    weight : ndarray, (h, w, K)
    sides : (left, top, right, bottom)
        The widths of the border, in pixels of the image as it is stored.
    shape : (H, W) of that image
    block : int
        The side of the block of these that became a pixel of the fit.

    Raises
    ------
    InputError
        If nothing is left.
    """
    if not any(sides):
        return weight
    (height, width), (left, top, right, bottom) = shape, sides
    rows, columns = (
        slice(-(-before // block), (size - after) // block if after else None)
        for before, size, after in ((top, height, bottom), (left, width, right))
    )
    inside = np.zeros_like(weight)
    if top + bottom < height and left + right < width:
        inside[rows, columns] = weight[rows, columns]
    if not inside.any():
        raise InputError(
            f"a border of {','.join(map(str, sides))} pixels (left, top, right, bottom) leaves "
            f"nothing to fit of an image of {_size(shape)} pixels: make it narrower"
        )
    return inside


def image_without_border(weight: Image, sides: Sequence[int]) -> Image:
    """A weight image that is 0 in its border: see `without_border`, in pixels of its own."""
    (height, width), (left, top, right, bottom) = weight.shape, sides

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = np.zeros_like(out[:, : rows.stop - rows.start])
        y = np.arange(rows.start, rows.stop)
        inside = np.flatnonzero((y >= top) & (y < height - bottom))
        columns = slice(left, max(width - right, 0))
        band[:, inside, columns] = weight.rows(rows)[:, inside, columns]
        return band

    return replace(weight, read=read)


def product(weights: Sequence[Image], name: str = "mask") -> Image:
    """The product of weight images, which have one size and 1 or K channels each.

    Parameters
    ----------
    weights : sequence of Image
    name : str, optional
        What errors call one of them.

    Raises
    ------
    InputError
        If their sizes or channel counts do not fit together.
    """
    first, *others = weights
    for other in others:
        first = _times(first, other, name)
    return first


def _times(one: Image, other: Image, name: str) -> Image:
    if one.shape != other.shape:
        raise InputError(
            f"one {name} has {_size(one.shape)} pixels and another {_size(other.shape)}: "
            f"make each {name} from the image itself"
        )
    if len({one.channels, other.channels} - {1}) > 1:
        raise InputError(
            f"one {name} has {one.channels} channels and another {other.channels}: "
            "give all of one channel, or of as many as the image"
        )
    channels = max(one.channels, other.channels)

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        product = out[:, : rows.stop - rows.start]
        return np.multiply(one.rows(rows), other.rows(rows), out=product)

    return Image(channels, one.shape, read)


def inverted(weight: Image) -> Image:
    """1 - weight."""

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        return np.subtract(1, weight.read(rows, out), out=out[:, : rows.stop - rows.start])

    return replace(weight, read=read)


def _checked(weight: Image, name: str) -> Image:
    """The same image, which raises InputError where it is read and a value is no weight."""

    low, high = ("ignored", "used") if name == "mask" else ("not known", "sky")

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        band = weight.read(rows, out)
        if not (band.min() >= 0 and band.max() <= 1):
            raise InputError(
                f"the {name} has values from {band.min():g} to {band.max():g}: "
                f"rescale it to 0 ({low}) .. 1 ({high})"
            )
        return band

    return replace(weight, read=read)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"

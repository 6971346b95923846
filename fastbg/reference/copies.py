"""A reference on the small grid of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..image.bands import for_each_band, row_bands
from ..image.image import Image

if TYPE_CHECKING:
    from ..coordinates.mapping import Mapping

SATURATED = 0.8
"""Samples above this part of the largest one may be saturated, or near it, no longer linear."""

PIXELS = 1.5
"""The pixels of the reference along the smallest that it shows."""

LEAST_COVERED = 0.5
"""The least share of an image that a reference must cover."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Another image of the same sky.

    Attributes
    ----------
    image : Image, linear
        Mono or RGB, as one that is fitted: a mosaic by its superpixels.
    mapping : Mapping
        Where the pixels of the image that is fitted lie in it.
    kept : dict
        What was computed of it for images of the same grid, for the next ones.
    """

    image: Image
    mapping: Mapping
    kept: dict[Any, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Copies:
    """An image and its reference on the grid of the fit; NaN where they have no samples.

    Attributes
    ----------
    image, reference : ndarray, (h, w, K) and (h, w, R), linear
        Means of blocks, stars and all.
    fitted, without_stars : ndarray, (h, w, K) and (h, w, R), linear
        Image and reference in medians of blocks, or whatever the image is fitted in.
    saturated : ndarray, (h, w), bool
        Where either may be saturated.
    factor : int
        Pixels of the image along the side of a block.
    mapping : Mapping
        Where the pixels of the image lie in the reference.
    """

    image: np.ndarray
    reference: np.ndarray
    fitted: np.ndarray
    without_stars: np.ndarray
    saturated: np.ndarray
    factor: int
    mapping: Mapping

    @cached_property
    def pixel(self) -> float:
        """The side of a pixel of the reference, in blocks."""
        y, x = (self.factor * size / 2 + np.array([0.0, 1, 0]) for size in self.covered.shape)
        places = np.array(self.mapping(y, x[[0, 0, 1]])).T
        (a, b), (c, d) = places[1:] - places[0]
        return 1 / (self.factor * math.sqrt(abs(a * d - b * c)))

    @property
    def size(self) -> float:
        """How large the smallest is that both show, in blocks: at least 1, and some pixels."""
        return max(1.0, PIXELS * self.pixel)

    @property
    def covered(self) -> np.ndarray:
        """(h, w) bool: where both have samples in all channels."""
        both = np.concatenate([self.image, self.reference, self.without_stars], axis=2)
        covered: np.ndarray = np.isfinite(both).all(axis=2)
        return covered

    @property
    def covers(self) -> float:
        """The share of the image that the reference covers."""
        seen = np.isfinite(self.image).all(axis=2)
        return float(self.covered.sum() / max(seen.sum(), 1))


def copies_of(
    image: Image,
    fitted: np.ndarray,
    reference: Reference,
    factor: int,
    function: str,
    **work: Any,
) -> Copies:
    """Bring a reference to the small grid of an image.

    Parameters
    ----------
    image : Image, linear
        The image that is fitted.
    fitted : ndarray, (h, w, K), linear
        Its small copy.
    reference : Reference
    factor : int
    function : str
        The block function of the fit: see `fastbg.image.downscale`.
    **work
        Threads and kernels.

    Raises
    ------
    InputError
        If the reference covers too little of the image, or is the same.
    """
    from ..coordinates.aligned import aligned
    from ..coordinates.mapping import IDENTITY

    shape = image.shape
    own = aligned(_told(image, work), IDENTITY, shape, factor, function="mean", **work)
    parts = own[..., :-1], own[..., -1] > 1, fitted
    return beside(*parts, reference, shape, factor, function, **work)


def beside(
    own: np.ndarray,
    bright: np.ndarray,
    fitted: np.ndarray,
    reference: Reference,
    shape: tuple[int, int],
    factor: int,
    function: str,
    **work: Any,
) -> Copies:
    """Bring a reference to the grid of the small copy of an image.

    Parameters
    ----------
    own, fitted : ndarray, (h, w, K), linear
        See `Copies`: ``image`` and ``fitted``.
    bright : ndarray, (h, w), bool
        Where the image may be saturated.
    reference : Reference
    shape : (H, W)
        Of the image.
    factor, function, **work
        As for `copies_of`, and what is raised, too.
    """
    from ..coordinates.aligned import aligned

    other, mapping = reference.image, reference.mapping
    key = shape, factor, function
    found = reference.kept.get(key) if mapping.how == "same grid" else None
    if found is None:
        where = mapping, shape, factor
        try:
            found = (
                aligned(_told(other, work), *where, function="mean", **work),
                aligned(other, *where, function=function, **work),
            )
        except InputError as error:
            raise InputError(f"the reference {error}") from error
        if mapping.how == "same grid":
            reference.kept[key] = found
    theirs, medians = found
    saturated = bright | (theirs[..., -1] > 1)
    copies = Copies(own, theirs[..., :-1], fitted, medians, saturated, factor, mapping)
    if np.array_equal(copies.image, copies.reference, equal_nan=True):
        raise InputError(
            "the reference has the same pixels as the image: give another image of the same sky"
        )
    if copies.covers < LEAST_COVERED:
        raise InputError(
            f"the reference covers only {100 * copies.covers:.2g} % of the image: give one that "
            "shows all of it, or crop the image"
        )
    return copies


def _told(image: Image, work: dict[str, Any]) -> Image:
    """The image with a further channel: 2 where a sample may be saturated, and 1 elsewhere."""
    level = _saturation(image, work["threads"])[:, np.newaxis, np.newaxis]
    channels = image.channels

    def read(rows: slice, out: np.ndarray) -> np.ndarray:
        out = out[:, : rows.stop - rows.start]
        out[:channels] = image.read(rows, out[:channels])
        out[channels] = 1 + (out[:channels] > level).any(axis=0)
        return out

    return replace(image, channels=channels + 1, read=read)


def _saturation(image: Image, threads: int) -> np.ndarray:
    """(K,): above which level the samples of each channel may be saturated."""
    bands = row_bands(image.shape)
    room = image.channels, bands[0].stop, image.shape[1]

    def start() -> tuple[np.ndarray, np.ndarray]:
        return np.empty(room, np.float32), np.full(image.channels, -np.inf)

    def work(rows: slice, state: tuple[np.ndarray, np.ndarray]) -> None:
        band = image.read(rows, state[0])
        np.fmax(state[1], np.fmax.reduce(band, axis=(1, 2)), out=state[1])

    highest = np.max([most for _, most in for_each_band(bands, threads, start, work)], axis=0)
    level: np.ndarray = SATURATED * highest
    return level

"""An image as it is stored, and the image that a background is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .bayer import binned, check_pattern, halved, superpixels
from .border import NONE, Border, Box
from .border_search import border_of
from .clipping import with_zeros_of_sky
from .image import Image
from .kernels import FASTEST, Kernels
from .outlines import Outline


@dataclass(frozen=True)
class Frame:
    """An image whose background is to be fitted and taken out.

    Attributes
    ----------
    samples : Image, linear
        The image as it is stored.
    pattern : str or None
        The colours of the 2 x 2 pixels of a Bayer mosaic, row by row, like RGGB. None for an
        image that is mono or RGB, or is treated so.
    clipped : float
        The share of the samples that are clipped at 0, where `with_zeros_of_sky` has found it.
    kernels : Kernels
        The kernels that bin a mosaic.
    border : Border
        Where the image shows no sky: these samples are NaN.
    whole : Image or None
        The image with its border.
    outlines : tuple of Outline
        Those of objects that are known from the start, in pixels of `image`.

    Raises
    ------
    InputError
        If there is a pattern that is not a Bayer pattern, or an image of several channels has one.
    """

    samples: Image
    pattern: str | None = None
    clipped: float = 0.0
    kernels: Kernels = FASTEST
    border: Border = NONE
    whole: Image | None = None
    outlines: tuple[Outline, ...] = ()

    def __post_init__(self) -> None:
        if self.pattern:
            check_pattern(self.pattern, self.samples.channels)
            _ = self.image  # raises if it is too small

    @cached_property
    def image(self) -> Image:
        """The linear image that a background is fitted to: the samples, or their superpixels."""
        return self.by_colour(self.samples)

    def by_colour(self, samples: Image) -> Image:
        """Another image of the size of the samples as the one that is fitted is: see `image`."""
        if not self.pattern:
            return samples
        return superpixels(samples, self.pattern, one_green=self.clipped > 0, kernels=self.kernels)

    def band_by_colour(self, mosaic: np.ndarray) -> np.ndarray:
        """Some rows of a mosaic, (1, n, W), as those of `by_colour`; the first row is even."""
        assert self.pattern
        return binned(mosaic, self.pattern, one_green=self.clipped > 0, kernels=self.kernels)

    def without_border(self, told: Sequence[Box] = (), names: Sequence[str] = ()) -> Frame:
        """The frame without its border: see `fastbg.image.border_search.border_of`."""
        border = border_of(self.samples, self.image, told, names)
        if not border:
            return self
        inner = border.out_of(self.samples)
        return replace(self, samples=inner, border=border, whole=self.samples)

    def with_border(self, rows: slice, *bands: np.ndarray) -> tuple[np.ndarray, ...]:
        """Some rows, (K, n, W) each, of which the border is as it is stored."""
        if self.whole is None:
            return bands
        whole = self.whole.rows(rows)
        hidden = self.border.hidden(rows, whole)
        return tuple(np.where(hidden, whole, band) for band in bands)

    def with_zeros_of_sky(self, threads: int = 1) -> Frame:
        """The frame whose scattered zeros count as sky: see `fastbg.image.clipping`."""
        samples, clipped = with_zeros_of_sky(self.samples, threads)
        return replace(self, samples=samples, clipped=clipped)

    def weight(self, weight: Image | None) -> Image | None:
        """A weight image of the size of the samples, or of the fitted image, for that one."""
        if weight and self.pattern and weight.shape == self.samples.shape:
            return halved(weight)
        return weight

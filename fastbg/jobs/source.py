"""The input of a job on files: an image, what is fitted of it, and its masks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..image.bayer import check_pattern, halved, superpixels
from ..image.image import Image
from ..image.weights import product
from ..io import formats, png, regions
from ..io.image_file import ImageFile
from ..settings.settings import Settings

Masks = str | Path | Sequence[str | Path] | None
"""One file, several, or none."""


@dataclass(frozen=True)
class Source:
    """An opened image with its masks.

    Attributes
    ----------
    file : ImageFile
    samples : Image, linear
        As stored.
    image : Image, linear
        What is fitted: the samples, or of an undebayered frame its superpixels.
    weight : Image or None
        Of the shape of `image`: the product of all masks.
    cfa : str or None
        The pattern of an undebayered frame that is fitted as one.
    masks : tuple of ImageFile
    """

    file: ImageFile
    samples: Image
    image: Image
    weight: Image | None
    cfa: str | None
    masks: tuple[ImageFile, ...]

    @property
    def opened(self) -> tuple[ImageFile, ...]:
        """The image and the masks that are images."""
        return (self.file, *self.masks)

    def check_unchanged(self) -> None:
        """Raise InputError if what was read was not all of the same file."""
        for each in self.opened:
            each.check_unchanged()

    @property
    def all_float32(self) -> bool:
        """Whether no samples need to be converted."""
        return all(each.dtype == np.float32 for each in self.opened)


def paths_of(masks: Masks) -> list[Path]:
    """The files, as a list."""
    if not masks:
        return []
    return [Path(masks)] if isinstance(masks, str | Path) else [Path(mask) for mask in masks]


def open_source(path: Path, masks: Masks, settings: Settings, files: ExitStack) -> Source:
    """Open an image and its masks, which stay open as long as `files`.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    file = files.enter_context(formats.open_image(path))
    samples = image = _image(path, file)
    cfa = file.cfa if settings.cfa == "auto" else None
    if cfa:
        try:
            check_pattern(cfa)
            image = superpixels(samples, cfa)
        except InputError as error:
            raise InputError(f"{path} {error}") from error
    weights, opened = [], []
    for mask in paths_of(masks):
        if regions.is_regions(mask):
            weights.append(regions.open_regions(mask, samples.shape))
        else:
            opened.append(files.enter_context(_open_mask(mask)))
            weights.append(_image(mask, opened[-1]))
    weight = product(weights) if weights else None
    if weight and cfa and weight.shape == samples.shape:
        weight = halved(weight)
    return Source(file, samples, image, weight, cfa, tuple(opened))


def _open_mask(path: Path) -> ImageFile:
    return png.open_image(path) if png.is_png(path) else formats.open_image(path)


def _image(path: Path, file: ImageFile) -> Image:
    try:
        return Image.of(file, file.bounds)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error

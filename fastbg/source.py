"""The input of a job on files: an image, what is fitted of it, and its masks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .cfa import check_pattern, halved, superpixels
from .config import Settings
from .errors import InputError
from .image import Image
from .io import formats, png, regions
from .io.image_file import ImageFile
from .io.white import with_white
from .weights import product

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
    areas : tuple of Image
        The weights of the masks that are no images.
    """

    file: ImageFile
    samples: Image
    image: Image
    weight: Image | None
    cfa: str | None
    masks: tuple[ImageFile, ...]
    areas: tuple[Image, ...]

    @property
    def opened(self) -> tuple[ImageFile, ...]:
        """The image and the masks that are images."""
        return (self.file, *self.masks)

    def loaded(self, white: float) -> Source:
        """The same, with compressed samples in memory, and on the scale of its white.

        ``white``: that of the image, or 0 to find it; see `fastbg.io.white`.

        Raises
        ------
        InputError
            If a file is damaged.
        """
        for each in self.opened:
            each.load()
        masks = [with_white(mask) for mask in self.masks]
        try:
            file = with_white(self.file, white)
        except InputError as error:
            raise InputError(f"{self.file.path} {error}") from error
        return _source(file, self.cfa, masks, self.areas)

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


def open_source(path: Path, given: Masks, settings: Settings, files: ExitStack) -> Source:
    """Open an image and its masks, which stay open as long as `files`.

    Their rows can be read once the source is `loaded`.

    Raises
    ------
    InputError
        If one of them cannot be used.
    """
    file = files.enter_context(formats.open_image(path))
    cfa = file.cfa if settings.cfa == "auto" else None
    if cfa:
        try:
            check_pattern(cfa)
        except InputError as error:
            raise InputError(f"{path} {error}") from error
    masks: list[ImageFile] = []
    areas: list[Image] = []
    for mask in paths_of(given):
        if regions.is_regions(mask):
            areas.append(regions.open_regions(mask, file.shape[1:]))
        else:
            masks.append(files.enter_context(_open_mask(mask)))
    return _source(file, cfa, masks, areas)


def _source(
    file: ImageFile, cfa: str | None, masks: Sequence[ImageFile], areas: Sequence[Image]
) -> Source:
    samples = image = _image(file)
    if cfa:
        try:
            image = superpixels(samples, cfa)
        except InputError as error:
            raise InputError(f"{file.path} {error}") from error
    weights = [*areas, *map(_image, masks)]
    weight = product(weights) if weights else None
    if weight and cfa and weight.shape == samples.shape:
        weight = halved(weight)
    return Source(file, samples, image, weight, cfa, tuple(masks), tuple(areas))


def _open_mask(path: Path) -> ImageFile:
    return png.open_image(path) if png.is_png(path) else formats.open_image(path)


def _image(file: ImageFile) -> Image:
    # Signed integers have no range of their own: 0 and 1 stand in until white is decided.
    bounds = (0.0, 1.0) if file.bounds is None and file.dtype.kind == "i" else file.bounds
    try:
        return Image.of(file, bounds)
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error

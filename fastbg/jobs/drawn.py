"""What users draw on an image: masks, or what they know to be sky, as images and as regions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InputError
from ..image.frame import Frame
from ..image.image import Image, Samples
from ..image.kernels import Kernels
from ..image.weights import inverted, product
from ..io import formats, png
from ..io.image_file import ImageFile
from ..io.orientation import Turn
from ..io.white import with_full_weight
from .arguments import Masks, as_path


@dataclass(frozen=True, eq=False)
class Drawn:
    """The files of masks, or of what is known to be sky.

    Attributes
    ----------
    images : tuple of ImageFile
    areas : tuple of Image
        The weights of regions: 0 in what they surround, and 1 elsewhere.
    """

    images: tuple[ImageFile, ...] = ()
    areas: tuple[Image, ...] = ()

    @classmethod
    def open(cls, given: Masks, stored: ImageFile, turn: Turn, files: ExitStack) -> Drawn:
        """Open files that were drawn on an image, which stay open as long as `files`.

        Parameters
        ----------
        given : path or sequence of them, or None
        stored : ImageFile
            The image as it is stored.
        turn : Turn
            What brings that upright.
        files : ExitStack

        Raises
        ------
        InputError
            If one of them cannot be used.
        """
        images: list[ImageFile] = []
        areas: list[Image] = []
        for path in paths_of(given):
            from ..io import regions

            if regions.is_regions(path):
                areas.append(turn.image(regions.open_regions(path, stored.shape[1:])))
            else:
                opened = files.enter_context(_open(path))
                # Where one does not tell which way up it is, both are taken as stored alike.
                told = None not in (stored.orientation, opened.orientation)
                images.append(opened.turned(Turn.of(opened.orientation) if told else turn))
        return cls(tuple(images), tuple(areas))

    def loaded(self, name: str) -> Drawn:
        """The same with the samples that have full weight found; warnings call it by the name."""
        return replace(self, images=tuple(with_full_weight(each, name) for each in self.images))

    def weight(self, frame: Frame, kernels: Kernels) -> Image | None:
        """The product of all masks, for the fitted image; None if there are none."""
        weights = [*self.areas, *(image_of(each, each, kernels) for each in self.images)]
        return frame.weight(product(weights)) if weights else None

    def sky(self, frame: Frame, kernels: Kernels) -> Image | None:
        """The union of what is white in images and of what regions surround."""
        white = (inverted(image_of(each, each, kernels)) for each in self.images)
        weights = [*self.areas, *white]
        return frame.weight(inverted(product(weights, "sky"))) if weights else None

    @property
    def warnings(self) -> list[str]:
        """What was remarkable about the images."""
        return [line for each in self.images for line in each.warnings]


def paths_of(given: Masks) -> list[Path]:
    """The files, as a list."""
    if not given:
        return []
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [*map(as_path, several)]


def image_of(file: ImageFile, samples: Samples, kernels: Kernels) -> Image:
    """The samples of a file, which may be read by way of others, as an image.

    Raises
    ------
    InputError
        If they cannot be used; the message names the file.
    """
    try:
        return Image.of(samples, file.bounds, kernels)
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error


def _open(path: Path) -> ImageFile:
    return png.open_image(path) if png.is_png(path) else formats.open_image(path, mask=True)

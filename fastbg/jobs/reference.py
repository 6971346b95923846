"""The file of a reference: an image of the same sky."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..coordinates.mapping import Field, mapping
from ..coordinates.stars import find_stars
from ..errors import InputError
from ..image.frame import Frame
from ..image.kernels import Kernels
from ..io import formats
from ..io.image_file import ImageFile, LastRead
from ..io.orientation import Turn
from ..io.sections import sections_of
from ..io.white import with_white
from ..reference.copies import Reference
from .coordinates import coordinates_of
from .drawn import image_of


@dataclass(eq=False)
class _Kept:
    """What was found of a reference for one frame, and is the same for the next ones."""

    stars: np.ndarray | None = None
    copies: dict[Any, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)


_kept: dict[tuple[str, int, int], _Kept] = {}
"""That of the last reference, by its path, size and time: the frames of a batch share one."""


@dataclass(frozen=True, eq=False)
class ReferenceFile:
    """A reference that was opened.

    Attributes
    ----------
    path : Path
    file : ImageFile
        Upright.
    """

    path: Path
    file: ImageFile

    @classmethod
    def open(cls, path: Path, files: ExitStack) -> ReferenceFile:
        """Open a file, which stays open as long as `files`.

        Raises
        ------
        InputError
            If it cannot be used.
        """
        stored = files.enter_context(formats.open_image(path))
        return cls(path, stored.turned(Turn.of(stored.orientation)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, H, W), of a mosaic those of its superpixels."""
        channels, height, width = self.file.shape
        return (3, height // 2, width // 2) if self.file.cfa else (channels, height, width)

    @property
    def has_coordinates(self) -> bool:
        """Whether it has a coordinate system, which may be broken."""
        try:
            return coordinates_of(self.file) is not None
        except InputError:
            return True

    def check_other(self, path: Path) -> None:
        """Raise InputError if it is the image itself, which lies there."""
        if self.path.samefile(path):
            raise InputError(
                f"{self.path} cannot be its own reference: give another image of the same sky"
            )

    def loaded(self) -> ReferenceFile:
        """The same on the scale of its white, once its samples are decompressed."""
        with self.errors():
            return replace(self, file=with_white(self.file, 0))

    def of(self, frame: Frame, target: ImageFile, kernels: Kernels, threads: int) -> Reference:
        """The reference of a frame from another file.

        Raises
        ------
        InputError
            If it is not known where the frame lies in it.
        """
        file = self.file
        image = image_of(file, LastRead(file), kernels)
        with self.errors():
            own = Frame(image, file.cfa, kernels=kernels)
            sections = sections_of(file)
            own = own.without_border(sections.boxes, sections.names).with_zeros_of_sky(threads)
            ours, theirs = (
                Field(
                    *(each.image.shape, coordinates_of(of, each.pattern)),
                    image=each.image,
                    threads=threads,
                )
                for each, of in ((frame, target), (own, file))
            )
            kept = self._kept()
            if kept.stars is None:
                kept.stars = find_stars(own.image, threads)
            theirs = replace(theirs, stars=kept.stars)
            return Reference(own.image, mapping(ours, theirs), kept.copies)

    def _kept(self) -> _Kept:
        """What is known of the file by now."""
        state = self.path.stat()
        key = str(self.path.absolute()), state.st_size, state.st_mtime_ns
        if key not in _kept:
            _kept.clear()
            _kept[key] = _Kept()
        return _kept[key]

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Put the name of the file into errors."""
        try:
            yield
        except InputError as error:
            told = str(error).startswith(str(self.path))
            raise InputError(str(error) if told else f"{self.path} {error}") from error

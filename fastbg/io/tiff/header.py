"""The metadata of a TIFF file, kept as the file spells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..keywords import Keyword
from ..samples import Samples

HISTORY = 37395
"""ImageHistory of TIFF/EP (ISO 12234-2): what has been done to the image."""


@dataclass(frozen=True)
class Tag:
    """A tag: its code, type and count, and its value as the file has it."""

    code: int
    dtype: int
    count: int
    raw: bytes


@dataclass(frozen=True)
class TiffHeader:
    """The tags of the image, and how it is stored.

    Attributes
    ----------
    tags : tuple of Tag
        The tags that do not describe the storage.
    byteorder : {"<", ">"}
    big : bool
        Whether it is a BigTIFF file.
    dtype : dtype
        The type of the samples, in native byte order.
    planar : bool
        Whether it is stored plane by plane.
    extra_kinds : tuple of int
        The kind of each further sample of a pixel, as ExtraSamples has it.
    extra : Samples or None
        All samples, the extra ones last, where there are extra ones.
    """

    tags: tuple[Tag, ...]
    byteorder: Literal["<", ">"]
    big: bool
    dtype: np.dtype[Any]
    planar: bool
    extra_kinds: tuple[int, ...]
    extra: Samples | None

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """The history alone: TIFF has no keywords."""
        return tuple(Keyword("HISTORY", "", line) for line in self.history)

    @property
    def history(self) -> list[str]:
        """The lines of the tag ImageHistory."""
        raw = next((tag.raw for tag in self.tags if tag.code == HISTORY), b"")
        return raw.rstrip(b"\0").decode("ascii", "replace").splitlines()

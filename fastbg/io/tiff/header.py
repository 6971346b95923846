"""The metadata of a TIFF file, kept as the file spells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..fits.cards import CARD, keywords_of
from ..keywords import Keyword
from ..names import Format
from ..samples import Samples

DESCRIPTION = 270
"""ImageDescription, which is the header of a FITS file in Astro-TIFF files.

https://astro-tiff.sourceforge.io, version 1.0: one card a line, which may be shorter than a card,
from SIMPLE to END.
"""

HISTORY = 37395
"""ImageHistory of TIFF/EP (ISO 12234-2): what has been done to the image."""


_ICC_PROFILE = 34675


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

    format: ClassVar[Format] = "TIFF"

    tags: tuple[Tag, ...]
    byteorder: Literal["<", ">"]
    big: bool
    dtype: np.dtype[Any]
    planar: bool
    extra_kinds: tuple[int, ...]
    extra: Samples | None

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those of an Astro-TIFF file, and the history."""
        told, lines = tuple(keywords_of(self._cards)), self.history
        said = [keyword.comment for keyword in told if keyword.name == "HISTORY"]
        # The history of the job that wrote the header stands in both, last there and first here.
        counts = range(len(lines) + 1)
        both = max(count for count in counts if said[len(said) - count :] == lines[:count])
        return (*told, *(Keyword("HISTORY", "", line) for line in lines[both:]))

    @property
    def left_out(self) -> list[str]:
        found = ["ICC profile"] if any(tag.code == _ICC_PROFILE for tag in self.tags) else []
        return [*found, "alpha and other extra samples"] if self.extra_kinds else found

    @property
    def history(self) -> list[str]:
        """The lines of the tag ImageHistory."""
        return self._text(HISTORY).splitlines()

    @property
    def _cards(self) -> list[str]:
        """The cards of the FITS header in ImageDescription; none where there is no such header."""
        text = self._text(DESCRIPTION)
        if not text.startswith("SIMPLE"):
            return []
        lines = (line.rstrip() for line in text.split("\n"))
        # Some headers have no line feeds between their cards.
        starts = ((line, at) for line in lines for at in range(0, max(1, len(line)), CARD))
        cards = [line[at : at + CARD].ljust(CARD) for line, at in starts]
        end = next((at for at, card in enumerate(cards) if card.rstrip() == "END"), len(cards))
        return cards[:end]

    def _text(self, code: int) -> str:
        """The text of a tag, up to its end; empty where there is none."""
        raw = next((tag.raw for tag in self.tags if tag.code == code), b"")
        return raw.partition(b"\0")[0].decode("latin-1")

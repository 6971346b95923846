"""Which samples of a TIFF directory are the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffPage

_UNSPECIFIED = 0
"""The kind in ExtraSamples of which nothing is known; 1 and 2 are alpha."""


def checked_dtype(page: TiffPage) -> np.dtype[Any]:
    """The type of the samples; InputError unless the image is grey or RGB."""
    import tifffile

    kinds = (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
    if page.photometric not in kinds:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"is stored as {kind}: save it as grey or RGB")
    dtype = page.dtype
    usual = dtype and dtype.kind in "uif" and page.bitspersample == dtype.itemsize * 8
    if dtype is None or not usual or page.imagedepth != 1:
        raise InputError(
            f"has samples of {page.bitspersample} bits: save it with 8, 16 or 32 bits a sample"
        )
    return dtype


def extra_kinds(page: TiffPage) -> tuple[int, ...]:
    """The kinds of the samples of a pixel that are no colours, which are its last ones.

    Three samples that are marked as grey, but not as alpha, are red, green and blue: some cameras
    and programs write RGB images so.

    Raises
    ------
    InputError
        If nothing tells which samples are the colours.
    """
    import tifffile

    every = page.samplesperpixel
    is_rgb = page.photometric == tifffile.PHOTOMETRIC.RGB
    further = max(0, every - (3 if is_rgb else 1))
    # A kind that no standard knows becomes "unspecified", 0; so does a sample without a kind.
    told = [int(kind) if kind in (0, 1, 2) else _UNSPECIFIED for kind in page.extrasamples]
    kinds = ([_UNSPECIFIED] * further + told)[len(told) :]
    if is_rgb:
        return tuple(kinds)
    unspecified = next((at for at, kind in enumerate(kinds) if kind), further)
    if unspecified > 2:
        raise InputError(
            f"has {every} samples a pixel and does not tell what they are: save it as grey or RGB"
        )
    return tuple(kinds[2:] if unspecified == 2 else kinds)

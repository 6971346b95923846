"""Which directory of a TIFF file holds the image: the first one may be a thumbnail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_MAKE, _SUB_IFDS = 271, 330
"""The tags of a camera's maker, and of directories outside of the chain."""

_CAMERA_RAW = {32803: "CFA", 34892: "LINEAR_RAW", 34713: "NIKON_NEF"}
"""Photometric interpretations and compressions that only undeveloped exposures have."""

_CANON = b"CR"
"""The bytes from the eighth on of Canon's CR2, whose directories tell nothing."""


def full_image(tiff: TiffFile) -> TiffPage:
    """The first directory that is neither a thumbnail nor a transparency mask.

    It is the first of the file where nothing else tells more.

    Raises
    ------
    InputError
        If it is a file of a camera, undeveloped.
    """
    first = tiff.pages.first
    tiff.filehandle.seek(8)
    if tiff.filehandle.read(2) == _CANON and not tiff.is_bigtiff:
        raise _undeveloped("CR2")
    if not (_is_lesser(first) or _SUB_IFDS in first.tags or _MAKE in first.tags):
        _check_developed(first)
        return first
    pages = list(_pages(tiff))
    for page in pages:
        _check_developed(page)
    return next((page for page in pages if not _is_lesser(page)), first)


def _is_lesser(page: TiffPage) -> bool:
    return bool(page.is_reduced or page.is_mask)


def _check_developed(page: TiffPage) -> None:
    for code in (page.photometric, page.compression):
        if code in _CAMERA_RAW:
            raise _undeveloped(_CAMERA_RAW[code])


def _undeveloped(kind: str) -> InputError:
    return InputError(f"is stored as {kind}, camera raw: develop or calibrate it first")


def _pages(tiff: TiffFile) -> Iterator[TiffPage]:
    """All directories of the chain, each followed by those that it refers to."""
    for page in tiff.pages:
        yield page.aspage()
        try:
            yield from (further.aspage() for further in page.aspage().pages or ())
        except Exception:  # tifffile documents none; what is damaged there is not the image
            continue

"""Mosaics of colour filters: which colour programs give to the pixels of what fastbg writes.

The samples of a mosaic here have another level at each place of their 2 x 2, so that the colours of
a debayered image tell which place a program took for red, whichever way up it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from fastbg.image.patterns import BAYER_PATTERNS, shifted
from fastbg.io.formats import open_image

from .written import Kind, again

LEVELS = np.array([[0.1, 0.3], [0.5, 0.7]])


def mosaic(rows: int) -> np.ndarray:
    """(H, W), with another level at each of 2 x 2 places."""
    return np.tile(LEVELS, (rows // 2 + 1, 25))[:rows].astype(np.float32)


def pattern_of(image: np.ndarray) -> str:
    """The colours of the first 2 x 2 pixels of `mosaic`, as a debayered image has them.

    Parameters
    ----------
    image : (H, W, 3)
        Each sample of the mosaic is found again in its own colour. Rows may be reversed. It is
        empty where a program knows of no mosaic, and so is what is returned.
    """
    if not image.size:
        return ""
    height, width, _ = image.shape
    y, x = np.indices((height, width))
    inner, off = (slice(6, -6), slice(6, -6)), {}
    for rows in (y, y[::-1]):
        for pattern in BAYER_PATTERNS:
            colours = np.array(["RGB".index(each) for each in pattern]).reshape(2, 2)
            own = np.take_along_axis(image, colours[rows % 2, x % 2][..., np.newaxis], 2)[..., 0]
            deviation = np.abs(own - LEVELS[rows % 2, x % 2])[inner].max()
            off[pattern] = min(deviation, off.get(pattern, np.inf))
    best = min(BAYER_PATTERNS, key=lambda pattern: off[pattern])
    if off[best] > 1e-3:
        raise ValueError("has no sample of the mosaic")
    return best


def taken_by_fastbg(path: Path) -> str:
    """The colours of the first 2 x 2 pixels of `mosaic` as fastbg takes them from a file."""
    with open_image(path) as image:
        image.load()
        samples = image.to_array()[..., 0]
        colours = np.array(["RGB".index(each) for each in str(image.cfa)]).reshape(2, 2)
    height, width = samples.shape
    y, x = np.indices((height, width))
    full = np.full((height, width, 3), np.nan, np.float32)
    np.put_along_axis(full, colours[y % 2, x % 2][..., np.newaxis], samples[..., np.newaxis], 2)
    return pattern_of(np.nan_to_num(full))


def kinds() -> list[Kind]:
    """All kinds, in the order of the document."""
    found = []
    for name, suffix in (("FITS", ".fits"), ("tiles", ".fits.fz"), ("TIFF", ".tif")):
        for order in ("TOP-DOWN", "BOTTOM-UP", None):
            found += [_kind(name, suffix, order, rows) for rows in (62, 63)]
    for offset in ("XBAYROFF", "YBAYROFF"):
        found += [_kind("FITS", ".fits", "BOTTOM-UP", rows, offset) for rows in (62, 63)]
    return found


def _kind(name: str, suffix: str, order: str | None, rows: int, offset: str = "") -> Kind:
    """A mosaic whose picture begins with RGGB at its top left, or one row or column before it."""
    header = fits.Header({"BAYERPAT": "RGGB"})
    if order:
        header["ROWORDER"] = order
    if offset:
        header[offset] = 1
    top = rows - 1 if order == "BOTTOM-UP" else 0
    truth = shifted("RGGB", top + (offset == "YBAYROFF"), int(offset == "XBAYROFF"))
    told = f"{order or 'no ROWORDER'}{f', {offset} = 1' if offset else ''}"

    def make(path: Path, source: Path) -> None:
        fits.PrimaryHDU(mosaic(rows), header).writeto(source.with_suffix(".fits"))
        again(source.with_suffix(".fits"), path)

    row = f"{told}, {rows} rows, {name}: {truth}"
    return Kind("Mosaics of colour filters", row, suffix, make, truth, f"colours{suffix}")

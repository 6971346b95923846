"""The coordinate systems of files."""

from __future__ import annotations

import os

import numpy as np

from ..coordinates import fits, pixinsight
from ..coordinates.system import Coordinates
from ..errors import InputError
from ..io.image_file import ImageFile
from ..io.made import made
from ..io.tiff.header import TiffHeader
from ..io.xisf.header import XisfHeader
from ..io.xisf.properties import properties_of


def coordinates_of(file: ImageFile, pattern: str | None = None) -> Coordinates | None:
    """The coordinate system of the image in a file, as it is read and fitted.

    Parameters
    ----------
    file : ImageFile
        Open; upright, or as it is stored: see `ImageFile.turned`.
    pattern : str, optional
        That of ``frame.pattern``: a mosaic of colour filters is fitted by its superpixels.

    Returns
    -------
    Coordinates or None
        None where the file has none, or only a part of one.

    Raises
    ------
    InputError
        If it is broken.
    """
    try:
        found = _stored(file)
        if found is None:
            return None
        found = found.turned(rows=file.turn.rows, columns=file.turn.columns)
        found = found.binned(2) if pattern else found
        found.check()
    except InputError as error:
        raise InputError(f"{os.fspath(file.path)} {error}") from error
    return found


def _stored(file: ImageFile) -> Coordinates | None:
    """That of the image as it is stored."""
    shape = file.shape[1:]
    if isinstance(file.header, XisfHeader):
        names = (pixinsight.PREFIX, pixinsight.OLD_SPLINE)
        solution = pixinsight.system_of(properties_of(file.header, names))
        if solution is not None:
            return Coordinates(solution, shape)
    system = fits.system_of(file.header.keywords, shape)
    if system is None:
        return None
    return Coordinates(system, shape).turned(rows=_from_below(file, system))


def _from_below(file: ImageFile, system: fits.FitsSystem) -> bool:
    """Whether keywords count rows from the last one that is stored."""
    if isinstance(file.header, TiffHeader):
        return True  # as the specification of Astro-TIFF has it
    if not isinstance(file.header, XisfHeader):
        return False
    if file.header.root.find("Image[1]/Property") is None and made(file.header.keywords):
        return False  # fastbg made it of a FITS file, and left the solution as it was
    # PixInsight counts them so, unless the picture would be mirrored then.
    return bool(np.linalg.det(system.wcs.pixel_scale_matrix) < 0)

"""The coordinate systems of files."""

from __future__ import annotations

import os

from ..coordinates.fits import system_of
from ..coordinates.system import Coordinates
from ..errors import InputError
from ..io.image_file import ImageFile
from ..io.tiff.header import TiffHeader


def coordinates_of(file: ImageFile, pattern: str | None = None) -> Coordinates | None:
    """The coordinate system of the image in a file, as it is read and fitted.

    Parameters
    ----------
    file : ImageFile
        Upright, or as it is stored: see `ImageFile.turned`.
    pattern : str, optional
        That of ``frame.pattern``: a mosaic of colour filters is fitted by its superpixels.

    Returns
    -------
    Coordinates or None
        None where the file has none.

    Raises
    ------
    InputError
        If it is broken.
    """
    try:
        system = system_of(file.header.keywords)
        if system is None:
            return None
        found = Coordinates(system, file.shape[1:])
        # Astro-TIFF counts rows from the last one, as if those of a FITS file ended at the top.
        from_below = isinstance(file.header, TiffHeader)
        found = found.turned(rows=file.turn.rows ^ from_below, columns=file.turn.columns)
        found = found.binned(2) if pattern else found
        found.check()
    except InputError as error:
        raise InputError(f"{os.fspath(file.path)} {error}") from error
    return found

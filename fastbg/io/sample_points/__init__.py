"""Files of sample points: places where a user, or a program, sees sky.

In fastbg's own CSV and JSON, (0, 0) is the outer corner of the first pixel of the first row, as
the file of the image stores it, and (0.5, 0.5) its centre; the radius is that of a disc. The
modules say how other programs count.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ...errors import InputError
from ..fits import GZIP
from ..formats import read_keywords
from ..small_file import read_small
from ..xisf.write import SIGNATURE
from . import documents, graxpert, table
from .rows import Display

LARGEST_FILE = 1 << 24
"""Bytes."""

_IMAGES = (b"SIMPLE  =", SIGNATURE, GZIP)
"""How files begin whose keywords may hold points."""

_OTHERS = (b"II*\0", b"MM\0*", b"\x89PNG", b"\xff\xd8\xff")


def read_samples(path: str | Path, height: int, *, bottom_up: bool) -> np.ndarray:
    """The samples in a file.

    Parameters
    ----------
    path : path
        CSV or JSON, of fastbg, of Siril's Python or of GraXpert's preferences; or a FITS or XISF
        file that GraXpert has written.
    height : int
        The number of rows of the image that they belong to.
    bottom_up : bool
        Whether Siril shows the first row of its file at the bottom, as that of every FITS file.

    Returns
    -------
    ndarray, (n, 4), float64
        x, y, radius and weight: see `fastbg.samples.points.SamplePoints`.

    Raises
    ------
    InputError
        If the file cannot be read or understood.
    """
    path = Path(path)
    try:
        if path.is_file() and _first_bytes(path).startswith(_IMAGES):
            return graxpert.of_keywords(read_keywords(path))
        content = read_small(path, LARGEST_FILE, "give fewer samples")
        if content.startswith(_OTHERS) or b"\0" in content[:1024]:
            raise InputError("is an image without keywords, no list of samples: give CSV or JSON")
        text = content.decode("utf-8-sig", "replace")
        siril = Display(height, bottom_up)
        if text.lstrip()[:1] in ("{", "["):
            return documents.read(text, siril)
        return table.read(text, siril)
    except InputError as error:
        told = str(error)
        raise InputError(told if told.startswith(str(path)) else f"{path} {told}") from error


def csv(rows: Iterable[Iterable[float]], comments: Iterable[str] = ()) -> str:
    """Rows of x, y, radius and weight as the text of a CSV file, with every bit of them."""
    lines = [f"# {comment}" for comment in comments]
    lines += ["x,y,radius,weight", *(",".join(map(_number, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def json(rows: Iterable[Iterable[float]]) -> str:
    """The same as the text of a JSON file."""
    return documents.text(rows)


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _first_bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(16)
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror}): check its permissions and the disk"
        ) from error

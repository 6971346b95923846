"""How large a TIFF image is on paper: kept where the file tells it, and told by nobody else.

tifffile takes these tags apart from others. Where it is given none, it writes one pixel by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..random_access import RandomAccessFile
from ..target import PathLike
from .header import Tag

_X, _Y, _UNIT = 282, 283, 296
_INCH = 2

RESOLUTION = (_X, _Y, _UNIT)
"""The tags XResolution, YResolution and ResolutionUnit."""


def resolution_of(tags: Sequence[Tag], order: str) -> dict[str, Any]:
    """The options with which tifffile writes the resolution in these tags; none if they have none.

    Parameters
    ----------
    order : {"<", ">"}
        The byte order of the tags.
    """
    told = {tag.code: tag.raw for tag in tags}
    pairs = [np.frombuffer(told.get(code, b"")[:8], f"{order}u4").tolist() for code in (_X, _Y)]
    known = [pair for pair in pairs if len(pair) == 2 and all(pair)]
    if not known:
        return {}
    unit = np.frombuffer(told.get(_UNIT, b"")[:2], f"{order}u2")
    return {
        "resolution": (known[0], known[-1]),
        "resolutionunit": int(unit[0]) if unit.size and unit[0] in (1, 2, 3) else _INCH,
    }


def leave_out_resolution(path: PathLike) -> None:
    """Take these tags out of the only directory of a file."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        form, place = tiff.tiff, tiff.pages.first.offset
    order, head, entry = form.byteorder, form.tagnosize, form.tagsize
    with RandomAccessFile(path, "rb+") as file:
        count = int(_read(file, place, head).view(f"{order}u{head}")[0])
        # What follows the entries is where the next directory is.
        table = _read(file, place + head, count * entry + form.offsetsize)
        entries = table[: count * entry].reshape(count, entry)
        codes = np.ascontiguousarray(entries[:, :2]).view(f"{order}u2")[:, 0]
        kept = entries[~np.isin(codes, RESOLUTION)]
        number = np.array([len(kept)], f"{order}u{head}").tobytes()
        shorter = number + kept.tobytes() + table[count * entry :].tobytes()
        file.write(place, shorter.ljust(head + table.size, b"\0"))


def _read(file: RandomAccessFile, place: int, size: int) -> np.ndarray:
    out = np.empty(size, np.uint8)
    file.read_into(place, out)
    return out

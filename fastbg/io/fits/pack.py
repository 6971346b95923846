"""Compresses images in tiles of one row, by astropy, some rows at a time."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..blocks import Block, FileBytes
from ..random_access import RandomAccessFile
from .cards import header_text, record_of
from .tiles import ONE_AT_A_TIME, table_records
from .units import Unit, units_of, whole_number

_PIECE = 1 << 22
"""About how many bytes are compressed at a time."""

_LARGEST = 1 << 31
"""Bytes of a heap from which on its places are told in 64 bits."""


def pack(
    raw: Block,
    stored: np.dtype[Any],
    axes: Sequence[int],
    records: Sequence[str],
    file: RandomAccessFile,
    start: int,
) -> tuple[list[str], FileBytes]:
    """Compress an image in tiles, without loss, and write its data behind room for its header.

    Parameters
    ----------
    raw : Block
        The samples as they are stored without tiles.
    stored : dtype
        Their type, in the byte order of FITS.
    axes : sequence of int
        Their shape.
    records : sequence of str
        The cards of the image.
    file, start
        Where the header of the unit will begin.

    Returns
    -------
    list of str
        The cards of the unit; checksums are those of the image.
    FileBytes
        Its data, without padding.
    """
    rows, width = math.prod(axes[:-1]), axes[-1]
    # What cannot be compressed becomes a little larger.
    is_short = raw.size * 17 // 16 + 64 * rows < _LARGEST
    kind, code = ("P", ">i4") if is_short else ("Q", ">i8")
    table = np.empty((rows, 2), code)
    row_size, heap = width * stored.itemsize, 0
    step = max(1, _PIECE // row_size)
    for first in range(0, rows, step):
        samples = np.empty((min(step, rows - first), width), stored)
        raw.read_into(first * row_size, samples.reshape(-1).view(np.uint8))
        unit, counts, places, packed = _compressed(samples, len(axes))
        if not first:
            # All bands have the same cards but for four numbers, which have room enough.
            size = len(header_text(table_records(records, unit.records)))
            data = start + size
        table[first : first + len(samples)] = np.stack((counts, places + heap), axis=1)
        file.write(data + table.nbytes + heap, packed.data)
        heap += packed.size
    file.write(data, table.tobytes())
    told = {
        "NAXIS1": table.itemsize * 2,
        "NAXIS2": rows,
        "PCOUNT": heap,
        "TFORM1": f"'1{kind}B({table[:, 0].max()})'",
    }
    of_storage = [
        record_of(name, told[name]) if (name := record[:8].rstrip()) in told else record
        for record in unit.records
    ]
    return table_records(records, of_storage), FileBytes(file, data, table.nbytes + heap)


def _compressed(samples: np.ndarray, axes: int) -> tuple[Unit, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, (n, W), as a unit of so many axes, and the sizes, places and bytes of its tiles."""
    from astropy.io import fits

    rows = samples.astype(samples.dtype.newbyteorder("="))
    rows = rows.reshape((1,) * (axes - 2) + samples.shape)
    # RICE would round floats.
    codec, exact = ("GZIP_2", 0) if rows.dtype.kind == "f" else ("RICE_1", None)
    stored = io.BytesIO()
    with ONE_AT_A_TIME:
        unit = fits.CompImageHDU(rows, compression_type=codec, quantize_level=exact)
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(stored)
    raw = np.frombuffer(stored.getbuffer(), np.uint8)
    table = list(units_of(_Bytes(raw)))[1]
    data = raw[table.data : table.data + table.size]
    counts, places = data[: 8 * len(samples)].view(">i4").reshape(-1, 2).T
    heap = whole_number(table.values, "THEAP", 8 * len(samples))
    return table, counts, places, data[heap:]


class _Bytes:
    """Bytes in memory, in which units are found."""

    def __init__(self, raw: np.ndarray) -> None:
        self._raw = raw

    def size(self) -> float:
        return self._raw.size

    def read_into(self, start: int, out: np.ndarray) -> int:
        found = self._raw[start : start + out.size]
        out[: found.size] = found
        return found.size

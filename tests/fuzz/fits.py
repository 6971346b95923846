"""FITS files. The first byte of an input tells what the rest is: a file, a packed one, or cards."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits as astropy_fits

from fastbg.io import fits

from .harness import use

SUFFIX = ".fits"

FILE, PACKED, CARDS = range(3)

TOKENS = (
    *(b"NAXIS   =", b"NAXIS1  =", b"NAXIS2  =", b"NAXIS3  =", b"BITPIX  =", b"END", b"XTENSION="),
    *(b"BSCALE  =", b"BZERO   =", b"BLANK   =", b"PCOUNT  =", b"GCOUNT  =", b"GROUPS  =", b"T"),
    *(b"ZIMAGE  =", b"ZNAXIS1 =", b"ZTILE1  =", b"ZBITPIX =", b"ZCMPTYPE=", b"'RICE_1'", b"TFORM1"),
    *(b"'BINTABLE'", b"'IMAGE   '", b"CONTINUE", b"HIERARCH", b"COMMENT ", b"HISTORY ", b"-32"),
    *(b"99999999999", b"1E400", b"NaN", b"'", b"&'", b"\n", b"BAYERPAT= 'RGGB'", b"CHECKSUM="),
    *(b"'PLIO_1'", b"'GZIP_2'", b"'HCOMPRESS_1'", b"INHERIT =", b"EXTEND  =", b"1PB(8)", b"THEAP"),
)

LINES = b"""SIMPLE  =                    T
BITPIX  =                  %d
NAXIS   =                    2
NAXIS1  =                    6
NAXIS2  =                    4
OBJECT  = 'M 94'               / what it is
BZERO   =                32768
LONG    = 'so much text&'
CONTINUE  'and more'
HIERARCH a.b = 4
HISTORY fastbg settings: seed=1
END"""


def seeds() -> Iterator[bytes]:
    samples = np.linspace(0.1, 0.9, 24).reshape(4, 6)
    for bitpix in (8, 16, -32, -64):
        yield bytes([CARDS]) + LINES % bitpix
    counts = (samples * 60000).astype(np.uint16)
    plain = astropy_fits.PrimaryHDU(counts)
    table = astropy_fits.BinTableHDU(np.zeros(2, [("a", "f4")]))
    units = [plain, table, astropy_fits.ImageHDU(samples.astype(np.float32))]
    yield bytes([FILE]) + _stored(*units)
    yield bytes([PACKED]) + _stored(*units)
    for codec, data in (
        ("RICE_1", counts.astype(np.int16)),
        ("GZIP_2", samples.astype(np.float32)),
        ("PLIO_1", (counts // 256).astype(np.int16)),
        ("HCOMPRESS_1", counts.astype(np.int32)),
    ):
        tiles = astropy_fits.CompImageHDU(data, compression_type=codec, tile_shape=(4, 6))
        yield bytes([FILE]) + _stored(astropy_fits.PrimaryHDU(), tiles)


def content(data: bytes) -> bytes:
    kind, rest = data[:1], data[1:]
    if kind == bytes([PACKED]):
        return gzip.compress(rest, 1, mtime=0)
    if kind == bytes([CARDS]):
        cards = b"".join(line[:80].ljust(80) for line in rest.split(b"\n"))
        return cards.ljust(-(-len(cards) // 2880) * 2880) + bytes(range(1, 193)).ljust(2880, b"\0")
    return rest


def read(path: Path) -> None:
    use(fits.open_image(path), path)


def _stored(*units: object) -> bytes:
    file = BytesIO()
    astropy_fits.HDUList(list(units)).writeto(file)
    return file.getvalue()

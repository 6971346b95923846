"""What fuzzing found, each as small as it gets; and the fuzzing itself: ``tests/fuzz``."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import tifffile
from astropy.io import fits as astropy_fits

from fastbg import InputError
from fastbg.io import fits, formats, png, tiff


@pytest.fixture
def alpha(tmp_path):
    """A TIFF of grey and alpha, and what finds a tag in it."""
    path = tmp_path / "alpha.tif"
    pixels = np.arange(40, dtype=np.uint8).reshape(4, 5, 2)
    tifffile.imwrite(path, pixels, photometric="minisblack", extrasamples=["unassalpha"])

    def patch(code, change):
        with tifffile.TiffFile(path) as file:
            tag = file.pages.first.tags[code]
        content = bytearray(path.read_bytes())
        change(content, tag)
        path.write_bytes(content)
        return path

    return patch


def test_extra_samples_of_an_unknown_kind_are_kept_as_unspecified(alpha, tmp_path):
    def unknown(content, tag):
        content[tag.offset + 8] = 255

    output = tmp_path / "output.tif"
    with (
        tiff.open_image(alpha(338, unknown)) as source,
        formats.Output(output, source).create(output, []) as target,
    ):
        target.write_rows(slice(None), np.ones((1, 4, 5), np.float32))
    with tiff.open_image(output) as file:
        assert file.header.extra_kinds == (0,)


def test_offsets_that_are_no_integers_are_refused(alpha):
    def as_float(content, tag):
        content[tag.offset + 2] = 11

    with pytest.raises(InputError, match="damaged"):
        tiff.open_image(alpha(273, as_float))


@pytest.mark.parametrize("missing", ["ZTILE2", "ZCMPTYPE", "ZBITPIX", "ZNAXIS2"])
def test_compressed_tiles_without_a_keyword_are_refused(tmp_path, missing):
    path = tmp_path / "a.fits"
    tiles = astropy_fits.CompImageHDU(np.ones((4, 6), np.int16), tile_shape=(2, 6))
    tiles.writeto(path)
    path.write_bytes(path.read_bytes().replace(missing.ljust(8).encode(), b"COMMENT ", 1))
    with pytest.raises(InputError, match=r"a\.fits "), fits.open_image(path) as file:
        file.load()


def chunk(name, data):
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"IDAT", zlib.compress(bytes(6)))],  # no palette
        [(b"IDAT", zlib.compress(bytes(6))[:5])],
        [(b"IDAT", b"")],
        [(b"iCCP", b"a\0\0x"), (b"IDAT", b"none")],
    ],
)
def test_damaged_png_files_are_refused_and_closed(tmp_path, chunks):
    path = tmp_path / "a.png"
    head = chunk(b"IHDR", bytes([0, 0, 0, 2, 0, 0, 0, 2, 8, 3, 0, 0, 0]))
    body = b"".join(chunk(*each) for each in chunks)
    path.write_bytes(png.SIGNATURE + head + body + chunk(b"IEND", b""))
    with pytest.raises(InputError, match="is damaged"):
        png.open_image(path)

"""The files that other programs write, which fastbg reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fastbg.io.formats import open_image

from .makers import (
    astropy_tiles,
    blanked,
    by_tifffile,
    by_xisf,
    command,
    fitsio_tiles,
    fpack,
    graxpert,
    in_extension,
    of,
    opencv,
    plain,
    plain_tiff,
    saspro,
    seiza,
    siril,
)
from .written import pixels, with_missing

TYPES = {"uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
TYPES |= {"float32": "f4", "float64": "f8"}


@dataclass(frozen=True)
class Other:
    """A kind of file that a program writes.

    Attributes
    ----------
    table, row, program : str
        Where its cell stands.
    make : callable
        ``make(folder, samples)`` returns the path of the file.
    truth : ndarray
        The samples.
    """

    table: str
    row: str
    program: str
    make: Callable[[Path, np.ndarray], Path]
    truth: np.ndarray


def read(path: Path) -> np.ndarray:
    """What fastbg finds in a file: (H, W) or (H, W, K), rows as they are stored."""
    with open_image(path) as image:
        image.load()
        return np.squeeze(image.to_array())


def _fits() -> Iterator[tuple[str, str, Any, np.ndarray]]:
    short, real, gaps = pixels("u2"), pixels("f4"), with_missing("f4")
    for name, dtype in TYPES.items():
        for program, make in (("fitsio", fitsio_tiles(None, ".fits")), ("astropy", plain)):
            yield name, program, make, pixels(dtype)
    to_fits = {"source": plain_tiff, "name": "b.fits"}
    gdal = ("gdal_translate", "-q", "-of", "FITS", "{in}", "{out}")
    for name in ("uint8", "uint16", "float32"):
        samples = pixels(TYPES[name])
        yield name, "GDAL", command(*gdal, **to_fits), samples
        yield name, "libvips", command("vips", "copy", "{in}", "{out}", **to_fits), samples
        yield name, "ImageMagick", command("convert-im6.q16", "{in}", "{out}", **to_fits), samples
        if name != "uint8":
            bits = "set16bits" if name == "uint16" else "set32bits"
            yield name, "Siril", siril("save b", "b.fits", bits), samples
    yield "float32", "seiza", seiza(".fits"), real
    for name, bits in (("uint16", "16 bit"), ("float32", "32 bit")):
        yield name, "GraXpert", graxpert(f"{bits} Fits", ".fits"), pixels(TYPES[name])
    yield "float32", "SetiAstro Suite Pro", saspro("32-bit floating point", ".fits"), real
    for codec, option in (("RICE", "-r"), ("GZIP_1", "-g1"), ("GZIP_2", "-g2")):
        for name, samples in (("uint8", pixels("u1")), ("uint16", short), ("int32", pixels("i4"))):
            row = f"{name}, {codec}"
            yield row, "CFITSIO", fpack(option), samples
            yield row, "astropy", astropy_tiles(codec.replace("RICE", "RICE_1")), samples
            yield row, "fitsio", fitsio_tiles(codec), samples
    for codec, option, name in (("HCOMPRESS", "-h", "HCOMPRESS_1"), ("PLIO", "-p", "PLIO_1")):
        row = f"uint16, {codec}"
        samples = short // 8
        yield row, "CFITSIO", fpack(option), samples
        if codec != "PLIO":
            yield row, "astropy", astropy_tiles(name, tile_shape=(16, 25)), samples
        yield row, "fitsio", fitsio_tiles(codec, tile_dims=(16, 25)), samples
    row = "uint16, RICE, tiles of 20 x 17"
    yield row, "CFITSIO", fpack("-r", "-t", "20,17"), short
    yield row, "astropy", astropy_tiles("RICE_1", tile_shape=(17, 20)), short
    yield row, "fitsio", fitsio_tiles("RICE", tile_dims=(17, 20)), short
    yield "uint16, RICE, one tile", "CFITSIO", fpack("-r", "-w"), short
    yield (
        "uint16, RICE, one tile",
        "astropy",
        astropy_tiles("RICE_1", tile_shape=short.shape),
        short,
    )
    yield (
        "uint16, RICE",
        "Siril",
        siril("save b", "b.fits", "setcompress 1 -type=rice 16"),
        short,
    )
    for row, samples in (("float32, exact", real), ("float32 with NaN, exact", gaps)):
        yield row, "CFITSIO", fpack("-g2", "-q", "0"), samples
        yield row, "astropy", astropy_tiles("GZIP_2", quantize_level=0), samples
        yield row, "fitsio", fitsio_tiles("GZIP_2", qlevel=0), samples
    blank = short.astype("i2")
    blank[:9, :7] = -5
    empty = np.where(blank == -5, np.nan, blank.astype("f8"))
    yield "int16 with BLANK", "astropy", of(blanked(None), blank), empty
    for codec, option in (("RICE", "-r"), ("GZIP_2", "-g2"), ("HCOMPRESS", "-h")):
        yield f"int16 with BLANK, {codec}", "CFITSIO", of(blanked(option), blank), empty
    yield "float32 in an extension", "astropy", in_extension, real
    yield "float32 in an extension", "fitsio", fitsio_tiles(None, ".fits", extname="SCI"), real
    for name, option, number in (
        ("no dither", "-q0", -1),
        ("dither 1", "-q", 1),
        ("dither 2", "-qz", 2),
    ):
        for row, samples in (("float32", real), ("float32 with NaN", gaps)):
            row = f"{row}, {name}"
            yield row, "CFITSIO", fpack("-r", option, "8"), samples
            more = {"quantize_method": number, "quantize_level": 8, "dither_seed": 1}
            yield row, "astropy", astropy_tiles("RICE_1", **more), samples
            yield row, "fitsio", fitsio_tiles("RICE", qlevel=8, qmethod=number), samples


def _tiffs() -> Iterator[tuple[str, str, Any, np.ndarray]]:
    rgb, real = pixels("u2", 3), pixels("f4", 3)
    tiffcp = partial(command, "tiffcp")
    gdal = ("gdal_translate", "-q", "-co", "PHOTOMETRIC=RGB")
    vips, magick = ("vips", "tiffsave", "{in}", "{out}"), ("convert-im6.q16", "{in}")
    for name, dtype in TYPES.items():
        for many in (1, 3):
            row, samples = f"{name}{' RGB' if many == 3 else ''}", pixels(dtype, many)
            yield row, "tifffile", by_tifffile, samples
            yield row, "libtiff", tiffcp("-c", "none", "{in}", "{out}"), samples
            yield row, "GDAL", command("gdal_translate", "-q", "{in}", "{out}"), samples
            if name in ("uint8", "uint16", "float32"):
                yield row, "OpenCV", opencv, samples
                yield row, "libvips", command(*vips), samples
                yield row, "ImageMagick", command(*magick, "{out}"), samples
            if name == "uint16":
                yield row, "Siril", siril("savetif b", "b.tif", "set16bits"), samples
            if name == "float32":
                yield row, "Siril", siril("savetif32 b", "b.tif", "set32bits"), samples
    for name, samples, bits in (("uint16 RGB", rgb, "16 bit"), ("float32 RGB", real, "32 bit")):
        yield name, "GraXpert", graxpert(f"{bits} Tiff", ".tiff"), samples
        depth = "16-bit" if samples is rgb else "32-bit floating point"
        yield name, "SetiAstro Suite Pro", saspro(depth, ".tif"), samples
    codecs = [("LZW", "lzw", 5), ("deflate", "zip", 32946), ("PackBits", "packbits", 32773)]
    codecs += [("zstd", "zstd", 50000), ("LZMA", "lzma", 34925)]
    for codec, name, number in codecs:
        for row, samples in ((f"uint16 RGB, {codec}", rgb), (f"float32 RGB, {codec}", real)):
            yield row, "libtiff", tiffcp("-c", name, "{in}", "{out}"), samples
            used = codec if codec != "deflate" else "zlib"
            yield row, "tifffile", partial(by_tifffile, compression=used.lower()), samples
            gdal_name = {"zstd": "ZSTD", "deflate": "DEFLATE"}.get(codec, codec).upper()
            yield (
                row,
                "GDAL",
                command(*gdal, "-co", f"COMPRESS={gdal_name}", "{in}", "{out}"),
                samples,
            )
            if codec in ("LZW", "deflate"):
                yield row, "OpenCV", partial(opencv, options=(259, number)), samples
                yield row, "libvips", command(*vips, "--compression", codec.lower()), samples
                kind = {"LZW": "LZW", "deflate": "Zip"}[codec]
                yield row, "ImageMagick", command(*magick, "-compress", kind, "{out}"), samples
    predictor = "uint16 RGB, deflate, predictor"
    yield predictor, "libtiff", tiffcp("-c", "zip:2", "{in}", "{out}"), rgb
    yield predictor, "tifffile", partial(by_tifffile, compression="zlib", predictor=True), rgb
    yield (
        predictor,
        "GDAL",
        command(*gdal, "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2", "{in}", "{out}"),
        rgb,
    )
    predictor = "float32 RGB, deflate, predictor"
    yield predictor, "libtiff", tiffcp("-c", "zip:3", "{in}", "{out}"), real
    yield predictor, "tifffile", partial(by_tifffile, compression="zlib", predictor=True), real
    yield (
        predictor,
        "GDAL",
        command(*gdal, "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=3", "{in}", "{out}"),
        real,
    )
    layouts = [
        ("tiles", ("-t",), {"tile": (16, 32)}, "TILED=YES"),
        ("in planes", ("-p", "separate"), {"planarconfig": "separate"}, "INTERLEAVE=BAND"),
        ("big-endian", ("-B",), {"byteorder": ">"}, "ENDIANNESS=BIG"),
        ("BigTIFF", ("-8",), {"bigtiff": True}, "BIGTIFF=YES"),
        ("bits reversed", ("-f", "lsb2msb"), None, None),
    ]
    for layout, option, options, of_gdal in layouts:
        row = f"uint16 RGB, {layout}"
        if layout != "in planes":
            yield row, "libtiff", tiffcp(*option, "{in}", "{out}"), rgb
        if options:
            yield row, "tifffile", partial(by_tifffile, **options), rgb
            yield row, "GDAL", command(*gdal, "-co", of_gdal, "{in}", "{out}"), rgb
    yield "uint16 RGB, tiles", "libvips", command(*vips, "--tile"), rgb
    yield "uint16 RGB, BigTIFF", "libvips", command(*vips, "--bigtiff"), rgb
    yield (
        "uint16 RGB, in planes",
        "ImageMagick",
        command(*magick, "-interlace", "plane", "{out}"),
        rgb,
    )
    yield "uint16 RGB, big-endian", "ImageMagick", command(*magick, "-endian", "MSB", "{out}"), rgb
    alpha = pixels("u2", 4)
    for program, make in (("OpenCV", opencv), ("tifffile", partial(by_tifffile, extrasamples=[2]))):
        yield "uint16 RGB with alpha", program, of(make, alpha), alpha[..., :3]


def _xisfs() -> Iterator[tuple[str, str, Any, np.ndarray]]:
    for name, dtype in (("UInt8", "u1"), ("UInt16", "u2"), ("UInt32", "u4"), ("Float32", "f4")):
        for many in (1, 3):
            row = f"{name}{' RGB' if many == 3 else ''}"
            yield row, "xisf", by_xisf, pixels(dtype, many)
    yield "Float32 RGB", "seiza", seiza(".xisf"), pixels("f4", 3)
    for name, dtype, bits in (("UInt16 RGB", "u2", "16 bit"), ("Float32 RGB", "f4", "32 bit")):
        yield name, "GraXpert", graxpert(f"{bits} XISF", ".xisf"), pixels(dtype, 3)
        depth = "16-bit" if dtype == "u2" else "32-bit floating point"
        yield name, "SetiAstro Suite Pro", saspro(depth, ".xisf"), pixels(dtype, 3)
    for codec in ("zlib", "lz4", "lz4hc", "zstd"):
        for shuffle in (False, True):
            row = f"UInt16 RGB, {codec}{', shuffled' if shuffle else ''}"
            yield row, "xisf", partial(by_xisf, codec=codec, shuffle=shuffle), pixels("u2", 3)


def others() -> list[Other]:
    """All kinds, in the order of the document."""
    tables = {"FITS of others": _fits, "TIFF of others": _tiffs, "XISF of others": _xisfs}
    return [Other(table, *each) for table, rows in tables.items() for each in rows()]

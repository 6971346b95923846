"""The files that other programs write, which fastbg reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from astropy.io import fits

from fastbg.io.formats import open_image

from .readers import said
from .readers import siril as run_siril
from .written import pixels, planes, with_missing

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


def _plain(folder: Path, samples: np.ndarray) -> Path:
    fits.PrimaryHDU(planes(samples)).writeto(folder / "plain.fits")
    return folder / "plain.fits"


def _tiff(folder: Path, samples: np.ndarray) -> Path:
    kind = "rgb" if samples.ndim == 3 else "minisblack"
    tifffile.imwrite(folder / "plain.tif", samples, photometric=kind, metadata=None)
    return folder / "plain.tif"


def fpack(*options: str) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        path = _plain(folder, samples)
        said("fpack", *options, path)
        return path.with_name("plain.fits.fz")

    return make


def astropy_tiles(codec: str, **more: Any) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        unit = fits.CompImageHDU(planes(samples), compression_type=codec, **more)
        unit.writeto(folder / "a.fits.fz")
        return folder / "a.fits.fz"

    return make


def fitsio_tiles(codec: str | None, suffix: str = ".fits.fz", **more: Any) -> Any:
    def make(folder: Path, samples: np.ndarray) -> Path:
        import fitsio

        path = folder / f"a{suffix}"
        with fitsio.FITS(str(path), "rw", clobber=True) as file:
            file.write(np.ascontiguousarray(planes(samples)), compress=codec, **more)
        return path

    return make


def command(*words: str, source: Any = _tiff, name: str = "b.tif") -> Any:
    """A program that turns one file into another: {in} and {out} are their names."""

    def make(folder: Path, samples: np.ndarray) -> Path:
        names = {"in": source(folder, samples), "out": folder / name}
        said(*(word.format(**names) for word in words))
        return folder / name

    return make


def siril(save: str, name: str, *before: str) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        run_siril(folder, *before, f"load {_plain(folder, samples).name}", save)
        return folder / name

    return make


def opencv(folder: Path, samples: np.ndarray, options: tuple[int, ...] = ()) -> Path:
    import cv2

    order = [2, 1, 0, 3][: np.shape(samples)[-1]]
    swapped = samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., order])
    assert cv2.imwrite(str(folder / "a.tif"), swapped, list(options))
    return folder / "a.tif"


def by_tifffile(folder: Path, samples: np.ndarray, **options: Any) -> Path:
    kind = "rgb" if samples.ndim == 3 else "minisblack"
    data = planes(samples) if options.get("planarconfig") == "separate" else samples
    tifffile.imwrite(folder / "a.tif", data, photometric=kind, **options)
    return folder / "a.tif"


def by_xisf(folder: Path, samples: np.ndarray, **options: Any) -> Path:
    from xisf import XISF

    data = samples if samples.ndim == 3 else samples[..., np.newaxis]
    XISF.write(str(folder / "a.xisf"), np.ascontiguousarray(data), **options)
    return folder / "a.xisf"


def _of(make: Any, samples: np.ndarray) -> Any:
    """A maker of a file with these samples, which are not what is read of it."""
    return lambda folder, _: make(folder, samples)


def _blank(option: str | None) -> Callable[[Path, np.ndarray], Path]:
    """A maker of a file that calls -5 blank; with an option, fpack compresses it."""

    def make(folder: Path, samples: np.ndarray) -> Path:
        path = folder / "blank.fits"
        unit = fits.PrimaryHDU(samples)
        unit.header["BLANK"] = -5
        unit.writeto(path)
        if option:
            said("fpack", option, path)
        return path.with_name("blank.fits.fz") if option else path

    return make


def _extension(folder: Path, samples: np.ndarray) -> Path:
    units = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(planes(samples), name="SCI")])
    units.writeto(folder / "a.fits")
    return folder / "a.fits"


def _fits() -> Iterator[tuple[str, str, Any, np.ndarray]]:
    short, real, gaps = pixels("u2"), pixels("f4"), with_missing("f4")
    for name, dtype in TYPES.items():
        for program, make in (("fitsio", fitsio_tiles(None, ".fits")), ("astropy", _plain)):
            yield name, program, make, pixels(dtype)
    to_fits = {"source": _tiff, "name": "b.fits"}
    gdal = ("gdal_translate", "-q", "-of", "FITS", "{in}", "{out}")
    for name in ("uint8", "uint16", "float32"):
        samples = pixels(TYPES[name])
        yield name, "GDAL", command(*gdal, **to_fits), samples
        yield name, "libvips", command("vips", "copy", "{in}", "{out}", **to_fits), samples
        yield name, "ImageMagick", command("convert-im6.q16", "{in}", "{out}", **to_fits), samples
        if name != "uint8":
            bits = "set16bits" if name == "uint16" else "set32bits"
            yield name, "Siril", siril("save b", "b.fits", bits), samples
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
        yield "uint16 RGB with alpha", program, _of(make, alpha), alpha[..., :3]


def _xisfs() -> Iterator[tuple[str, str, Any, np.ndarray]]:
    for name, dtype in (("UInt8", "u1"), ("UInt16", "u2"), ("UInt32", "u4"), ("Float32", "f4")):
        for many in (1, 3):
            row = f"{name}{' RGB' if many == 3 else ''}"
            yield row, "xisf", by_xisf, pixels(dtype, many)
    for codec in ("zlib", "lz4", "lz4hc", "zstd"):
        for shuffle in (False, True):
            row = f"UInt16 RGB, {codec}{', shuffled' if shuffle else ''}"
            yield row, "xisf", partial(by_xisf, codec=codec, shuffle=shuffle), pixels("u2", 3)


def others() -> list[Other]:
    """All kinds, in the order of the document."""
    tables = {"FITS of others": _fits, "TIFF of others": _tiffs, "XISF of others": _xisfs}
    return [Other(table, *each) for table, rows in tables.items() for each in rows()]

"""The kinds of file that fastbg writes, each with what a program should find in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from astropy.io import fits
from PIL import ImageCms

from fastbg.io import xisf
from fastbg.io.formats import Output, open_image
from fastbg.io.regions import open_regions

SHAPE = (63, 50)
"""An odd number of rows, so that a pattern of two rows shows which way up it is."""

LONG = "a text of more than one card, " * 6 + "with 'quotes' & an ampersand"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
REGIONS = Path(__file__).with_name("regions.txt")


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    table, row : str
        Where its cells stand.
    suffix : str
        Of the file.
    make : callable
        ``make(path, source)`` writes the file, and perhaps a source beside it.
    truth : ndarray, str or Solution
        What should be found: (H, W) or (H, W, K), a text, or places in the sky.
    ask : str
        What is asked of a program: the suffix, or before it one thing that the file tells.
    """

    table: str
    row: str
    suffix: str
    make: Callable[[Path, Path], None]
    truth: Any
    ask: str


def pixels(dtype: str, channels: int = 1) -> np.ndarray:
    """(H, W) or (H, W, K): a sky of the same numbers everywhere, with noise and a few stars."""
    rng = np.random.default_rng(7)
    shape = SHAPE if channels == 1 else (*SHAPE, channels)
    unit = 0.2 + 0.004 * rng.standard_normal(shape)
    unit[rng.uniform(size=SHAPE) < 0.01] = 0.9
    kind = np.dtype(dtype)
    return (unit * np.iinfo(kind).max).astype(kind) if kind.kind in "ui" else unit.astype(kind)


def with_missing(dtype: str) -> np.ndarray:
    """The same with a corner of NaN."""
    samples = pixels(dtype)
    samples[:9, :7] = np.nan
    return samples


def again(source: Path, target: Path, same: bool = True, compress: bool = False) -> None:
    """Write an image as a job would, with nothing taken out."""
    with open_image(source) as image:
        image.load()
        output = Output(target, image, same=same, compress=compress)
        planes = image.read_rows(slice(None)).astype(output.samples.dtype)
        with output.create(target, ["fastbg was here"]) as rows:
            rows.write_rows(slice(0, image.shape[1]), planes)


def planes(samples: np.ndarray) -> np.ndarray:
    """In the order of FITS."""
    return samples if samples.ndim == 2 else np.moveaxis(samples, 2, 0)


def cards() -> fits.Header:
    """Those that astrophotos have."""
    header = fits.Header()
    header["OBJECT"], header["LONGTEXT"], header["ROWORDER"] = "M 94", LONG, "BOTTOM-UP"
    header["BAYERPAT"] = "GBRG"
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = 192.72, 41.12
    header["CRPIX1"], header["CRPIX2"] = 20.0, 30.0
    header["CD1_1"], header["CD1_2"] = -1e-3, 1e-4
    header["CD2_1"], header["CD2_2"] = 1e-4, 1e-3
    return header


def _fits(samples: np.ndarray, packing: str = "", **more: Any) -> Callable[[Path, Path], None]:
    def make(path: Path, source: Path) -> None:
        unit = fits.PrimaryHDU(planes(samples), cards())
        if more.get("extension"):
            unit = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(planes(samples), cards(), "SCI")])
        if blank := more.get("blank"):
            stored = (samples.astype("i4") - 32768).astype("i2")
            stored[:9, :7] = blank
            unit = fits.PrimaryHDU(stored)
            unit.header["BZERO"], unit.header["BLANK"] = 32768, blank
        unit.writeto(source.with_suffix(".fits"), checksum=True)
        again(source.with_suffix(".fits"), path)

    return make


def _blanked() -> np.ndarray:
    samples = pixels("u2").astype("f8")
    samples[:9, :7] = np.nan
    return samples


def _infinite() -> np.ndarray:
    samples = pixels("f4")
    samples[3, 4], samples[5, 6] = np.inf, -np.inf
    return samples


def _fits_kinds() -> list[Kind]:
    types = {"uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
    types |= {"float32": "f4", "float64": "f8"}
    kinds = []
    for packing, suffix in (("", ".fits"), (", .fits.gz", ".fits.gz"), (", tiles", ".fits.fz")):
        for name, dtype in types.items():
            if packing != ", .fits.gz" or dtype in ("u2", "f4"):
                one = pixels(dtype)
                kinds.append((f"{name}{packing}", suffix, _fits(one), one))
        rgb, empty = pixels("f4", 3), with_missing("f4")
        if packing != ", .fits.gz":
            kinds += [
                (f"float32 RGB{packing}", suffix, _fits(rgb), rgb),
                (f"float32 with NaN{packing}", suffix, _fits(empty), empty),
                (f"BLANK with BZERO{packing}", suffix, _fits(pixels("u2"), blank=-5), _blanked()),
                (f"in an extension{packing}", suffix, _fits(rgb, extension=True), rgb),
            ]
    kinds.append(("float32 with infinity", ".fits", _fits(_infinite()), _infinite()))
    for name, source in (("XISF", ".xisf"), ("TIFF", ".tif")):
        kinds.append((f"from {name}, float32", ".fits", _from(source, rgb), rgb))
    return [Kind("FITS", row, suffix, make, truth, suffix) for row, suffix, make, truth in kinds]


def _from(suffix: str, samples: np.ndarray) -> Callable[[Path, Path], None]:
    def make(path: Path, source: Path) -> None:
        (_xisf if suffix == ".xisf" else _tiff)(samples)(source.with_suffix(suffix), source)
        again(source.with_suffix(suffix), path)

    return make


def _tiff(samples: np.ndarray, compress: bool = False, **more: Any) -> Callable[[Path, Path], None]:
    def make(path: Path, source: Path) -> None:
        options = {"photometric": "rgb" if samples.ndim == 3 else "minisblack", "metadata": None}
        data = planes(samples) if more.get("planarconfig") == "separate" else samples
        tifffile.imwrite(source.with_suffix(".tiff"), data, **(options | more))
        again(source.with_suffix(".tiff"), path, compress=compress)

    return make


def _tiff_kinds() -> list[Kind]:
    types = {"uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"}
    types |= {"float32": "f4", "float64": "f8"}
    kinds = [(name, _tiff(pixels(dtype)), pixels(dtype)) for name, dtype in types.items()]
    for name, dtype in (("uint16", "u2"), ("float32", "f4")):
        rgb, alpha = pixels(dtype, 3), pixels(dtype, 4)
        with_alpha = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
        kinds += [
            (f"{name} RGB", _tiff(rgb), rgb),
            (f"{name} RGB with alpha", _tiff(alpha, **with_alpha), alpha),
            (f"{name} RGB in planes", _tiff(rgb, planarconfig="separate"), rgb),
            (f"{name} RGB, big-endian", _tiff(rgb, byteorder=">"), rgb),
            (f"{name} RGB, BigTIFF", _tiff(rgb, bigtiff=True), rgb),
            (f"{name} RGB, deflate", _tiff(rgb, compress=True), rgb),
        ]
    bottom = [(274, 3, 1, 4, True)]
    empty = with_missing("f4")
    kinds += [
        ("uint16, first row is the last", _tiff(pixels("u2"), extratags=bottom), pixels("u2")),
        ("float32 with NaN", _tiff(empty), empty),
        ("float32 with infinity", _tiff(_infinite()), _infinite()),
    ]
    return [Kind("TIFF", row, ".tif", make, truth, ".tif") for row, make, truth in kinds]


def _xisf(samples: np.ndarray, compress: bool = False, **more: Any) -> Callable[[Path, Path], None]:
    def make(path: Path, source: Path) -> None:
        shape = (1, *SHAPE) if samples.ndim == 2 else (samples.shape[2], *SHAPE)
        header = None
        fits.PrimaryHDU(planes(samples), cards()).writeto(source.with_suffix(".fits"))
        with open_image(source.with_suffix(".fits")) as image:
            header = image.header
            options = {"dtype": samples.dtype, "header": header, "compress": compress, **more}
            with xisf.create(path, shape, **options) as target:
                target.write_rows(slice(0, SHAPE[0]), planes(samples).reshape(shape))

    return make


def _xisf_kinds() -> list[Kind]:
    types = {"UInt8": "u1", "UInt16": "u2", "UInt32": "u4", "Float32": "f4", "Float64": "f8"}
    kinds = [(name, _xisf(pixels(dtype)), pixels(dtype)) for name, dtype in types.items()]
    rgb, empty, counts = pixels("f4", 3), with_missing("f4"), pixels("f4") * np.float32(65535)
    kinds += [
        ("Float32 RGB", _xisf(rgb), rgb),
        ("Float32 RGB, compressed", _xisf(rgb, True), rgb),
        ("UInt16, compressed", _xisf(pixels("u2"), True), pixels("u2")),
        ("Float32 with NaN", _xisf(empty), empty),
        ("Float32 with infinity", _xisf(_infinite()), _infinite()),
        ("Float32, bounds 0:65535", _xisf(counts, bounds=(0, 65535)), counts),
    ]
    return [Kind("XISF", row, ".xisf", make, truth, ".xisf") for row, make, truth in kinds]


def _told_kinds() -> list[Kind]:
    sky, rgb = pixels("f4"), pixels("u2", 3)
    on_paper = {"resolution": (300, 300), "resolutionunit": "INCH"}
    asked = [
        ("a long text, FITS", ".fits", _fits(sky), LONG, "text"),
        ("a long text, tiles", ".fits.fz", _fits(sky), LONG, "text"),
        ("a long text, XISF", ".xisf", _xisf(sky), LONG, "text"),
        ("ROWORDER, FITS", ".fits", _fits(sky), "BOTTOM-UP", "order"),
        ("BAYERPAT, FITS", ".fits", _fits(sky), "GBRG", "pattern"),
        ("BAYERPAT, XISF", ".xisf", _xisf(sky), "GBRG", "pattern"),
        ("ICC profile, TIFF", ".tif", _tiff(rgb, iccprofile=ICC), f"{len(ICC)} bytes", "profile"),
        ("300 pixels per inch, TIFF", ".tif", _tiff(rgb, **on_paper), "300 per inch", "resolution"),
        ("no resolution, TIFF", ".tif", _from(".xisf", rgb), "none", "resolution"),
        ("history, TIFF", ".tif", _tiff(rgb), "fastbg was here", "history"),
    ]
    return [
        Kind("What files tell", row, suffix, make, truth, f"{ask}{suffix}")
        for row, suffix, make, truth, ask in asked
    ]


def _region_kinds() -> list[Kind]:
    return [_region(row) for row in REGIONS.read_text().splitlines()]


def _region(row: str) -> Kind:
    text = "image\n" + row.replace(" ; ", "\n") + "\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.reg"
        path.write_text(text)
        mask = open_regions(path, SHAPE).planes()[0] == 0

    def make(path: Path, _: Path) -> None:
        path.write_text(text)

    return Kind("Regions", row, ".reg", make, mask, ".reg")


def kinds() -> list[Kind]:
    """All kinds, in the order of the document."""
    return [*_fits_kinds(), *_tiff_kinds(), *_xisf_kinds(), *_told_kinds(), *_region_kinds()]

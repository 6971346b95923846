"""The programs: where each comes from, its version, and what it can read of what fastbg writes."""

from __future__ import annotations

import importlib
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from .readers import (
    GRAXPERT,
    SASPRO,
    astropy_header,
    beside,
    by_astropy,
    by_cfitsio,
    by_fitsio,
    by_fitsverify,
    by_funtools,
    by_gdal,
    by_libtiff,
    by_magick,
    by_opencv,
    by_pyregion,
    by_regions,
    by_seiza,
    by_siril,
    by_tifffile,
    by_vips,
    by_xisf,
    exiftool,
    exiftool_profile,
    exiftool_resolution,
    fitsio_keyword,
    gdal_text,
    in_its_python,
    place_of,
    said,
    seiza_place,
    tiffinfo,
    xisf_keywords,
    xisf_place,
)

FITS = (".fits", ".fits.gz", ".fits.fz")


@dataclass(frozen=True)
class Program:
    """A program, as the tests see it.

    Attributes
    ----------
    name : str
    get : str
        How to get it.
    version : callable
        Returns it; None where the program is missing.
    reads : dict of str to callable
        A reader for each thing that can be asked: see `written.Kind`.
    """

    name: str
    get: str
    version: Callable[[], str | None]
    reads: Mapping[str, Callable[[Path], Any]] = field(default_factory=dict)


def debian(package: str, command: str, *versioned: str) -> Callable[[], str | None]:
    """The version of a command: from what it prints, or else as Debian counts it."""

    def version() -> str | None:
        if not shutil.which(command):
            return None
        text = said(command, *versioned, fails=False) if versioned else ""
        found = re.search(r"\d+(\.\d+)+(-\d+)?", text)
        if found:
            return found[0]
        return said("dpkg-query", "-W", "-f", "${Version}", package, fails=False).split("-")[0]

    return version


def python(package: str, module: str) -> Callable[[], str | None]:
    """The version of a package of Python that can be imported here."""

    def version() -> str | None:
        try:
            importlib.import_module(module)
        except ImportError:
            return None
        return version_of(package)

    return version


def elsewhere(package: str, script: str) -> Callable[[], str | None]:
    """The version of a package in the environment of its script."""
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return lambda: said(own, "-c", code).strip() if (own := beside(script)) else None


def _all(suffixes: tuple[str, ...], reader: Callable[[Path], Any], ask: str = "") -> dict[str, Any]:
    return {f"{ask}{suffix}": reader for suffix in suffixes}


PROGRAMS = [
    Program(
        "fitsverify",
        "Debian: libcfitsio-bin",
        debian("libcfitsio-bin", "fitsverify"),
        _all(FITS, by_fitsverify),
    ),
    Program(
        "CFITSIO",
        "Debian: libcfitsio-bin",
        debian("libcfitsio-bin", "imcopy"),
        _all(FITS, by_cfitsio),
    ),
    Program(
        "fitsio",
        "PyPI: fitsio",
        python("fitsio", "fitsio"),
        _all(FITS, by_fitsio)
        | _all(FITS, partial(fitsio_keyword, "LONGTEXT"), "text")
        | _all(FITS, partial(fitsio_keyword, "ROWORDER"), "order")
        | _all(FITS, partial(fitsio_keyword, "BAYERPAT"), "pattern"),
    ),
    Program(
        "astropy",
        "PyPI: astropy",
        python("astropy", "astropy"),
        _all(FITS, by_astropy)
        | _all(FITS, lambda path: str(astropy_header(path)["LONGTEXT"]), "text")
        | _all(FITS, lambda path: str(astropy_header(path)["ROWORDER"]), "order")
        | _all(FITS, lambda path: str(astropy_header(path)["BAYERPAT"]), "pattern")
        | _all(FITS, lambda path: place_of(astropy_header(path)), "place"),
    ),
    Program(
        "Siril",
        "Debian: siril",
        debian("siril", "siril-cli", "--version"),
        _all((*FITS, ".tif", ".xisf"), by_siril),
    ),
    Program(
        "seiza",
        "PyPI: seiza",
        python("seiza", "seiza"),
        _all((*FITS, ".xisf"), by_seiza) | _all((*FITS, ".xisf"), seiza_place, "place"),
    ),
    Program(
        "GraXpert",
        "PyPI: graxpert, Python 3.12",
        elsewhere("graxpert", "graxpert"),
        _all((*FITS, ".tif", ".xisf"), partial(in_its_python, "graxpert", GRAXPERT)),
    ),
    Program(
        "SetiAstro Suite Pro",
        "PyPI: setiastrosuitepro",
        elsewhere("setiastrosuitepro", "setiastrosuitepro"),
        _all((*FITS, ".tif", ".xisf"), partial(in_its_python, "setiastrosuitepro", SASPRO)),
    ),
    Program(
        "xisf",
        "PyPI: xisf",
        python("xisf", "xisf"),
        {
            ".xisf": by_xisf,
            "text.xisf": lambda path: xisf_keywords(path)["LONGTEXT"],
            "pattern.xisf": lambda path: xisf_keywords(path)["BAYERPAT"].strip(),
            "place.xisf": xisf_place,
        },
    ),
    Program(
        "libtiff",
        "Debian: libtiff-tools",
        debian("libtiff-tools", "tiffcp"),
        {
            ".tif": by_libtiff,
            "profile.tif": partial(tiffinfo, r"ICC Profile: <present>, (\d+ bytes)"),
            "resolution.tif": partial(tiffinfo, r"Resolution: (\d+), \d+ pixels/(inch)"),
            "history.tif": partial(tiffinfo, r"(?:37395|ImageHistory): (.*)"),
        },
    ),
    Program(
        "tifffile",
        "PyPI: tifffile, imagecodecs",
        python("tifffile", "imagecodecs"),
        {".tif": by_tifffile},
    ),
    Program(
        "ImageMagick",
        "Debian: imagemagick",
        debian("imagemagick", "convert-im6.q16", "-version"),
        _all((".fits", ".tif"), by_magick),
    ),
    Program(
        "GDAL",
        "Debian: gdal-bin",
        debian("gdal-bin", "gdal_translate", "--version"),
        _all((".fits", ".tif"), by_gdal) | {"text.fits": gdal_text},
    ),
    Program(
        "libvips",
        "Debian: libvips-tools",
        debian("libvips-tools", "vips", "--version"),
        _all((*FITS, ".tif"), by_vips),
    ),
    Program(
        "OpenCV",
        "PyPI: opencv-python-headless",
        python("opencv-python-headless", "cv2"),
        {".tif": by_opencv},
    ),
    Program(
        "exiftool",
        "Debian: libimage-exiftool-perl",
        debian("libimage-exiftool-perl", "exiftool", "-ver"),
        {
            "text.fits": partial(exiftool, "LONGTEXT"),
            "pattern.fits": partial(exiftool, "BAYERPAT"),
            "profile.tif": exiftool_profile,
            "resolution.tif": exiftool_resolution,
            "history.tif": partial(exiftool, "ImageHistory"),
        },
    ),
    Program(
        "DS9's library",
        "Debian: funtools",
        debian("funtools", "funimage"),
        {".reg": by_funtools},
    ),
    Program(
        "regions",
        "PyPI: regions",
        python("regions", "regions"),
        {".reg": by_regions},
    ),
    Program(
        "pyregion",
        "PyPI: pyregion",
        python("pyregion", "pyregion"),
        {".reg": by_pyregion},
    ),
]

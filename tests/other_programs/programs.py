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
    in_its_python,
    said,
)
from .told import (
    GRAXPERT_SKY,
    SASPRO_SKY,
    astropy_header,
    by_ast,
    debayered_by_saspro,
    debayered_by_siril,
    exiftool,
    exiftool_profile,
    exiftool_resolution,
    fitsio_keyword,
    fitsio_sky,
    gdal_profile,
    gdal_resolution,
    gdal_text,
    magick_profile,
    magick_resolution,
    seiza_sky,
    siril_keyword,
    siril_sky,
    sky_of,
    text_of_graxpert,
    text_of_saspro,
    tifffile_profile,
    tifffile_resolution,
    tiffinfo,
    vips_profile,
    vips_resolution,
    xisf_keywords,
    xisf_sky,
)

FITS = (".fits", ".fits.gz", ".fits.fz")
NEW_SIRIL = "siril-cli-1.4"

of_graxpert = partial(in_its_python, "graxpert")
of_saspro = partial(in_its_python, "setiastrosuitepro")


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
        | _all(FITS, partial(fitsio_keyword, "BAYERPAT"), "pattern")
        | _all(FITS, fitsio_sky, "sky"),
    ),
    Program(
        "astropy",
        "PyPI: astropy",
        python("astropy", "astropy"),
        _all(FITS, by_astropy)
        | _all(FITS, lambda path: str(astropy_header(path)["LONGTEXT"]), "text")
        | _all(FITS, lambda path: str(astropy_header(path)["ROWORDER"]), "order")
        | _all(FITS, lambda path: str(astropy_header(path)["BAYERPAT"]), "pattern")
        | _all(FITS, lambda path: sky_of(astropy_header(path)), "sky"),
    ),
    Program(
        "Siril",
        "Debian: siril",
        debian("siril", "siril-cli", "--version"),
        _all((*FITS, ".tif", ".xisf"), by_siril)
        | _all((*FITS, ".tif"), debayered_by_siril, "colours")
        | _all((*FITS, ".tif"), siril_sky, "sky")
        | _all(FITS, partial(siril_keyword, "LONGTEXT"), "text"),
    ),
    Program(
        "Siril 1.4",
        "its source, as siril-cli-1.4, without TIFF and XISF",
        debian("siril", NEW_SIRIL, "--version"),
        _all(FITS, partial(by_siril, program=NEW_SIRIL))
        | _all(FITS, partial(debayered_by_siril, program=NEW_SIRIL, verb="calibrate"), "colours")
        | _all(FITS, partial(siril_sky, program=NEW_SIRIL), "sky")
        | _all(FITS, partial(siril_keyword, "LONGTEXT", program=NEW_SIRIL), "text"),
    ),
    Program(
        "seiza",
        "PyPI: seiza",
        python("seiza", "seiza"),
        _all((*FITS, ".xisf"), by_seiza) | _all((*FITS, ".xisf"), seiza_sky, "sky"),
    ),
    Program(
        "GraXpert",
        "PyPI: graxpert, Python 3.12",
        elsewhere("graxpert", "graxpert"),
        _all((*FITS, ".tif", ".xisf"), partial(of_graxpert, GRAXPERT))
        | _all((*FITS, ".tif", ".xisf"), partial(of_graxpert, GRAXPERT_SKY), "sky")
        | _all((*FITS, ".xisf"), text_of_graxpert, "text"),
    ),
    Program(
        "SetiAstro Suite Pro",
        "PyPI: setiastrosuitepro",
        elsewhere("setiastrosuitepro", "setiastrosuitepro"),
        _all((*FITS, ".tif", ".xisf"), partial(of_saspro, SASPRO))
        | _all((*FITS, ".tif", ".xisf"), partial(of_saspro, SASPRO_SKY), "sky")
        | _all((*FITS, ".tif"), debayered_by_saspro, "colours")
        | _all((*FITS, ".xisf"), text_of_saspro, "text"),
    ),
    Program(
        "xisf",
        "PyPI: xisf",
        python("xisf", "xisf"),
        {
            ".xisf": by_xisf,
            "text.xisf": lambda path: xisf_keywords(path)["LONGTEXT"],
            "pattern.xisf": lambda path: xisf_keywords(path)["BAYERPAT"].strip(),
            "sky.xisf": xisf_sky,
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
        {
            ".tif": by_tifffile,
            "profile.tif": tifffile_profile,
            "resolution.tif": tifffile_resolution,
        },
    ),
    Program(
        "ImageMagick",
        "Debian: imagemagick",
        debian("imagemagick", "convert-im6.q16", "-version"),
        _all((".fits", ".tif"), by_magick)
        | {"profile.tif": magick_profile, "resolution.tif": magick_resolution},
    ),
    Program(
        "GDAL",
        "Debian: gdal-bin",
        debian("gdal-bin", "gdal_translate", "--version"),
        _all((".fits", ".tif"), by_gdal)
        | {
            "text.fits": gdal_text,
            "profile.tif": gdal_profile,
            "resolution.tif": gdal_resolution,
        },
    ),
    Program(
        "libvips",
        "Debian: libvips-tools",
        debian("libvips-tools", "vips", "--version"),
        _all((*FITS, ".tif"), by_vips)
        | {"profile.tif": vips_profile, "resolution.tif": vips_resolution},
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
        "AST",
        "PyPI: starlink-pyast; DS9 has its coordinates by it",
        python("starlink-pyast", "starlink.Ast"),
        _all(FITS, by_ast, "sky"),
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

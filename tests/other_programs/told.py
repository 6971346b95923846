"""What each program finds in what fastbg writes, besides the samples.

A reader takes a path, and returns a text, or the sky of `PLACES`: right ascension and declination,
(2, N), in degrees. If it raises an error, the program has refused the file.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from astropy.io import fits

from .mosaics import pattern_of
from .readers import GRAXPERT, SASPRO, in_its_python, raw, said, saved_by_siril, siril
from .solutions import PLACES, by_properties
from .written import SHAPE


def fitsio_keyword(name: str, path: Path) -> str:
    import fitsio

    with fitsio.FITS(str(path)) as file:
        unit = next(unit for unit in file if unit.has_data())
        return str(unit.read_header().get(name, ""))


def fitsio_sky(path: Path) -> np.ndarray:
    """By the header that the package gives, and astropy."""
    import fitsio

    header = fits.Header()
    with fitsio.FITS(str(path)) as file:
        unit = next(unit for unit in file if unit.has_data())
        for card in unit.read_header().records():
            if not card["name"].startswith("NAXIS"):
                header[card["name"]] = card["value"]
    return sky_of(header)


def astropy_header(path: Path) -> Any:
    return next(unit.header for unit in fits.open(path) if unit.header["NAXIS"])


def sky_of(header: Any, turned: bool = False) -> np.ndarray:
    """The sky of `PLACES` by keywords, empty where they do not tell it.

    With `turned` they count rows from the other end.
    """
    from astropy.wcs import WCS

    (y, x), wcs = PLACES, WCS(header, naxis=2)
    if not wcs.has_celestial:
        return np.empty(0)
    return np.array(wcs.pixel_to_world_values(x, SHAPE[0] - 1 - y if turned else y))


def by_ast(path: Path) -> np.ndarray:
    """DS9 uses this library for its coordinates."""
    import starlink.Ast

    channel = starlink.Ast.FitsChan()
    for card in astropy_header(path).tostring(sep="\n").split("\n"):
        channel.putfits(card, 0)
    channel.clear("Card")
    frames = channel.read()
    return np.degrees(frames.tran([PLACES[1] + 1, PLACES[0] + 1]))


def siril_keyword(name: str, path: Path, program: str = "siril-cli") -> str:
    return str(fits.getheader(saved_by_siril(path, program)).get(name, ""))


def siril_sky(path: Path, program: str = "siril-cli") -> np.ndarray:
    return sky_of(fits.getheader(saved_by_siril(path, program)), turned=path.suffix == ".tif")


def debayered_by_siril(path: Path, program: str = "siril-cli", verb: str = "preprocess") -> str:
    shutil.copy(path, path.with_name(f"b{path.name}"))  # one frame is no sequence
    commands = ("set32bits", "convert s -out=.", f"{verb} s_ -cfa -debayer")
    siril(path.parent, *commands, program=program)
    return pattern_of(raw(path.with_name("pp_s_00001.fits")))


def seiza_sky(path: Path) -> np.ndarray:
    import seiza

    wcs = seiza.read_solve_prior(str(path))["wcs"]
    y, x = PLACES
    places = zip(x, y, strict=True) if wcs else ()
    return np.array([wcs.pixel_to_world(*place) for place in places]).T


def xisf_keywords(path: Path) -> dict[str, str]:
    from xisf import XISF

    told = XISF(str(path)).get_images_metadata()[0]["FITSKeywords"]
    values = {name: entries[0]["value"] for name, entries in told.items()}
    return {name: value.strip("'").replace("''", "'") for name, value in values.items()}


def xisf_sky(path: Path) -> np.ndarray:
    from xisf import XISF

    told = XISF(str(path)).get_images_metadata()[0].get("XISFProperties", {})
    if told:
        return by_properties({name: each["value"] for name, each in told.items()})
    header = fits.Header()
    for name, text in xisf_keywords(path).items():
        with contextlib.suppress(ValueError):
            header[name] = text if name.startswith("CTYPE") else float(text)
    return sky_of(header)


def tiffinfo(pattern: str, path: Path) -> str:
    found = re.search(pattern, said("tiffinfo", path))
    return " per ".join(found.groups()) if found else "none"


def gdal_text(path: Path) -> str:
    return json.loads(said("gdalinfo", "-json", path))["metadata"].get("", {}).get("LONGTEXT", "")


def tifffile_profile(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        return f"{len(file.pages.first.tags.valueof(34675, b''))} bytes"


def tifffile_resolution(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        told = file.pages.first.tags.valueof(282)
        return f"{told[0] / told[1]:.0f} per inch" if told else "none"


def magick_profile(path: Path) -> str:
    out = path.with_name("out.icc")
    said("convert-im6.q16", path, out)
    return f"{out.stat().st_size} bytes"


def magick_resolution(path: Path) -> str:
    number, unit = said("identify", "-format", "%x %U\n", path).splitlines()[0].split()
    return f"{float(number):.0f} per inch" if unit == "PixelsPerInch" else "none"


def gdal_profile(path: Path) -> str:
    told = json.loads(said("gdalinfo", "-json", "-mdd", "COLOR_PROFILE", path))
    told = told["metadata"]["COLOR_PROFILE"]
    return f"{len(base64.b64decode(told['SOURCE_ICC_PROFILE']))} bytes"


def gdal_resolution(path: Path) -> str:
    told = json.loads(said("gdalinfo", "-json", path))["metadata"].get("", {})
    number = told.get("TIFFTAG_XRESOLUTION")
    return f"{float(number):.0f} per inch" if number else "none"


def _vips(field: str, path: Path) -> str:
    """A field of its header, without its warning about the tag of the history."""
    command = ["vipsheader", "-f", field, str(path)]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def vips_profile(path: Path) -> str:
    return f"{len(base64.b64decode(_vips('icc-profile-data', path)))} bytes"


def vips_resolution(path: Path) -> str:
    return f"{float(_vips('xres', path)) * 25.4:.0f} per inch"


def exiftool(tag: str, path: Path) -> str:
    return said("exiftool", "-s3", f"-{tag}", path).strip()


def exiftool_resolution(path: Path) -> str:
    told = [exiftool(tag, path) for tag in ("XResolution", "ResolutionUnit")]
    return f"{told[0]} per {told[1].removesuffix('es')}" if all(told) else "none"


def exiftool_profile(path: Path) -> str:
    command = ["exiftool", "-b", "-ICC_Profile", str(path)]
    return f"{len(subprocess.run(command, capture_output=True, check=True).stdout)} bytes"


_SKY = f"""
from astropy.wcs import WCS
y, x = numpy.array({PLACES.tolist()})
y = {SHAPE[0] - 1} - y if turned else y
wcs = WCS(header, naxis=2)
image = numpy.array(wcs.pixel_to_world_values(x, y) if wcs.has_celestial else [])
"""


GRAXPERT_SKY = f"{GRAXPERT}header, turned = opened.fits_header, False{_SKY}"


# It turns an image by ROWORDER, and says so.
SASPRO_SKY = f"""{SASPRO}
header = header or dict()
turned = 'ROWORDER' in header and 'Reoriented' in header.comments['ROWORDER']{_SKY}"""


SASPRO_COLOURS = f"""{SASPRO}
from setiastro.saspro.bayer_utils import detect_bayer_pattern
from setiastro.saspro.debayer import debayer_array
pattern, order = detect_bayer_pattern(header), str(dict(header or ()).get('ROWORDER') or '')
told = dict(pattern=pattern, roworder=order, method='bilinear')
image = debayer_array(image, **told) if pattern else numpy.empty(0)
"""


def debayered_by_saspro(path: Path) -> str:
    return pattern_of(in_its_python("setiastrosuitepro", SASPRO_COLOURS, path))


def text_of_graxpert(path: Path) -> str:
    code = f"{GRAXPERT}image = numpy.array(str(opened.fits_header.get('LONGTEXT', '')))\n"
    return str(in_its_python("graxpert", code, path))


def text_of_saspro(path: Path) -> str:
    code = f"{SASPRO}image = numpy.array(str(dict(header or ()).get('LONGTEXT', '')))\n"
    return str(in_its_python("setiastrosuitepro", code, path))

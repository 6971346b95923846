"""FITS headers in TIFF files, as Astro-TIFF has them, on the way to and from other formats."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import tifffile
from astropy.io import fits as astropy_fits
from other_programs.written import again

from fastbg import process_file
from fastbg.io import formats, xisf
from fastbg.io.keywords import is_structural
from fastbg.io.orientation import Turn

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 30}
DESCRIPTION, HISTORY = 270, 37395


@pytest.fixture
def mono(rng):
    return rng.normal(0.1, 0.001, (60, 80)).astype(np.float32)


@pytest.fixture
def frame(tmp_path, mono):
    """A FITS file with every kind of card."""
    unit = astropy_fits.PrimaryHDU(mono)
    header = unit.header
    header["OBJECT"] = ("M 31", "what was looked at")
    header["EXPTIME"] = (300.25, "[s]")
    header["XPIXSZ"] = 3.76
    header["NOTE"] = ("a long text, with 'quotes', " * 6, "and a comment")
    header["HIERARCH ESO DET GAIN"] = 1.5
    header["SOLVED"] = True
    header["TWICE"] = 1
    header.append(("TWICE", 2))
    header["COMMENT"] = "  indented = text"
    header["HISTORY"] = (
        "calibrated, and registered to a frame of which the name is rather long: m31"
    )
    header["UNDEF"] = None
    unit.writeto(tmp_path / "a.fits")
    return tmp_path / "a.fits"


def keywords(path, *, ours=False):
    """All keywords that tell nothing of the storage, without what fastbg adds."""
    with formats.open_image(path) as image:
        found = [each for each in image.header.keywords if not is_structural(each.name)]
    said = [at for at, each in enumerate(found) if "fastbg" in each.comment]
    return found if ours or not said else found[: said[0]]


def converted(path, *names):
    for name in names:
        output = path.parent / name
        process_file(path, output=output, write_model=False, **OPTIONS)
        path = output
    return path


@pytest.mark.parametrize(
    "middle", ["b.tif", "b.xisf", "b.xisf c.tif", "b.tif c.xisf", "b.tif c.tif"]
)
def test_every_keyword_survives_the_round_trip(frame, middle):
    path = converted(frame, *middle.split(), "end.fits")
    assert [each for each in keywords(path) if each.name != "UNDEF"] == [
        each for each in keywords(frame) if each.name != "UNDEF"
    ]
    names = [card.keyword for card in astropy_fits.getheader(path).cards]
    assert all(names.count(name) == 1 for name in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1"))
    # Each job of the way is told once.
    told = [
        each for each in keywords(path, ours=True) if "settings: downscaling_factor" in each.comment
    ]
    assert len(told) == len(middle.split()) + 1
    if shutil.which("fitsverify"):
        done = subprocess.run(["fitsverify", "-e", path], capture_output=True, text=True)
        assert "0 error" in done.stdout or done.returncode == 0, done.stdout


def test_a_fits_header_is_written_as_the_specification_says(frame):
    path = converted(frame, "b.tif")
    with tifffile.TiffFile(path) as tiff:
        text = tiff.pages[0].tags[DESCRIPTION].value
    lines = text.split("\n")
    assert lines[0].startswith("SIMPLE  =                    T")
    assert lines[-1] == "END"
    assert all(len(line) <= 80 for line in lines)
    header = astropy_fits.Header.fromstring(text, sep="\n")
    before = astropy_fits.getheader(frame)
    for name in ("OBJECT", "EXPTIME", "NOTE", "ESO DET GAIN", "SOLVED", "BITPIX", "NAXIS2"):
        assert header[name] == before[name]
        assert header.comments[name] == before.comments[name] or name in ("BITPIX", "NAXIS2")
    assert "fastbg" in str(header["HISTORY"])


def test_a_colour_frame_tells_its_three_axes(tmp_path, rng):
    image = rng.normal(0.1, 0.001, (3, 60, 80)).astype(np.float32)
    astropy_fits.PrimaryHDU(image, astropy_fits.Header({"OBJECT": "M 31"})).writeto(
        tmp_path / "a.fits"
    )
    path = converted(tmp_path / "a.fits", "b.tif")
    with tifffile.TiffFile(path) as tiff:
        header = astropy_fits.Header.fromstring(tiff.pages[0].tags[DESCRIPTION].value, sep="\n")
    assert [header[f"NAXIS{n}"] for n in (1, 2, 3)] == [80, 60, 3]


ORDERS = ["TOP-DOWN", "BOTTOM-UP", None]


@pytest.mark.parametrize("rows", [60, 61])
@pytest.mark.parametrize("order", ORDERS)
def test_a_mosaic_is_that_of_the_fits_file_that_the_keywords_describe(tmp_path, mono, rows, order):
    """Its rows end at the top of the picture: "FITS_image[1,1] is left-bottom"."""
    image = np.resize(mono, (rows, 80))
    header = astropy_fits.Header({"BAYERPAT": "RGGB"} | ({"ROWORDER": order} if order else {}))
    unit = astropy_fits.PrimaryHDU(image, header)
    unit.writeto(tmp_path / "a.fits")
    text = "\n".join([*map(str, unit.header.cards), "END"])
    tifffile.imwrite(tmp_path / "a.tif", image[::-1], description=text, metadata=None)
    below = [(274, 3, 1, 4, True)]
    tifffile.imwrite(tmp_path / "b.tif", image, description=text, metadata=None, extratags=below)
    with formats.open_image(tmp_path / "a.fits") as expected:
        colours = expected.cfa
    with formats.open_image(tmp_path / "a.tif") as image:
        assert image.turned(Turn(rows=True)).cfa == colours
    with formats.open_image(tmp_path / "b.tif") as image:
        assert image.cfa == colours


@pytest.mark.parametrize("rows", [60, 61])
@pytest.mark.parametrize("order", ORDERS)
def test_a_mosaic_as_tiff_describes_a_fits_file_of_the_same_colours(tmp_path, mono, rows, order):
    header = astropy_fits.Header({"BAYERPAT": "RGGB"} | ({"ROWORDER": order} if order else {}))
    astropy_fits.writeto(tmp_path / "a.fits", np.resize(mono, (rows, 80)), header)
    with formats.open_image(tmp_path / "a.fits") as image:
        expected = image.turned(Turn.of(image.orientation)).cfa
        again(tmp_path / "a.fits", tmp_path / "b.tif")
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        page = tiff.pages.first
        told = astropy_fits.Header.fromstring(page.description, sep="\n")
        described = astropy_fits.Header({name: told[name] for name in ("BAYERPAT", "ROWORDER")})
        astropy_fits.writeto(tmp_path / "c.fits", page.asarray()[::-1], described)
    for name in ("b.tif", "c.fits"):
        with formats.open_image(tmp_path / name) as image:
            assert image.turned(Turn.of(image.orientation)).cfa == expected


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
@pytest.mark.parametrize("shorter", [False, True])
def test_headers_of_other_programs_are_read(tmp_path, mono, ending, shorter):
    header = astropy_fits.Header({"SIMPLE": True, "BITPIX": 16, "OBJECT": "M 31", "EXPTIME": 12.5})
    header["BAYERPAT"], header["ROWORDER"] = "GRBG", "BOTTOM-UP"
    header["HISTORY"] = "stacked"
    cards = [*map(str, header.cards), "END".ljust(80)]
    if shorter and ending:
        cards = [card.rstrip() for card in cards]
    text = ending.join(cards)
    tifffile.imwrite(tmp_path / "a.tif", mono, description=text, metadata=None)
    with formats.open_image(tmp_path / "a.tif") as image:
        assert image.cfa == "GRBG"
    path = converted(tmp_path / "a.tif", "b.fits")
    found = astropy_fits.getheader(path)
    assert (found["OBJECT"], found["EXPTIME"], found["BITPIX"]) == ("M 31", 12.5, -32)
    assert found["HISTORY"][0] == "stacked"
    # In the same format, the text stays as it is.
    again = converted(tmp_path / "a.tif", "c.tif")
    with tifffile.TiffFile(again) as tiff:
        assert tiff.pages[0].tags[DESCRIPTION].value.rstrip() == text.rstrip()
        history = tiff.pages[0].tags[HISTORY]
        # libtiff shows it as text only if it is of this type.
        assert history.dtype == tifffile.DATATYPE.ASCII
        assert "fastbg" in history.value


@pytest.mark.parametrize("text", ["SIMPLE", "SIMPLE = T\nEND", "SIMPLE\n\n\nOBJECT = \nEND", "SIM"])
def test_broken_headers_do_no_harm(tmp_path, mono, text):
    tifffile.imwrite(tmp_path / "a.tif", mono, description=text, metadata=None)
    astropy_fits.getheader(converted(tmp_path / "a.tif", "b.fits")).tostring()
    converted(tmp_path / "a.tif", "b.xisf", "c.tif")


def test_what_another_format_has_no_place_for_is_told(tmp_path, mono, frame):
    import xml.etree.ElementTree as ET

    header = xisf.XisfHeader()
    image = header.root.find("Image")
    ET.SubElement(image, "Property", id="PCL:AstrometricSolution:A", type="Int32", value="1")
    xisf.write(tmp_path / "a.xisf", mono[..., None], header=header)
    tifffile.imwrite(tmp_path / "a.tif", mono, iccprofile=b"profile", metadata=None)
    with astropy_fits.open(frame, "append") as units:
        units.append(astropy_fits.ImageHDU(np.ones((3, 3))))
    for name, missing in (("a.xisf", "properties"), ("a.tif", "ICC profile"), ("a.fits", "HDUs")):
        for suffix in ("xisf", "tif", "fits"):
            output = tmp_path / f"out_{name}.{suffix}"
            result = process_file(tmp_path / name, output=output, write_model=False, **OPTIONS)
            told = [line for line in result.report["warnings"] if "left out" in line]
            assert [missing in line for line in told] == [True] * (not name.endswith(suffix))

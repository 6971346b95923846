"""Celestial coordinate systems of FITS keywords, against astropy on the file itself."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits as astropy_fits
from astropy.wcs import WCS
from coordinates import CENTRE, coordinates, header, keywords

from fastbg.coordinates import fits
from fastbg.coordinates.system import Coordinates
from fastbg.errors import InputError
from fastbg.io import formats
from fastbg.io.orientation import Turn
from fastbg.jobs.coordinates import coordinates_of
from fastbg.jobs.run import process_file

SHAPE = 60, 90
PLAIN = header(SHAPE, 20.0, 35.0)
ELEMENTS = {name: value for name, value in PLAIN.items() if not name.startswith("CD")}

KINDS = {
    "CD": PLAIN,
    "CROTA2": ELEMENTS | {"CDELT1": -5e-3, "CDELT2": 5e-3, "CROTA2": 33.0},
    "PC": ELEMENTS | {"CDELT1": -5e-3, "CDELT2": 5e-3, "PC1_1": 0.8, "PC1_2": 0.6, "PC2_1": -0.6,
                      "PC2_2": 0.8},
    "SIP": header(SHAPE, 20.0, 35.0, sip=2.0),
    "SIP untold": header(SHAPE, 20.0, 35.0, sip=2.0) | {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},
    "SIP without": PLAIN | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"},
    "TPV": PLAIN | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.01, "PV1_4": 0.05,
                    "PV2_1": 0.99, "PV2_7": 0.03},
    "SCAMP": PLAIN | {"PV1_0": 1e-3, "PV1_1": 1.01, "PV1_2": 0.0, "PV1_4": 0.05, "PV2_0": 0.0,
                      "PV2_1": 0.99, "PV2_2": 0.0, "PV2_7": 0.03},
    "zenithal": PLAIN | {"CTYPE1": "RA---ZEA", "CTYPE2": "DEC--ZEA"},
    "declination first": PLAIN | {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": CENTRE[1],
                                  "CRVAL2": CENTRE[0]},
    "galactic": PLAIN | {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},
    "B1950": PLAIN | {"RADESYS": "FK4", "EQUINOX": 1950.0},
    "FK5": PLAIN | {"RADESYS": "FK5", "EQUINOX": 2000.0},
    "at the pole": PLAIN | {"CRVAL2": 89.99},
}  # fmt: skip


def save(path, told, shape=SHAPE):
    unit = astropy_fits.PrimaryHDU(np.full(shape, 0.5, np.float32))
    unit.header.update(told)
    unit.writeto(path)
    return path


def found_in(path, pattern=None):
    with formats.open_image(path) as stored:
        return coordinates_of(stored.turned(Turn.of(stored.orientation)), pattern)


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_that_of_astropy(tmp_path, kind):
    path = save(tmp_path / "a.fits", KINDS[kind])
    found = found_in(path)
    y, x = np.mgrid[0 : SHAPE[0] : 7.0, 0 : SHAPE[1] : 7.0]
    sky = WCS(astropy_fits.getheader(path)).pixel_to_world(x, y)
    ours = SkyCoord(*found.to_sky(y, x), unit="deg", frame="icrs")
    # FK5 of the equinox 2000 is taken for ICRS.
    assert sky.icrs.separation(ours).arcsec.max() < (0.03 if kind == "FK5" else 1e-6)
    np.testing.assert_allclose(found.to_pixel(*found.to_sky(y, x)), [y, x], atol=2e-3)


def test_the_sky_is_given_as_numbers_in_order():
    found = coordinates(SHAPE, 20.0, 35.0)
    np.testing.assert_allclose(found.to_sky(29.5, 44.5), CENTRE, atol=1e-12)
    np.testing.assert_allclose(found.pixel_scale, 20, rtol=1e-6)
    assert all(np.isnan(found.to_pixel(CENTRE[0] + 180, -CENTRE[1])))


@pytest.mark.parametrize("name", ["a.fits", "a.xisf", "a.tif"])
@pytest.mark.parametrize("order", ["TOP-DOWN", "BOTTOM-UP", None])
@pytest.mark.parametrize("kind", ["CD", "SIP"])
def test_the_order_of_rows_moves_no_star(tmp_path, name, order, kind):
    """Upright pixels have the same coordinates in every format that fastbg writes."""
    told = KINDS[kind] | ({"ROWORDER": order} if order else {})
    path = save(tmp_path / "in.fits", told)
    before = WCS(header(SHAPE, 20.0, 35.0, sip=2.0 * (kind == "SIP")))
    if name != "a.fits":
        rng = np.random.default_rng(1)
        with astropy_fits.open(path, mode="update") as opened:
            opened[0].data += rng.normal(0, 0.01, SHAPE).astype(np.float32)
        process_file(path, output=tmp_path / name, write_model=False, downscaling_factor=1,
                     threads=1)  # fmt: skip
        path = tmp_path / name
    found = found_in(path)
    y, x = np.array([0.0, 31, 59]), np.array([0.0, 17, 89])
    stored = 59 - y if order == "BOTTOM-UP" else y
    np.testing.assert_allclose(found.to_sky(y, x), before.all_pix2world(x, stored, 0), atol=1e-9)


@pytest.mark.parametrize("mirror", [False, True])
def test_keywords_of_pixinsight_count_rows_from_below(tmp_path, mirror):
    """Unless the picture would be mirrored: that is how PixInsight itself reads them."""
    from fastbg.io import xisf

    told = header(SHAPE, 20.0, 35.0, mirror=mirror)
    new = xisf.XisfHeader()
    image = new.root.find("Image")
    for name, text, _ in keywords(told):
        xisf.header.ET.SubElement(image, "FITSKeyword", {"name": name, "value": text})
    xisf.write(tmp_path / "a.xisf", np.full((*SHAPE, 1), 0.5, np.float32), header=new)
    found = found_in(tmp_path / "a.xisf")
    expected = coordinates(SHAPE, 20.0, 35.0, mirror=mirror)
    np.testing.assert_allclose(found.to_sky(3.0, 7.0), expected.to_sky(3.0 if mirror else 56, 7.0))


def test_superpixels_and_colour_planes(tmp_path):
    path = save(tmp_path / "a.fits", PLAIN | {"BAYERPAT": "RGGB"})
    expected = coordinates(SHAPE, 20.0, 35.0)
    small = found_in(path, "RGGB")
    assert small.shape == (30, 45)
    np.testing.assert_allclose(small.to_sky(10.0, 4.0), expected.to_sky(20.5, 8.5))
    cube = save(tmp_path / "b.fits", PLAIN | {"CTYPE3": "RGB", "CRVAL3": 1.0}, (3, *SHAPE))
    np.testing.assert_allclose(found_in(cube).to_sky(3.0, 7.0), expected.to_sky(3.0, 7.0))


def test_an_odd_height_binned_and_turned(tmp_path):
    """Superpixels begin at the top of the upright image, and the last odd row is left out."""
    shape = 61, 91
    told = header(shape, 20.0) | {"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"}
    small = found_in(save(tmp_path / "a.fits", told, shape), "RGGB")
    expected = coordinates(shape, 20.0)
    np.testing.assert_allclose(small.to_sky(0.0, 0.0), expected.to_sky(60 - 0.5, 0.5))


NONE = {
    "nothing": {},
    "pixels": {"CTYPE1": "PIXEL", "CTYPE2": "PIXEL", "CRVAL1": 1.0, "CRVAL2": 1.0, "CRPIX1": 1.0,
               "CRPIX2": 1.0, "CDELT1": 1.0, "CDELT2": 1.0},
    "a spectrum": PLAIN | {"CTYPE1": "WAVE-LOG", "CTYPE2": "OFFSET"},
    "no scale": ELEMENTS,
    "no reference": {name: value for name, value in PLAIN.items() if "CRVAL" not in name},
    "no pixels": {"CTYPE1": "PIXEL", "CRVAL1": "text"},
}  # fmt: skip


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_coordinate_system(tmp_path, kind):
    assert found_in(save(tmp_path / "a.fits", NONE[kind])) is None


BROKEN = {
    "singular": PLAIN | {"CD1_1": 0.0, "CD1_2": 0.0},
    "half of a matrix": ELEMENTS | {"CD1_1": 1e-3},
    "text": PLAIN | {"CRVAL1": "north"},
    "two axes of longitude": PLAIN | {"CTYPE2": "RA---TAN"},
    "a projection that is none": PLAIN | {"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"},
    "half of SIP": KINDS["SIP"] | {"B_ORDER": None},
    "beyond the pole": PLAIN | {"CRVAL2": 100.0},
    "not a number": PLAIN | {"CRPIX1": "NaN"},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_system_is_told_in_one_line(tmp_path, kind, capfd):
    told = {name: value for name, value in BROKEN[kind].items() if value is not None}
    path = save(tmp_path / "a.fits", told)
    with pytest.raises(InputError, match="broken coordinate system") as raised:
        found_in(path)
    assert str(raised.value).startswith(str(path))
    assert "solve it again" in str(raised.value)
    assert not any(word in str(raised.value) for word in ("\n", "wcs.c", " )"))
    assert capfd.readouterr() == ("", "")


def test_distortions_mean_nothing_far_outside():
    """Their polynomials would lead back into the image there."""
    shape = 300, 400
    found = coordinates(shape, 20.0, sip=20.0)
    plain = coordinates(shape, 20.0)
    y, x = np.meshgrid(np.linspace(-3000, 3000, 31), np.linspace(-4000, 4000, 31))
    back = np.array(found.to_pixel(*plain.to_sky(y, x)))
    outside = (np.abs(y - 150) > 400) | (np.abs(x - 200) > 500)
    inside = ((back > -0.5) & (back < [[[299.5]], [[399.5]]])).all(axis=0)
    assert not (inside & outside).any()


def test_keywords_are_those_of_the_first_solution():
    """Of alternative solutions, which have a letter, and of repeated keywords, nothing is taken."""
    told = keywords(PLAIN) + keywords({f"{name}A": 0.0 for name in PLAIN})
    found = Coordinates(fits.system_of(told + keywords({"CRVAL1": 3.0}), SHAPE), SHAPE)
    np.testing.assert_allclose(found.to_sky(29.5, 44.5), CENTRE, atol=1e-12)
    quoted = [
        (name, f"'{text}'" if "CR" in name else text, "") for name, text, _ in keywords(PLAIN)
    ]
    again = Coordinates(fits.system_of(quoted, SHAPE), SHAPE)
    np.testing.assert_allclose(again.to_sky(29.5, 44.5), CENTRE, atol=1e-12)

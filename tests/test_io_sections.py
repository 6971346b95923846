"""Sections of the sensor in FITS keywords: what they mean, and what is no section."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits as astropy_fits

from fastbg.image.border import Box, remaining
from fastbg.io import formats
from fastbg.io.orientation import Turn
from fastbg.io.sections import reversed_section, sections_of

SHAPE = (40, 60)


def told(tmp_path, **keywords):
    """What is told of an image of `SHAPE` with some keywords, read upright."""
    path = tmp_path / "image.fits"
    unit = astropy_fits.PrimaryHDU(np.ones(SHAPE, np.float32))
    unit.header.update(keywords)
    unit.writeto(path, overwrite=True)
    with formats.open_image(path) as image:
        return sections_of(image.turned(Turn.of(image.orientation)))


def mask(boxes):
    hidden = np.zeros(SHAPE, int)
    for box in boxes:
        hidden[box.rows, box.columns] += 1
    return hidden


@pytest.mark.parametrize(
    ("keywords", "data"),
    [
        ({"DATASEC": "[1:50,1:40]"}, np.s_[:, :50]),
        ({"DATASEC": " [ 50 : 1 , 40 : 1 ] "}, np.s_[:, :50]),
        ({"DATASEC": "[1:50,*]"}, np.s_[:, :50]),
        ({"TRIMSEC": "[11:50,3:38]"}, np.s_[2:38, 10:50]),
        ({"DATASEC": "[1:55,1:40]", "TRIMSEC": "[2:50,3:40]"}, np.s_[2:, 1:50]),
        ({"BIASSEC": "[51:60,1:40]"}, np.s_[:, :50]),
        ({"BIASSEC1": "[51:60,1:40]", "BIASSEC2": "[1:60,39:40]"}, np.s_[:38, :50]),
        ({"DATASEC": "[1:100,1:80]", "CCDSUM": "2 2"}, np.s_[:, :50]),
        ({"DATASEC": "[1:100,1:40]", "XBINNING": 2, "YBINNING": 1}, np.s_[:, :50]),
        ({"DATASEC": "[1:50,1:30]", "ROWORDER": "TOP-DOWN"}, np.s_[:30, :50]),
        ({"DATASEC": "[1:50,1:30]", "ROWORDER": "BOTTOM-UP"}, np.s_[10:, :50]),
    ],
)
def test_all_but_the_data_is_told(tmp_path, keywords, data) -> None:
    expected = np.ones(SHAPE, int)
    expected[data] = 0
    found = told(tmp_path, **keywords)
    assert (mask(found.boxes) == expected).all()
    assert not found.warnings
    assert set(found.names) <= keywords.keys()


def test_two_amplifiers_have_their_overscan_between_them(tmp_path) -> None:
    found = told(tmp_path, DATASEC1="[1:25,1:40]", DATASEC2="[36:60,1:40]")
    assert found.boxes == (Box(0, 40, 25, 35),)


@pytest.mark.parametrize(
    "keywords",
    [
        {"DATASEC": "[1:60,1:40]"},
        {"DATASEC": "UNKNOWN"},
        {"DATASEC": ""},
        {"BIASSEC": "[0:0,0:0]"},
        {"CCDSEC": "[1:30,1:20]", "DETSEC": "[1:30,1:20]"},
    ],
)
def test_nothing_is_told(tmp_path, keywords) -> None:
    found = told(tmp_path, **keywords)
    assert not found.boxes
    assert not found.warnings


@pytest.mark.parametrize(
    "section", ["[1:61,1:40]", "[0:50,1:40]", "[1:500,1:400]", "[1:50]", "[a:b,c:d]", "[1:5,1:4]"]
)
def test_nonsense_is_told_in_one_line_and_not_obeyed(tmp_path, section) -> None:
    found = told(tmp_path, DATASEC=section)
    assert not found.boxes
    (line,) = found.warnings
    assert "DATASEC" in line
    assert "\n" not in line


@pytest.mark.parametrize("keep", [1, 2, 7])
def test_boxes_of_what_is_left_do_not_overlap(keep) -> None:
    rng = np.random.default_rng(keep)

    def boxes(count):
        for _ in range(count):
            top, left = rng.integers(0, 30), rng.integers(0, 50)
            yield Box(top, top + rng.integers(1, 10), left, left + rng.integers(1, 10))

    data, bias = [[*boxes(keep)], [Box(2, 35, 1, 58)]], [*boxes(3)]
    expected = (mask(data[0]) == 0) | (mask(data[1]) == 0) | (mask(bias) > 0)
    assert (mask(remaining(SHAPE, data, bias)) == expected).all()


def test_a_reversed_section_is_that_of_the_reversed_image() -> None:
    assert reversed_section("'[3:20,1:512]'", 2, 522) == "'[3:20,11:522]'"
    assert reversed_section("'[3:20,1:512]'", 1, 20) == "'[1:18,1:512]'"
    assert reversed_section("'[3:20,512:1]'", 2, 522) == "'[3:20,522:11]'"
    for text in ("'UNKNOWN'", "'[1:512,1:999]'", "'[*,*]'"):
        assert reversed_section(text, 2, 522) == text
    again = reversed_section(reversed_section("[5:6,7:8]", 2, 100), 2, 100)
    assert again == "[5:6,7:8]"

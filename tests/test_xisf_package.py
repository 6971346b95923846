"""What the ``xisf`` package cannot read, and fastbg can: defects to tell its authors about.

A test marked as failing that passes tells that a release of the package does better.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_io_xisf import save
from xisf import XISF

from fastbg.io import xisf

PIXELS = bytes(range(12))
CASES = {
    "a keyword without a comment": ({}, PIXELS, '<FITSKeyword name="A" value="1"/>'),
    "big-endian samples": (
        {"sampleFormat": "UInt16", "byteOrder": "big"},
        np.arange(12, dtype=">u2").tobytes(),
        "",
    ),
    "a property in an embedded block": (
        {},
        PIXELS,
        '<Property id="a" type="UI8Vector" length="2" location="embedded">'
        '<Data encoding="base64">AQI=</Data></Property>',
    ),
}


def read_by_the_package(path):
    package = XISF(str(path))
    return package.get_images_metadata()[0], package.read_image(0)


@pytest.mark.xfail(strict=False, reason="the xisf package cannot read it")
@pytest.mark.parametrize("case", CASES)
def test_the_package_reads_it(tmp_path, case):
    attributes, block, children = CASES[case]
    path = save(tmp_path / "a.xisf", attributes, block, children=children)
    _, pixels = read_by_the_package(path)
    np.testing.assert_array_equal(pixels, xisf.read(path).to_array())
    assert pixels.max() == 11


@pytest.mark.xfail(strict=False, reason="the xisf package verifies no checksums")
def test_the_package_verifies_checksums(tmp_path):
    path = save(tmp_path / "a.xisf", {"checksum": "sha-1:" + 40 * "0"}, PIXELS)
    with pytest.raises(Exception, match="checksum"):
        read_by_the_package(path)


@pytest.mark.parametrize("case", CASES)
def test_fastbg_reads_it(tmp_path, case):
    attributes, block, children = CASES[case]
    path = save(tmp_path / "a.xisf", attributes, block, children=children)
    image = xisf.read(path)
    assert image.to_array().ravel().tolist() == list(range(12))
    assert image.warnings == ()

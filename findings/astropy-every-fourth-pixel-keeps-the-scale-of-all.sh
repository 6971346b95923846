#!/usr/bin/env bash
# astropy 8.0.2: every fourth pixel of a solved image is half a degree away from where its star is.
#
# Behaviour. `ccd[::4, ::4]` of a CCDData takes every fourth sample and cuts the coordinate system in the same way;
# `WCS.slice` says that the grid is downsampled by the step. If the header states its scale as CDELT, the new pixels
# are 4 times as large, and their places are those of the middle of 4 x 4 old pixels: 1.5 pixels each way beside the
# sample that was taken. If it states its scale as a CD matrix, as astrometry.net does, the pixels keep their old
# size: in an image of 4000 x 3000 pixels of one second of arc, the corner is off by 1875 seconds of arc. Four
# warnings say that cdelt is ignored since cd is present; none says that the places are wrong. A distortion (SIP)
# keeps the coefficients of the old pixels whatever states the scale: one of 4 pixels at the border of the image
# becomes one of a quarter of a pixel, and with CDELT nobody warns at all. A window without a step is right.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2
cat > "$folder/step.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.wcs import WCS

print(*(f"{name} {version(name)}" for name in ("astropy", "numpy")))
SHAPE = 3000, 4000


def solved(matrix: bool, distorted: bool) -> WCS:
    """Pixels of one second of arc around the middle; a distortion has up to 4 pixels."""
    suffix, second = "-SIP" if distorted else "", 1 / 3600
    header = fits.Header({"CTYPE1": "RA---TAN" + suffix, "CTYPE2": "DEC--TAN" + suffix})
    header.update({"CRVAL1": 10.0, "CRVAL2": 40.0, "CRPIX1": 2000.5, "CRPIX2": 1500.5})
    header.update(dict(zip(("CD1_1", "CD2_2") if matrix else ("CDELT1", "CDELT2"), (-second, second), strict=True)))
    if distorted:
        header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_2_0": 1e-6})
    system = WCS(header)
    system.array_shape = SHAPE
    return system


def offset(old: WCS, new: WCS, first: int, step: int, beside: float) -> float:
    """The largest distance, in old pixels, of a new pixel from the point `beside` its sample, in both axes."""
    rows, columns = np.meshgrid(*(np.linspace(0, (size - first) // step - 1, 9) for size in SHAPE))
    before = old.pixel_to_world(first + step * columns + beside, first + step * rows + beside)
    return round(float(before.separation(new.pixel_to_world(columns, rows)).arcsec.max()), 1)


found = {}
for matrix in (False, True):
    for distorted in (False, True):
        for first, step in ((100, 1), (0, 4)):
            system = solved(matrix, distorted)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                ccd = CCDData(np.zeros(SHAPE, "f4"), unit="adu", wcs=system)[first::step, first::step]
            messages = sorted({str(each.message) for each in told})
            sample, middle = (offset(system, ccd.wcs, first, step, beside) for beside in (0, (step - 1) / 2))
            found[matrix, distorted, step] = sample, middle, len(told)
            print(
                f"{'CD' if matrix else 'CDELT'}{' + SIP' * distorted}, [{first}::{step}]: up to {sample} pixels from "
                f"the sample, {middle} from the middle of its block; {len(told)} warnings {messages}"
            )
for key in ((False, False, 1), (False, True, 1), (True, False, 1), (True, True, 1)):
    if found[key] != (0, 0, 0):
        sys.exit("this has changed")
scaled, bent = found[False, False, 4], found[False, True, 4]
unscaled, both = found[True, False, 4], found[True, True, 4]
warned = [each[2] for each in (scaled, bent, unscaled, both)]
if scaled[:2] == (2.1, 0) and bent[1] > 4 and min(unscaled[0], both[0]) > 1850 and warned == [0, 0, 4, 4]:
    print("a step leaves the scale of a CD matrix and the coefficients of a distortion as they were")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/step.py"

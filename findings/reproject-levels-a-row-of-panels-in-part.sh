#!/usr/bin/env bash
# reproject 0.21.0: in a long row of panels, matched backgrounds keep most of their steps, and differ from run to run.
#
# Behaviour. `reproject_and_coadd(..., match_background=True)` looks for one correction for each panel from the
# differences in overlaps. Panels in a row, each brighter than the one before by 1, without noise, have an exact
# solution, after which no step is left. It is found for 8 panels (steps below 1e-4). Of 16 panels, steps of .07
# are left, of 24 panels .4, of 32 panels .66 and of 48 panels .92, without a warning: the descent that looks for the
# corrections takes smaller and smaller steps, a hundred whole ones in all, and one of them carries a correction
# hardly further than to the next panel. It also shuffles the panels with numpy's global generator, so that the same
# call twice gives mosaics that differ by some hundredths of a step. Least squares on the same differences levels all
# rows to rounding.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2 reproject==0.21.0
cat > "$folder/row.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from astropy.wcs import WCS
from reproject import reproject_interp
from reproject.mosaicking import reproject_and_coadd

HIGH, WIDE, APART = 8, 20, 16


def system(first_column):
    """A coordinate system in degrees, a hundredth for each pixel."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---CAR", "DEC--CAR"], [-0.01, 0.01]
    wcs.wcs.crval, wcs.wcs.crpix = [0, 0], [1 - first_column, 1]
    return wcs


def mosaic(panels):
    shape = HIGH, APART * (len(panels) - 1) + WIDE
    return reproject_and_coadd(
        panels, system(0), shape_out=shape, reproject_function=reproject_interp, match_background=True
    )[0]


def steps_of_least_squares(count):
    """The largest step that is left after least squares on the differences of neighbours."""
    differences = np.diff(np.eye(count), axis=0)
    levels = np.arange(count, dtype=float)
    corrections = np.linalg.lstsq(differences, np.diff(levels), rcond=None)[0]
    return np.abs(np.diff(levels - corrections)).max()


print(*(f"{name} {version(name)}" for name in ("reproject", "astropy", "numpy")))
left, apart = {}, {}
for count in (8, 16, 24, 32, 48):
    panels = [(np.full((HIGH, WIDE), float(i)), system(APART * i)) for i in range(count)]
    first, second = mosaic(panels), mosaic(panels)
    middles = first[HIGH // 2, WIDE // 2 :: APART][:count]
    left[count], apart[count] = np.abs(np.diff(middles)).max(), np.abs(first - second).max()
    print(
        f"{count} panels: the largest step is {left[count]:.2g} of 1, by least squares "
        f"{steps_of_least_squares(count):.1g}; a second run differs by up to {apart[count]:.2g}"
    )
if left[8] < 1e-4 and left[16] > 0.03 and left[32] > 0.5 and left[48] > 0.8 and apart[32] > 1e-4:
    print("a long row keeps its steps, and no two runs agree")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/row.py"

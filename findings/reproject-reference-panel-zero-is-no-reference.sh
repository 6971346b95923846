#!/usr/bin/env bash
# reproject 0.21.0: of the panels of a mosaic, the first cannot be the one whose background is kept.
#
# Behaviour. `reproject_and_coadd(..., match_background=True, background_reference=i)` keeps the level of the image
# with the index i and brings the others to it, as its documentation says; without a reference, the corrections have
# the mean zero. Two panels have the levels 10 and 30. With the reference 1, the mosaic has the level 30. With the
# reference 0 it has not the level 10 but 20, exactly as without a reference, and nothing is said. -2, which is the same
# panel counted from the end, works. The first image of a list is what most people would name as the reference.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2 reproject==0.21.0
cat > "$folder/reference.py" <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from astropy.wcs import WCS
from reproject import reproject_interp
from reproject.mosaicking import reproject_and_coadd


def system(first_column):
    """A coordinate system in degrees, a hundredth for each pixel."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cdelt = ["RA---CAR", "DEC--CAR"], [-0.01, 0.01]
    wcs.wcs.crval, wcs.wcs.crpix = [0, 0], [1 - first_column, 1]
    return wcs


print(*(f"{name} {version(name)}" for name in ("reproject", "astropy", "numpy")))
panels = [(np.full((8, 20), level), system(left)) for level, left in ((10.0, 0), (30.0, 16))]
levels = {}
for reference in (None, 0, -2, 1):
    mosaic, _ = reproject_and_coadd(
        panels, system(0), shape_out=(8, 36), reproject_function=reproject_interp,
        match_background=True, background_reference=reference,
    )
    levels[reference] = round(float(mosaic.mean()), 6)
    print(f"background_reference={reference}: the mosaic has the level {levels[reference]:g}")
if levels == {None: 20, 0: 20, -2: 10, 1: 30}:
    print("the first panel is not taken as the reference")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/reference.py"

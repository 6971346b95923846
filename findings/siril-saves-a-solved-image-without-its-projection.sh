#!/usr/bin/env bash
# Siril 1.0.6: a solved FITS image that is opened and saved loses CTYPE, unless its header has an EQUINOX.
#
# Behaviour. A header with a complete astrometric solution (CTYPE, CRVAL, CRPIX, CD; ICRS) needs no EQUINOX by the
# FITS standard, and astropy writes none with ICRS. Siril opens such an image, and saves it with CRVAL, CRPIX, CDELT
# and PC, but without CTYPE1 and CTYPE2. What is left is no longer a place in the sky: for astropy its axes are plain
# numbers, and the first pixel of the image below, 35 pixels from the reference pixel, moves by 4 pixels, since a
# degree of right ascension is no length. With EQUINOX = 2000 in the same header, CTYPE is kept. Nobody warns.
# Siril 1.4.4 keeps it in both cases.
#
# Needs Debian's siril: apt install siril. Seen on x86_64 Linux, Debian 12, with Python 3.11.
set -euo pipefail
command -v siril-cli > /dev/null || { echo "siril-cli is missing: apt install siril"; exit 2; }
siril-cli --version
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2
cat > "$folder/solved.py" <<'PYTHON'
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

folder = Path(__file__).parent
SOLUTION = {
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "RADESYS": "ICRS", "CRVAL1": 192.72, "CRVAL2": 41.12,
    "CRPIX1": 20.0, "CRPIX2": 30.0, "CD1_1": -1e-3, "CD1_2": 1e-4, "CD2_1": 1e-4, "CD2_2": 1e-3,
}


def saved(name, **more):
    """Whether the image tells a place in the sky, before and after Siril has saved it."""
    work = folder / name
    work.mkdir()
    samples = np.random.default_rng(1).normal(0.2, 0.01, (63, 50)).astype("f4")
    fits.writeto(work / "a.fits", samples, fits.Header(SOLUTION | more))
    commands = ["requires 1.0.0", "setext fits", "set32bits", "load a.fits", "save b"]
    (work / "s.ssf").write_text("\n".join(commands) + "\n")
    own = os.environ | {"HOME": str(work), "XDG_CONFIG_HOME": str(work)}
    subprocess.run(["siril-cli", "-d", work, "-s", work / "s.ssf"], check=True, capture_output=True, env=own)
    found = []
    for file in ("a.fits", "b.fits"):
        header = fits.getheader(work / file)
        wcs = WCS(header)
        ra, dec = (float(each) for each in wcs.wcs_pix2world(0, 0, 0))
        found.append(wcs.has_celestial)
        print(f"{name:15} {file}: CTYPE1 {header.get('CTYPE1')}, first pixel at {ra:.5f} {dec:.5f}")
    return found


if saved("no EQUINOX") == [True, False] and saved("EQUINOX = 2000", EQUINOX=2000.0) == [True, True]:
    print("Siril keeps the projection of a solution only beside an EQUINOX")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/solved.py"

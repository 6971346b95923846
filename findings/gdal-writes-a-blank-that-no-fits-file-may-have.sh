#!/usr/bin/env bash
# GDAL 3.6: every FITS file of integers that gdal_translate makes says BLANK = -9999., which is no integer.
#
# Behaviour. `gdal_translate -of FITS` of a TIFF file of 8 or 16 bits that has no "no data" value writes a card
# BLANK with a floating-point number. FITS demands an integer (4.0, section 4.4.2.5), and wants it in the units of
# what is stored: in a file of unsigned 16-bit samples, -9999 stands for 22769. So the readers part. fitsverify
# calls it an error, astropy warns and ignores it. GDAL itself then takes -9999 for the physical number, which no
# unsigned sample can be, and warns on the next conversion that it was clamped to 0. A reader that
# only looks for a number would lose all samples of 22769. Files of floats get no such card.
#
# Needs Debian's programs: apt install gdal-bin libcfitsio-bin. Seen on x86_64 Linux, Debian 12.
set -euo pipefail
for program in gdal_translate fitsverify; do
    command -v "$program" > /dev/null || { echo "$program is missing: apt install gdal-bin libcfitsio-bin"; exit 2; }
done
gdal_translate --version
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 tifffile==2026.3.3 astropy==8.0.2
cat > "$folder/blank.py" <<'PYTHON'
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import tifffile
from astropy.io import fits

folder = Path(__file__).parent
found = {}
for dtype in ("u1", "i2", "u2", "f4"):
    samples = np.array([[22769, 12, 40000], [5, 6, 7]]).astype(dtype)
    tifffile.imwrite(folder / f"{dtype}.tif", samples, metadata=None)
    path = folder / f"{dtype}.fits"
    subprocess.run(["gdal_translate", "-q", "-of", "FITS", folder / f"{dtype}.tif", path], check=True)
    run = subprocess.run(["fitsverify", path], capture_output=True, text=True)
    verified = run.stdout + run.stderr
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with fits.open(path) as units:
            blank = [str(card).split("/")[0].strip() for card in units[0].header.cards["BLANK*"]]
            same = np.array_equal(units[0].data[::-1], samples)
    ignored = any("BLANK" in str(each.message) for each in told)
    error = "is not an integer" in verified
    found[dtype] = bool(blank), error, ignored, same
    print(f"{dtype}: {blank or 'no BLANK'}, an error for fitsverify: {error}, ignored by astropy: {ignored}")
integers = dict.fromkeys(("u1", "i2", "u2"), (True, True, True, True))
if found == integers | {"f4": (False, False, False, True)}:
    print("GDAL writes a BLANK that no FITS file may have")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/blank.py"

#!/usr/bin/env bash
# funtools 1.4.8, DS9's own library of regions: an image that is filtered by two regions holds all rows between them.
#
# Behaviour. Two circles, one above the other, of 69 pixels each. `funcnts`, which counts the light of regions, finds
# 69 and 69 pixels. `funimage "image.fits[@circles.reg]"`, which writes the image that the same file selects,
# keeps 1188: the two circles, and every pixel of the 21 rows between them, in which no region lies, from the left
# border of the image to the right one. Circles side by side, or circles that share a row, are right in both. A
# point is enough for the second region. Nobody warns. A mask of several galaxies that is made so takes most of
# the image, and a mask of one galaxy does not show it.
#
# Needs Debian's funtools: apt install funtools. Seen on x86_64 Linux, Debian 12, with Python 3.11.
set -euo pipefail
for program in funimage funcnts; do
    command -v "$program" > /dev/null || { echo "$program is missing: apt install funtools"; exit 2; }
done
dpkg-query -W -f 'funtools ${Version}\n' funtools
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2
cat > "$folder/rows.py" <<'PYTHON'
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

folder = Path(__file__).parent
ones, file, out = folder / "ones.fits", folder / "a.reg", folder / "out.fits"
fits.PrimaryHDU(np.ones((63, 50), "i2")).writeto(ones)


def selected(*regions):
    """What funcnts counts in the regions of a file, and what funimage keeps: pixels, whole rows."""
    file.write_text("\n".join(["image", *regions]) + "\n")
    out.unlink(missing_ok=True)
    told = subprocess.run(["funcnts", ones, f"@{file}"], capture_output=True, text=True, check=True)
    table = told.stdout.partition("# source_data")[2].splitlines()[3:]
    counted = sum(int(row.split()[2]) for row in table if row.strip())
    subprocess.run(["funimage", f"{ones}[@{file}]", out], check=True)
    mask = fits.getdata(out) > 0
    whole = int(np.count_nonzero(mask.sum(axis=1) == 50))
    print(f"{' and '.join(regions):36} counted {counted:4}, kept {mask.sum():5} with {whole:2} whole rows")
    return counted, int(mask.sum()), whole


found = [
    selected("circle(20,15,5)"),
    selected("circle(10,30,5)", "circle(40,30,5)"),
    selected("circle(20,15,5)", "circle(20,22,5)"),
    selected("circle(20,15,5)", "circle(20,45,5)"),
    selected("circle(20,15,5)", "point(40,45)"),
]
if found[:2] == [(69, 69, 0), (138, 138, 0)] and found[2][2] == 0 and found[3] == (138, 1188, 21) and found[4][2] == 25:
    print("funimage keeps all rows between two regions, and funcnts does not count them")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/rows.py"

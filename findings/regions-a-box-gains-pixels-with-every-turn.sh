#!/usr/bin/env bash
# regions 0.12: a box whose sides run through centres of pixels has other pixels after each quarter turn.
#
# Behaviour. `box(20,30,12,6,0)` of a DS9 file is 12 pixels wide and 6 high, and so its sides run through centres
# of pixels. The package leaves out all centres on its sides: 11 x 5 = 55. Turned by 90, 180, 270 and 360
# degrees, the same box (with its sides exchanged where need be) has 59, 63, 63 and 67 of them, since the sine and
# the cosine of these angles are not exact, and whole sides fall to one side of the line or the other. DS9's own
# rule takes the centres on two of the four sides, 12 x 6 = 72, whatever the turn; `pyregion` 2.3 takes those
# on all four, 13 x 7 = 91. A box that is drawn with the mouse and snapped to whole pixels is of this kind.
#
# Where Debian's funtools, the region library of DS9, is installed (apt install funtools), its count is
# printed, too.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2 regions==0.12 pyregion==2.3.0
cat > "$folder/turns.py" <<'PYTHON'
import shutil
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyregion
from astropy.io import fits
from regions import PixCoord, Regions

warnings.simplefilter("ignore")
print(*(f"{name} {version(name)}" for name in ("regions", "pyregion", "astropy")))
folder = Path(__file__).parent
y, x = np.mgrid[:63, :50]
fits.PrimaryHDU(np.ones(x.shape, "i2")).writeto(folder / "ones.fits")
counts = []
for turn in range(5):
    sides = "12,6" if turn % 2 == 0 else "6,12"
    text = f"image;box(20,30,{sides},{90 * turn})"
    [box] = Regions.parse(text, format="ds9")
    own = int(box.contains(PixCoord(x, y)).sum())
    other = int(pyregion.parse(text).get_mask(shape=x.shape).sum())
    ds9 = ""
    if shutil.which("funimage"):
        output = folder / f"{turn}.fits"
        region = text.partition(";")[2]
        subprocess.run(["funimage", f"{folder}/ones.fits[{region}]", output], check=True)
        ds9 = f", DS9's library {int(fits.getdata(output).sum())}"
    print(f"{text}: regions {own}, pyregion {other}{ds9}")
    counts.append(own)
if counts == [55, 59, 63, 63, 67]:
    print("the same box has other pixels after each turn")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/turns.py"

#!/usr/bin/env bash
# Siril 1.0.6: a raw frame as TIFF gets other colours than as FITS, with the same rows and the same header.
#
# Behaviour. An undebayered frame of 62 rows is stored twice, first row first: as FITS with BAYERPAT = RGGB and
# ROWORDER = TOP-DOWN, and as TIFF that carries the same header in its ImageDescription (Astro-TIFF, which Siril
# reads). Siril debayers the FITS file as RGGB, and the TIFF file with the rows of the pattern exchanged: GBRG.
# Siril keeps images from the bottom up, so it turns the rows of a TIFF file when it opens it. It does not turn
# what the header says: TOP-DOWN then means that the pattern begins at the row that was the last. With 63 rows
# both are RGGB, since the first row and the last one have the same colours, so a test with an odd height shows
# nothing. The header that gives the right colours is ROWORDER = BOTTOM-UP, for a TIFF file whose first row is the
# top one. The specification of Astro-TIFF agrees with Siril: its header is that of a FITS file whose first row is
# the bottom one. The source of Siril 1.4.4 does the same.
#
# Needs Debian's siril: apt install siril. Seen on x86_64 Linux, Debian 12, with Python 3.11.
set -euo pipefail
command -v siril-cli > /dev/null || { echo "siril-cli is missing: apt install siril"; exit 2; }
siril-cli --version
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2 tifffile==2026.3.3
cat > "$folder/rows.py" <<'PYTHON'
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
from astropy.io import fits

folder = Path(__file__).parent
PATTERNS = {"RGGB": (0, 1, 1, 2), "BGGR": (2, 1, 1, 0), "GRBG": (1, 0, 2, 1), "GBRG": (1, 2, 0, 1)}


def frame(rows):
    """Another level at each place of 2 x 2, so that colours tell which place was taken for red."""
    return np.tile(np.array([[0.1, 0.3], [0.5, 0.7]], "f4"), (rows // 2 + 1, 25))[:rows]


def colours(rows, suffix, order):
    """The pattern, from the first row that is stored, by which Siril debayers the frame."""
    work = folder / f"{rows}{suffix}{order}"
    work.mkdir()
    header = fits.Header({"BAYERPAT": "RGGB", "ROWORDER": order})
    unit = fits.PrimaryHDU(frame(rows), header)
    for name in "ab":  # one frame is no sequence
        path = work / f"{name}{suffix}"
        if suffix == ".fits":
            unit.writeto(path)
        else:
            text = "\n".join([*map(str, unit.header.cards), "END"])
            tifffile.imwrite(path, frame(rows), description=text, metadata=None)
    commands = ["requires 1.0.0", "setext fits", "set32bits", "convert s -out=.", "preprocess s_ -cfa -debayer"]
    (work / "s.ssf").write_text("\n".join(commands) + "\n")
    own = os.environ | {"HOME": str(work), "XDG_CONFIG_HOME": str(work)}
    subprocess.run(["siril-cli", "-d", work, "-s", work / "s.ssf"], check=True, capture_output=True, env=own)
    image = np.moveaxis(fits.getdata(work / "pp_s_00001.fits"), 0, 2)
    if suffix != ".fits":
        image = image[::-1]
    y, x = np.indices((rows, 50))
    off = {}
    for pattern, channels in PATTERNS.items():
        channel = np.array(channels).reshape(2, 2)[y % 2, x % 2]
        own = np.take_along_axis(image, channel[..., np.newaxis], 2)[..., 0]
        off[pattern] = np.abs(own - frame(rows))[6:-6, 6:-6].max()
    best = min(off, key=off.get)
    print(f"{rows} rows, {order:9} {suffix:5} is debayered as {best}")
    return best if off[best] < 1e-3 else "?"


found = {
    (rows, suffix, order): colours(rows, suffix, order)
    for rows in (62, 63)
    for suffix in (".fits", ".tif")
    for order in ("TOP-DOWN", "BOTTOM-UP")
}
expected = dict.fromkeys(found, "RGGB")
expected |= {(62, ".fits", "BOTTOM-UP"): "GBRG", (62, ".tif", "TOP-DOWN"): "GBRG"}
if found == expected:
    print("the same rows with the same header are debayered in two ways")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/rows.py"

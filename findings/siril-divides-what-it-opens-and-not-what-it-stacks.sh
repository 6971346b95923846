#!/usr/bin/env bash
# Siril 1.0.6: a star above 2 makes the whole image 65535 times darker where it is opened, and not where it is stacked.
#
# Behaviour. Siril's floats go from 0 to 1, and FITS floats up to 2.0 are opened as they are. If one sample of the
# image is larger, such as a bright star in a sum of frames or after a division by a flat, Siril takes the image for
# counts of a camera: every sample of every channel is divided by 65535, and the log does not say so. A sky of 0.1 is
# saved as 0.0000015. `stack` reads the same files without that: the stack has a sky of 0.1. A card DATAMAX decides
# instead of the samples, where there is one. With DATAMAX = 1.0 the image with the star stays as it is. With 65535.0 an
# image below 1 is divided, by `stack` as well, which asks each frame for itself: one of three frames with the
# card darkens their mean by a third. So a DATAMAX that is left from before a rescaling changes the picture. In the
# source of later versions the limit is 10.
#
# Needs Debian's program: apt install siril. Seen on x86_64 Linux, Debian 12, with Python 3.11.
set -euo pipefail
command -v siril-cli > /dev/null || { echo "siril-cli is missing: apt install siril"; exit 2; }
siril-cli --version
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2
cat > "$folder/limit.py" <<'PYTHON'
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits

SCRIPT = """requires 1.0.0
setext fit
set32bits
load frame_00002
save opened
stack frame mean none -nonorm -out=stacked
"""


def skies(star: float, data_max: dict[int, float]) -> tuple[float, float, bool]:
    """The median of the second of three frames as Siril opens it, and of the mean of the three; is a division told?"""
    work = Path(tempfile.mkdtemp(dir=Path(__file__).parent))
    random = np.random.default_rng(1)
    for number in (1, 2, 3):
        frame = (0.1 + 0.001 * random.standard_normal((60, 80))).astype("f4")
        frame[10, 10] = star
        header = fits.Header({"DATAMAX": data_max[number]} if number in data_max else {})
        fits.writeto(work / f"frame_{number:05d}.fit", frame, header)
    (work / "script.ssf").write_text(SCRIPT)
    command = ["siril-cli", "-d", str(work), "-s", str(work / "script.ssf")]
    own = os.environ | {"HOME": str(work), "XDG_CONFIG_HOME": str(work), "LC_ALL": "C"}
    log = subprocess.run(command, capture_output=True, text=True, check=True, env=own).stdout
    opened, stacked = (float(np.median(fits.getdata(work / f"{name}.fit"))) for name in ("opened", "stacked"))
    return float(f"{opened:.2g}"), float(f"{stacked:.2g}"), "65535" in log or "Normalizing input" in log


found = {}
for star, data_max in (
    (1.9, {}),
    (2.0, {}),
    (2.1, {}),
    (2.1, dict.fromkeys((1, 2, 3), 1.0)),
    (0.9, dict.fromkeys((1, 2, 3), 65535.0)),
    (0.9, {2: 65535.0}),
):
    found[star, len(data_max), *set(data_max.values())] = opened, stacked, told = skies(star, data_max)
    cards = f"DATAMAX {set(data_max.values())} in {len(data_max)} of 3 frames" if data_max else "no DATAMAX"
    print(f"a star of {star}, {cards}: sky {opened} where opened, {stacked} where stacked; told of: {told}")
if found == {
    (1.9, 0): (0.1, 0.1, False),
    (2.0, 0): (0.1, 0.1, False),
    (2.1, 0): (1.5e-06, 0.1, False),
    (2.1, 3, 1.0): (0.1, 0.1, False),
    (0.9, 3, 65535.0): (1.5e-06, 1.5e-06, False),
    (0.9, 1, 65535.0): (1.5e-06, 0.067, False),
}:
    print("what is opened and what is stacked differ by 65535")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/limit.py"

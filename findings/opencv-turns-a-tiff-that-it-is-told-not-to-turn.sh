#!/usr/bin/env bash
# OpenCV 5.0: a TIFF file is turned by its tag Orientation under every flag that should leave it as it is.
#
# Behaviour. `cv2.imread` says that IMREAD_UNCHANGED and IMREAD_IGNORE_ORIENTATION leave the orientation
# alone, and of a PNG or JPEG they do. A TIFF file of 16 bits comes back upside down or mirrored by both
# where its tag 274 is 2, 3 or 4: the reader itself turns the rows. Where the tag is 5 to 8, the image lies on its
# side, and nothing is read at all.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 tifffile==2026.3.3 opencv-python-headless==5.0.0.93
cat > "$folder/turned.py" <<'PYTHON'
import sys
from pathlib import Path

import cv2
import numpy as np
import tifffile

print("OpenCV", cv2.__version__, "tifffile", tifffile.__version__)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
path = str(Path(__file__).with_name("a.tif"))
image = np.arange(4 * 6, dtype=np.uint16).reshape(4, 6)
flags = {
    "unchanged": cv2.IMREAD_UNCHANGED,
    "ignoring": cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
}
found = {}
for orientation in range(1, 9):
    tifffile.imwrite(path, image, extratags=[(274, 3, 1, orientation, True)])
    for name, flag in flags.items():
        seen = cv2.imread(path, flag)
        what = "nothing" if seen is None else "as stored" if np.array_equal(seen, image) else "turned"
        found[orientation, name] = what
        print(f"Orientation {orientation}, {name}: {what}", "" if seen is None else seen.shape)
expected = {}
for name in flags:
    expected[1, name] = "as stored"
    expected |= {(orientation, name): "turned" for orientation in (2, 3, 4)}
    expected |= {(orientation, name): "nothing" for orientation in (5, 6, 7, 8)}
if found == expected:
    print("OpenCV turns a TIFF file that it is told not to turn")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/turned.py"

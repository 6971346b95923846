#!/usr/bin/env bash
# OpenCV 5.0: of a TIFF file that stores its colours in planes, three neighbours of the first plane become the
# colours of one pixel.
#
# Behaviour. A TIFF file of RGB may hold its samples pixel by pixel (PlanarConfiguration 1) or plane by plane (2).
# tifffile writes both, and reads the same image from both. Where they have 8 bits, `cv2.imread` with
# IMREAD_UNCHANGED does so, too. Where they have 16 bits or are 32-bit floats, it returns an image of the right
# shape and type, with no error and no message, whose first pixel has the first three samples of the red plane
# for its red, green and blue. Programs for astrophotos write planes, since that is the order of FITS.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 tifffile==2026.3.3 opencv-python-headless==5.0.0.93
cat > "$folder/planes.py" <<'PYTHON'
import sys
from pathlib import Path

import cv2
import numpy as np
import tifffile

print("OpenCV", cv2.__version__, "tifffile", tifffile.__version__)
path = str(Path(__file__).with_name("a.tif"))
wrong = {}
for dtype in ("u1", "u2", "f4"):
    image = np.arange(4 * 6 * 3).reshape(4, 6, 3).astype(dtype)
    for order in ("contig", "separate"):
        data = image if order == "contig" else np.moveaxis(image, 2, 0)
        tifffile.imwrite(path, data, photometric="rgb", planarconfig=order)
        stored = tifffile.imread(path)
        assert np.array_equal(stored, data)
        found = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        if found is None:
            print(dtype, order, "is refused")
            continue
        found = found[..., ::-1]
        same = found.shape == image.shape and np.array_equal(found, image)
        neighbours = image[0, :3, 0].tolist()
        print(
            f"{dtype} {order}: {'the same image' if same else 'another image'}, first pixel "
            f"{found[0, 0].tolist()}; it is {image[0, 0].tolist()}, and three reds are {neighbours}"
        )
        wrong[dtype, order] = not same and found[0, 0].tolist() == neighbours
if {each for each, is_wrong in wrong.items() if is_wrong} == {("u2", "separate"), ("f4", "separate")}:
    print("OpenCV takes neighbours of a plane for the colours of a pixel")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/planes.py"

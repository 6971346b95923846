#!/usr/bin/env bash
# xisf 0.9.7: an image with an alpha channel is read right, and written back as another image, without an error.
#
# Behaviour. An RGB or a gray image of XISF may have an alpha channel more, and is stored plane after plane. Of a file
# with four channels, `XISF.read` returns the right array, rows x columns x 4. `XISF.write` then takes this array, like
# every one whose last axis is neither 1 nor 3 long, for one with the channels first: it states the rows as the width
# and the columns as the height, and stores the pixels one after the other where the planes belong. For an image of 5
# rows and 7 columns the file says "5:7:4". Read again, it has 7 rows, and its red plane holds samples of all four
# channels; where the image is a square, not even its shape has changed. Gray with alpha becomes "RGB" of two
# channels. An array that has been read with the channels first is stored in the right order, but the file says
# "4:5:7": 4 pixels wide, with 7 channels. Images of one and of three channels come back as they were.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 xisf==0.9.7
cat > "$folder/alpha.py" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from xisf import XISF

print(*(f"{name} {version(name)}" for name in ("xisf", "numpy")))
folder = Path(__file__).parent
HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<xisf version="1.0" xmlns="http://www.pixinsight.com/xisf"><Image geometry="{columns}:{rows}:{channels}"
sampleFormat="Float32" bounds="0:1" colorSpace="{space}" location="attachment:4096:{size}"/><Metadata>
<Property id="XISF:CreationTime" type="String">2026-01-01T00:00:00Z</Property>
<Property id="XISF:CreatorApplication" type="String">a test</Property></Metadata></xisf>"""


def write_planes(path: Path, planes: np.ndarray) -> None:
    """An XISF file as its specification wants it: one plane after the other."""
    channels, rows, columns = planes.shape
    space = "RGB" if channels > 2 else "Gray"
    header = HEADER.format(**locals(), size=planes.nbytes).encode()
    start = b"XISF0100" + len(header).to_bytes(4, "little") + bytes(4) + header
    path.write_bytes(start.ljust(4096, b"\0") + planes.astype("<f4").tobytes())


def geometry(path: Path) -> str:
    stated = XISF(path).get_images_metadata()[0]
    return ":".join(map(str, stated["geometry"])) + " " + stated["colorSpace"]


given, again = folder / "given.xisf", folder / "again.xisf"
found = {}
for channels, rows, columns in ((1, 5, 7), (3, 5, 7), (4, 5, 7), (2, 5, 7), (4, 6, 6)):
    planes = np.random.default_rng(1).random((channels, rows, columns)).astype("f4")
    write_planes(given, planes)
    image = XISF.read(given)
    right = np.array_equal(image, planes.transpose(1, 2, 0))
    XISF.write(again, image)
    back = XISF.read(again)
    same = np.array_equal(back, image)
    found[channels, rows] = right, geometry(again), back.shape, same
    print(f"{geometry(given)}: read right: {right}; written as {geometry(again)}, read as {back.shape}: {same}")
write_planes(given, np.zeros((4, 5, 7), "f4"))
XISF.write(again, XISF(given).read_image(0, data_format="channels_first"))
print(f"{geometry(given)}, read with the channels first: written as {geometry(again)}")
if geometry(again) == "4:5:7 RGB" and found == {
    (1, 5): (True, "7:5:1 Gray", (5, 7, 1), True),
    (3, 5): (True, "7:5:3 RGB", (5, 7, 3), True),
    (4, 5): (True, "5:7:4 RGB", (7, 5, 4), False),
    (2, 5): (True, "5:7:2 RGB", (7, 5, 2), False),
    (4, 6): (True, "6:6:4 RGB", (6, 6, 4), False),
}:
    print("an alpha channel does not survive being read and written")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/alpha.py"

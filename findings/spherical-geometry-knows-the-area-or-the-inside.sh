#!/usr/bin/env bash
# spherical-geometry 1.4.0: of an L on the sky, either the area is right or what lies inside, and never both.
#
# Behaviour. The footprint of a mosaic is an L of 10 degrees with arms 2 degrees wide: 36 square degrees. Without a
# point inside, which the package then finds by itself, the area is right, but the sky is inside out: the middle of an
# arm is outside, the other end of the sky is inside, and an image that lies wholly in the arm overlaps by nothing.
# With a point given that lies in an arm (`center`), the inside and the overlap are right, and the area is the rest of
# the sky: 41217 square degrees. The order of the corners changes nothing. Where the arms are wider than half of
# their length, all is right in both ways, as it is for every shape without a corner that points inward: the package
# takes the middle between the neighbours of the sharpest corner for a point inside, and turns the corners round by it
# even where another point is given. Nobody warns.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 spherical-geometry==1.4.0
cat > "$folder/inside.py" <<'PYTHON'
import math
import sys
from importlib.metadata import version

from spherical_geometry.polygon import SphericalPolygon

print(*(f"{name} {version(name)}" for name in ("spherical-geometry", "numpy")))
SQUARE_DEGREES = math.degrees(1) ** 2
WHOLE = 4 * math.pi * SQUARE_DEGREES
image = SphericalPolygon.from_radec([4, 8, 8, 4], [0.5, 0.5, 1.5, 1.5])


def corners(wide: int) -> tuple[list[int], list[int]]:
    return [0, 10, 10, wide, wide, 0], [0, 0, wide, wide, 10, 10]


found = {}
for wide in (2, 8):
    right_ascensions, declinations = corners(wide)
    for turn in (1, -1):
        for center in (None, (5, 1)):
            shape = SphericalPolygon.from_radec(right_ascensions[::turn], declinations[::turn], center=center)
            area = float(shape.area()) * SQUARE_DEGREES
            arm, far = shape.contains_radec(7, 1), shape.contains_radec(185, -1)
            overlap = round(float(image.overlap(shape)), 3)
            found[wide, turn, center] = round(area), round(WHOLE - area), bool(arm), bool(far), overlap
            print(
                f"arms {wide} wide, corners in order {turn:2}, point inside {center}: {area:.0f} square degrees, the "
                f"arm is inside: {bool(arm)}, the other end of the sky: {bool(far)}, the image overlaps: {overlap:.0%}"
            )
right = (True, False, 1)
seen = all(
    found[2, turn, None] == (36, 41217, False, True, 0)
    and found[2, turn, (5, 1)] == (41217, 36, *right)
    and found[8, turn, None] == found[8, turn, (5, 1)] == (96, 41157, *right)
    for turn in (1, -1)
)
if seen:
    print("a narrow L has its area or its inside")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/inside.py"

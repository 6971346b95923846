#!/usr/bin/env bash
# photutils 3.0.0: the background of a rising ramp falls in the last boxes, and errs thirteen times as much as SEP's.
#
# Behaviour. `Background2D` covers an image with boxes, and pads the last row and column of them where the sides are no
# multiples of the box. A box of which more than `exclude_percentile` (10 by default) is masked is left out, and padded
# pixels count as masked: of boxes of 64 pixels the last row is left out for 57 of 64 possible sides, though every pixel
# of the image is good. Boxes that are left out get the mean of the ten nearest ones, weighted by distance, which lies
# far behind a gradient: a ramp without noise, 500 pixels long, rises by 64 pixels' worth from box to box, and then falls
# by 39 in the last one. The spline through the boxes does the rest: the background errs by 27 % of the ramp's range
# there, and by 22 % of its standard deviation over the frame. With `exclude_percentile` = 50 the last boxes are kept,
# and it errs by 6 % and 4 % (the spline is mirrored at the sides, so that its slope is zero there). SEP, from which
# the method is known, keeps such boxes, and errs by 2 % and 1.2 %. At 512 pixels, eight whole boxes, photutils has 6 %
# and 5 %. Who subtracts a gradient with it should choose boxes that divide the sides, or raise the percentage.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 astropy==8.0.2 photutils==3.0.0 sep==1.4.1
cat > "$folder/ramp.py" <<'PYTHON'
from importlib.metadata import version

import numpy as np
import sep
from photutils.background import Background2D, MedianBackground

print(*(f"{name} {version(name)}" for name in ("photutils", "sep", "scipy")))
BOX, SLOPE = 64, 0.02


def ramp(side):
    return np.broadcast_to(100 + SLOPE * np.arange(side)[:, None], (side, side)).astype(np.float32)


def by_photutils(image, percentage):
    return Background2D(
        image, BOX, bkg_estimator=MedianBackground(), sigma_clip=None, filter_size=1, exclude_percentile=percentage
    )


def wrong(background, image):
    """The largest error in parts of the range, and the scatter of errors in parts of the image's."""
    error = background - image
    return round(float(np.abs(error).max() / np.ptp(image)), 3), round(float(error.std() / image.std()), 3)


seen = {}
for side in (500, 512):
    image = ramp(side)
    for percentage in (10, 50):
        found = by_photutils(image, percentage)
        seen[side, percentage] = wrong(found.background, image)
        steps = np.diff(found.background_mesh[:, 0]) / SLOPE
        print(f"{side} pixels, {percentage} %: errors {seen[side, percentage]}, steps of the boxes in pixels", steps.round(1))
    seen[side, "sep"] = wrong(sep.Background(np.ascontiguousarray(image), bw=BOX, bh=BOX, fw=1, fh=1).back(), image)
    print(f"{side} pixels, SEP: errors {seen[side, 'sep']}")
falling = []
for side in range(BOX * 4 + 1, BOX * 5 + 1):
    mesh = by_photutils(ramp(side), 10).background_mesh[:, 0]
    falling.append(mesh[-1] < mesh[-2])
print(f"the last boxes of a rising ramp fall for {sum(falling)} of {BOX} sides")
assert seen[500, 10] == (0.27, 0.216) and seen[500, 50] == (0.063, 0.041), "other errors than were seen"
assert seen[512, 10] == seen[512, 50] == (0.062, 0.045), "other errors than were seen"
assert max(seen[500, "sep"]) < 0.025, "SEP errs by more than was seen"
assert sum(falling) == 57, "another number of sides than was seen"
print("as seen")
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/ramp.py"

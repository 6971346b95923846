#!/usr/bin/env bash
# pyongc 1.2.2: limits of right ascension that hold 0 h give objects that no other limit lets through.
#
# Behaviour. `listObjects` documents that its filters are combined with "and", and takes a range of right ascension
# across 0 h as minra=350, maxra=10. It writes this range as `ra >= .. OR ra <= ..` without parentheses between filters
# that are joined by AND, so that each half keeps only the filters on its own side of the OR: those written before it
# (catalogue, type, constellation, size, magnitudes) hold west of 0 h only, those written after it (declination, names)
# east of 0 h only. Galaxies of 10 to 30 degrees of declination are asked for: of 333 objects that come, 165 lie at
# other declinations and 19 are no galaxies. The same band that ends at 359.9 degrees gives galaxies alone.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 pyongc==1.2.2
cat > "$folder/limits.py" <<'PYTHON'
from importlib.metadata import version

import numpy as np
from pyongc import ongc

print("pyongc", version("pyongc"))
seen = {}
for low, high in ((350, 359.9), (350, 10)):
    limits = {"minra": low, "maxra": high, "mindec": 10, "maxdec": 30}
    came = ongc.listObjects(type=["G"], **limits)
    wrong = {"west of 0 h": 0, "east of 0 h": 0}
    for each in came:
        ra, dec = np.degrees(each.rad_coords)
        if each.type != "Galaxy" or not 10 <= dec <= 30:
            wrong["west of 0 h" if ra > 180 else "east of 0 h"] += 1
    print(f"galaxies with {limits}: {len(came)} objects, of which no such galaxies are", wrong)
    seen[high] = len(came), *wrong.values()
assert seen == {359.9: (85, 0, 0), 10: (333, 165, 19)}, "other numbers than were seen"
print("as seen")
PYTHON
"$folder/venv/bin/python" "$folder/limits.py"

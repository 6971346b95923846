#!/usr/bin/env bash
# pyongc 1.2.2: a search around a place loses objects at high declinations, at the poles nearly all of them.
#
# Behaviour. `nearby("HH:MM:SS +DD:MM:SS", separation=...)` promises all objects within a radius in minutes of arc. It
# first asks its database for right ascensions within as many degrees as the radius has, at any declination, and
# measures distances afterwards. But a degree on the sky is 1 / cos(declination) degrees of right ascension: within 300'
# of 3 h +86 degrees lie six objects, the old open cluster NGC 188 among them, and none is found; within 600' of a place
# beside the southern pole 2 of 19. At the declination of 60 degrees two of three are found, at the equator all. Who
# wants the objects in a frame has to take a band of declinations (`listObjects`) and to measure distances himself.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 pyongc==1.2.2
cat > "$folder/near.py" <<'PYTHON'
from importlib.metadata import version

import numpy as np
from pyongc import ongc

print("pyongc", version("pyongc"))
known = [each for each in ongc.listObjects() if each.coords is not None]
known = [each for each in known if each.type != "Duplicated record"]
ra, dec = np.array([each.rad_coords for each in known]).T


def within(degrees, minutes):
    """The names of the objects within a distance of a place, by the cosine formula."""
    own_ra, own_dec = np.radians(degrees)
    cosine = np.sin(dec) * np.sin(own_dec) + np.cos(dec) * np.cos(own_dec) * np.cos(ra - own_ra)
    apart = 60 * np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return {each.name for each, one in zip(known, apart) if one <= minutes}


seen = {}
for text, degrees, minutes in (
    ("12:00:00 -00:30:00", (180, -0.5), 200),
    ("12:00:00 +60:00:00", (180, 60), 300),
    ("03:00:00 +86:00:00", (45, 86), 300),
    ("12:00:00 -89:00:00", (180, -89), 600),
):
    found = {each.name for each, _ in ongc.nearby(text, separation=minutes)}
    there = within(degrees, minutes)
    assert found <= there
    lost = sorted(there - found)
    print(f"within {minutes}' of {text}: {len(there)} objects, {len(found)} are found; lost:", *lost[:5])
    seen[text] = len(there), len(found)
assert [*seen.values()] == [(18, 18), (71, 46), (6, 0), (19, 2)], "other numbers than were seen"
print("as seen")
PYTHON
"$folder/venv/bin/python" "$folder/near.py"

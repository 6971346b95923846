#!/usr/bin/env bash
# regions 0.12 writes an excluded region of DS9 without its minus sign: pyregion 2.3.0 and funtools 1.4.8 then count it as included.
#
# Behaviour. `-circle(20,30,4)` in a DS9 file excludes the disc. `regions` reads it (`meta["include"]` is 0),
# and writes it back as `circle(...) # include=0`: the sign has become a property behind the mark of a
# comment. `regions` reads that again as excluded. pyregion, and DS9's own library of filters in funtools,
# know only the sign. For both, the disc that was a hole is part of the area after the round trip. Nobody
# warns. A mask of "the galaxy, without its companion" that goes through `regions` is another mask then.
#
# Seen on x86_64 Linux with Python 3.11. The part with funtools needs Debian's package of that name and is
# left out without it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q regions==0.12 pyregion==2.3.0 astropy==8.0.2
cat > "$folder/excluded.py" <<'PYTHON'
import sys
import warnings
from pathlib import Path

import numpy as np
import pyregion
from astropy.io import fits
from regions import Regions

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
before = "image\ncircle(20,30,8)\n-circle(20,30,4)\n"
regions = Regions.parse(before, format="ds9")
after = regions.serialize(format="ds9")
again = [region.meta["include"] for region in Regions.parse(after, format="ds9")]
print("regions writes", [line for line in after.splitlines() if "circle" in line])
print("regions reads that as include =", again)
found = []
for name, text in (("before", before), ("after", after)):
    (folder / f"{name}.reg").write_text(text)
    mask = pyregion.parse(text).get_mask(shape=(64, 64))
    found.append((int(mask.sum()), bool(mask[29, 19])))
    print(f"pyregion, {name}: {found[-1][0]} pixels, the middle of the hole is in: {found[-1][1]}")
fits.PrimaryHDU(np.ones((64, 64), "f4")).writeto(folder / "ones.fits")
if again != [1, 0] or [hole for _, hole in found] != [False, True]:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/excluded.py" "$folder"
if command -v funcnts > /dev/null; then
  for name in before after; do
    regions=$(funcnts "$folder/ones.fits" "@$folder/$name.reg" | grep -cE '^ +[0-9]+ +[0-9.]+ +[0-9]+$')
    echo "funtools, $name: $regions area(s) are counted"
    [ "$regions" = "$([ $name = before ] && echo 1 || echo 2)" ] || { echo "this has changed"; exit 1; }
  done
else
  echo "funtools is not here: apt-get install funtools shows the same"
fi
echo "an exclusion that regions has written is an inclusion for the others"

#!/usr/bin/env bash
# CFITSIO's dither: the zero border of a stack becomes noise at its left and right, and stays zero above and below.
#
# Behaviour. Floats in RICE tiles are rounded to steps of a part of the noise, by default with a random offset
# (SUBTRACTIVE_DITHER_1, fpack's default). A tile is a row. A row of nothing but zeros has no noise, is stored without
# loss, and stays exactly zero. In a row that holds sky as well, the same zeros come back as random
# numbers of up to half a step, both signs, and hardly one of them is 0. So a mask of "exactly zero" takes the
# upper and lower border of a registered stack and misses the left and right one, and the share that it misses
# grows with the tile: with one tile for the whole image all of the border is noise. SUBTRACTIVE_DITHER_2
# keeps zeros, and without a dither they are kept, too. astropy and fitsio (which is CFITSIO) agree.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2 fitsio==1.4.2
cat > "$folder/zeros.py" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import fitsio
import numpy as np
from astropy.io import fits

print(*(f"{name} {version(name)}" for name in ("astropy", "fitsio")))
folder = Path(__file__).parent
shape = (80, 100)
sky = (0.1 + 0.003 * np.random.default_rng(1).standard_normal(shape)).astype("f4")
inner = np.zeros(shape, bool)
inner[10:-10, 10:-10] = True
stack = np.where(inner, sky, np.float32(0))
above = np.zeros(shape, bool)
above[:10] = above[-10:] = True
beside = ~inner & ~above


def of_astropy(path: Path, method: int, tile: tuple[int, int]) -> None:
    fits.CompImageHDU(
        stack, compression_type="RICE_1", quantize_level=4, quantize_method=method, dither_seed=1, tile_shape=tile
    ).writeto(path)


def of_fitsio(path: Path, method: int, tile: tuple[int, int]) -> None:
    with fitsio.FITS(str(path), "rw") as file:
        file.write(stack, compress="RICE", qlevel=4, qmethod=method, dither_seed=1, tile_dims=tile)


found = {}
for write in (of_astropy, of_fitsio):
    for method, name in ((1, "dither 1"), (2, "dither 2"), (-1, "no dither")):
        for tile in ((1, 100), shape):
            path = folder / f"{write.__name__}{method}{tile[0]}.fits"
            write(path, method, tile)
            zero = fits.getdata(path) == 0
            shares = float(zero[above].mean()), float(zero[beside].mean())
            found[write, method, tile] = shares
            print(
                f"{write.__name__[3:]}, {name}, tiles of {tile[0]} x {tile[1]}: zeros left above and below "
                f"{shares[0]:.0%}, at the sides {shares[1]:.0%}"
            )
rows, whole = (1, 100), shape
seen = all(
    found[write, 1, rows][0] == 1
    and found[write, 1, rows][1] < 0.01
    and max(found[write, 1, whole]) < 0.01
    and all(found[write, method, tile] == (1, 1) for method in (2, -1) for tile in (rows, whole))
    for write in (of_astropy, of_fitsio)
)
if seen:
    print("the dither loses the zeros beside the sky alone")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/zeros.py"

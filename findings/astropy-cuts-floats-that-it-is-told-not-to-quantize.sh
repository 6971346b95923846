#!/usr/bin/env bash
# astropy 8.0.2: a compressed FITS image that is asked to be without quantization holds whole numbers only.
#
# Behaviour. `CompImageHDU(image, quantize_level=0)` asks for floats that are not quantized. With GZIP_1 and GZIP_2
# they come back bit by bit. With the default, RICE_1, the decimals of every sample are cut off as the file is
# written: an image between 0 and 1 is an image of zeros, and counts of 1234.9 are 1234. No warning is given, and the
# header still speaks of floats. Other readers do not even find these: fitsio (which is CFITSIO) and rustfits take the
# whole numbers for the bits of floats, and read 1234 as 1.7e-42. CFITSIO itself, asked by fitsio for RICE and the level
# 0, refuses: lossless floats need GZIP. The page of astropy on this class says what larger and what negative levels
# mean, and does not speak of 0. The default level loses a part of the noise, as it should.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 astropy==8.0.2 fitsio==1.4.2 rustfits==0.1.8
cat > "$folder/level.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import fitsio
import numpy as np
import rustfits
from astropy.io import fits

print(*(f"{name} {version(name)}" for name in ("astropy", "fitsio", "rustfits", "numpy")))
path = str(Path(__file__).parent / "image.fits")
noise = 0.01 * np.random.default_rng(1).standard_normal((60, 80))
images = {"an image of 0.3": (0.3 + noise).astype("f4"), "counts of 1234.9": (1234.9 + noise).astype("f4")}
found = {}
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for name, image in images.items():
        for settings in ({}, {"quantize_level": 0}, {"quantize_level": 0, "compression_type": "GZIP_2"}):
            fits.CompImageHDU(image, **settings).writeto(path, overwrite=True)
            with fits.open(path) as units:
                back, bits = units[1].data, units[1].header["BITPIX"]
            others = [read(path, 1) for read in (fitsio.read, rustfits.read)]
            same = all(np.array_equal(other, back) for other in others)
            as_bits = all(np.array_equal(other.view("i4"), np.trunc(image)) for other in others)
            worst, cut = float(abs(back - image).max()), np.array_equal(back, np.trunc(image))
            found[name, tuple(settings.values())] = bits, worst == 0, worst < 0.002, cut, same, as_bits
            print(
                f"{name}, {settings or 'defaults'}: BITPIX {bits}, largest error {worst:.2g}, decimals cut: {cut};",
                "medians of astropy, fitsio, rustfits:",
                ", ".join(f"{np.median(each):.5g}" for each in (back, *others)),
            )
print("warnings:", [str(each.message) for each in told])
try:
    with fitsio.FITS(path, "rw", clobber=True) as file:
        file.write(images["an image of 0.3"], compress="RICE", qlevel=0)
    refused = False
except OSError as error:
    refused = "must use GZIP" in str(error)
print("CFITSIO refuses RICE with the level 0:", refused)
expected = {}
for name, level in (("an image of 0.3", 0), ("counts of 1234.9", 1234)):
    expected[name, ()] = -32, False, True, False, True, False
    expected[name, (0,)] = -32, False, False, True, level == 0, True
    expected[name, (0, "GZIP_2")] = -32, True, True, False, True, False
if found == expected and refused and not told:
    print("without quantization, nothing but whole numbers is left")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/level.py"

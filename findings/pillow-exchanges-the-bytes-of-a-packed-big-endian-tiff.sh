#!/usr/bin/env bash
# Pillow 13.0: a compressed TIFF file of floats whose bytes are in the big-endian order opens as noise.
#
# Behaviour. A TIFF file says in its first two bytes in which order the bytes of a number come. Gray floats of 32
# bits are read right in both orders, as long as they are not compressed. With any of its compressions (LZW, Deflate,
# PackBits, ZSTD), Pillow gives the little-endian file right, and of the big-endian one numbers such as 4.5e+28 for
# 0.001: the library that unpacks has exchanged the bytes already, and Pillow does it again. Signed integers of 16 and
# 32 bits are wrong in the same way (5 is read as 1280), unsigned ones of 16 bits are right, so a test with these shows
# nothing. Nobody warns; saved again, the noise is what is stored. GDAL writes such files with ENDIANNESS=BIG, and
# tifffile with byteorder=">"; tifffile, OpenCV and GDAL read the right numbers. imageio reads the noise where
# it is told to use Pillow.
#
# Seen on x86_64 Linux with Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q numpy==2.4.6 pillow==13.0.0 tifffile==2026.3.3 imagecodecs==2026.3.6 \
  rasterio==1.4.4 opencv-python-headless==5.0.0.93 imageio==2.38.1
cat > "$folder/order.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import cv2
import imageio.v3
import numpy as np
import rasterio
import tifffile
from PIL import Image

warnings.simplefilter("ignore")
names = ("pillow", "tifffile", "rasterio", "opencv-python-headless", "imageio")
print(*(f"{name} {version(name)}" for name in names))
path = str(Path(__file__).parent / "image.tif")


def of_tifffile(image: np.ndarray, order: str, compression: str | None) -> None:
    tifffile.imwrite(path, image, byteorder=order, compression=compression, metadata=None)


def of_gdal(image: np.ndarray, order: str, compression: str | None) -> None:
    rows, columns = image.shape
    shape = {"height": rows, "width": columns, "count": 1, "dtype": image.dtype.name}
    chosen = {"ENDIANNESS": "BIG" if order == ">" else "LITTLE", "compress": compression or "none"}
    with rasterio.open(path, "w", driver="GTiff", **shape, **chosen) as file:
        file.write(image, 1)


def pillow() -> np.ndarray:
    return np.asarray(Image.open(path))


def others() -> list[np.ndarray]:
    with rasterio.open(path) as file:
        return [tifffile.imread(path), cv2.imread(path, cv2.IMREAD_UNCHANGED), file.read(1)]


floats = np.linspace(0.001, 0.9, 35 * 50, dtype="f4").reshape(35, 50)
found = {}
for write, packings in ((of_tifffile, ("zlib", "lzw", "packbits", "zstd")), (of_gdal, ("deflate", "lzw", "zstd"))):
    for packing in (None, *packings):
        for order in "<>":
            write(floats, order, packing)
            right = np.array_equal(pillow(), floats)
            found[write, packing, order] = right
            if packing != "zstd":  # not every build of OpenCV knows it
                assert all(np.array_equal(each, floats) for each in others())
            print(f"{write.__name__[3:]}, {packing}, {order}: Pillow reads {pillow()[0, :2]}, right: {right}")
print(f"imageio with Pillow reads {imageio.v3.imread(path, plugin='pillow')[0, :2]} for {floats[0, :2]}")
kinds = {}
for kind in ("i2", "i4", "u2"):
    numbers = (5 + np.arange(35 * 50).reshape(35, 50)).astype(kind)
    of_tifffile(numbers, ">", "lzw")
    kinds[kind] = int(pillow()[0, 0])
    print(f"big-endian, lzw, {kind}: Pillow reads {kinds[kind]} for 5")
expected = {key: key[1] is None or key[2] == "<" for key in found}
if found == expected and kinds == {"i2": 5 << 8, "i4": 5 << 24, "u2": 5}:
    print("the bytes of a packed big-endian image are exchanged twice")
else:
    sys.exit("this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/order.py"

"""A simulated sky in the compressed forms in which programs save images."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from astropy.io import fits
from xisf import XISF

from fastbg.simulate import simulate_sky


def save(folder: Path, shape: tuple[int, int]) -> Iterator[Path]:
    """Write a file of each form, RGB, which is there until the next one is asked for."""
    sky = simulate_sky(shape, np.random.default_rng(1)).image
    for kind, image in {"f32": sky, "u16": np.rint(sky.clip(0, 1) * 65535).astype("u2")}.items():
        for path in _saved(folder, kind, image):
            yield path
            path.unlink()


def _saved(folder: Path, kind: str, image: np.ndarray) -> Iterator[Path]:
    for codec in ("", "zlib", "zlib_sh", "lz4", "lz4_sh", "zstd", "zstd_sh"):
        path = folder / f"{codec or 'plain'}_{kind}.xisf"
        name, _, shuffled = codec.partition("_")
        XISF.write(str(path), image, codec=name or None, shuffle=bool(shuffled))
        yield path
    planes = np.ascontiguousarray(np.moveaxis(image, 2, 0))
    path = folder / f"tiles_{kind}.fits.fz"
    # RICE would round floats.
    exact = {"compression_type": "GZIP_2", "quantize_level": 0} if kind == "f32" else {}
    fits.CompImageHDU(planes, **exact).writeto(path)
    yield path
    path, plain = folder / f"gzip_{kind}.fits.gz", folder / "plain.fits"
    fits.PrimaryHDU(planes).writeto(plain)
    with open(plain, "rb") as file, gzip.open(path, "wb", 1) as packed:
        shutil.copyfileobj(file, packed)
    plain.unlink()
    yield path
    for codec in ("zlib", "lzw"):
        for form, rows in (("strips", None), ("strip", len(image))):
            path = folder / f"{codec}_{form}_{kind}.tif"
            options = {"compression": codec, "predictor": True, "rowsperstrip": rows}
            tifffile.imwrite(path, image, photometric="rgb", **options)
            yield path

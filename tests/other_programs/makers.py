"""Makers of files: each lets a program write samples, (H, W) or (H, W, K), into a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from astropy.io import fits

from .readers import GRAXPERT, SASPRO, in_its_python, said
from .readers import siril as run_siril
from .written import planes


def plain(folder: Path, samples: np.ndarray) -> Path:
    fits.PrimaryHDU(planes(samples)).writeto(folder / "plain.fits")
    return folder / "plain.fits"


def plain_tiff(folder: Path, samples: np.ndarray) -> Path:
    kind = "rgb" if samples.ndim == 3 else "minisblack"
    tifffile.imwrite(folder / "plain.tif", samples, photometric=kind, metadata=None)
    return folder / "plain.tif"


def fpack(*options: str) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        path = plain(folder, samples)
        said("fpack", *options, path)
        return path.with_name("plain.fits.fz")

    return make


def astropy_tiles(codec: str, **more: Any) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        unit = fits.CompImageHDU(planes(samples), compression_type=codec, **more)
        unit.writeto(folder / "a.fits.fz")
        return folder / "a.fits.fz"

    return make


def fitsio_tiles(codec: str | None, suffix: str = ".fits.fz", **more: Any) -> Any:
    def make(folder: Path, samples: np.ndarray) -> Path:
        import fitsio

        path = folder / f"a{suffix}"
        with fitsio.FITS(str(path), "rw", clobber=True) as file:
            file.write(np.ascontiguousarray(planes(samples)), compress=codec, **more)
        return path

    return make


def command(*words: str, source: Any = plain_tiff, name: str = "b.tif") -> Any:
    """A program that turns one file into another: {in} and {out} are their names."""

    def make(folder: Path, samples: np.ndarray) -> Path:
        names = {"in": source(folder, samples), "out": folder / name}
        said(*(word.format(**names) for word in words))
        return folder / name

    return make


def siril(save: str, name: str, *before: str) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        run_siril(folder, *before, f"load {plain(folder, samples).name}", save)
        return folder / name

    return make


def graxpert(kind: str, suffix: str) -> Callable[[Path, np.ndarray], Path]:
    save = f"opened.save(path + '{suffix}', '{kind}')\n"
    return _saved_by("graxpert", GRAXPERT + save, suffix)


def saspro(depth: str, suffix: str) -> Callable[[Path, np.ndarray], Path]:
    told = f"path + '{suffix}', '{suffix[1:]}', '{depth}', header, is_mono"
    return _saved_by("setiastrosuitepro", f"{SASPRO}save_image(image, {told})\n", suffix)


def _saved_by(script: str, code: str, suffix: str) -> Callable[[Path, np.ndarray], Path]:
    """A maker that lets the Python of a program open a FITS file and save it by another name."""

    def make(folder: Path, samples: np.ndarray) -> Path:
        path = plain(folder, samples)
        in_its_python(script, code, path)
        return path.with_name(path.name + suffix)

    return make


def seiza(suffix: str) -> Callable[[Path, np.ndarray], Path]:
    def make(folder: Path, samples: np.ndarray) -> Path:
        from seiza import integrate_registered_frames

        stacked, _ = integrate_registered_frames([str(plain(folder, samples))] * 3)
        stacked.write_fits(str(folder / f"a{suffix}"))
        return folder / f"a{suffix}"

    return make


def opencv(folder: Path, samples: np.ndarray, options: tuple[int, ...] = ()) -> Path:
    import cv2

    order = [2, 1, 0, 3][: np.shape(samples)[-1]]
    swapped = samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., order])
    assert cv2.imwrite(str(folder / "a.tif"), swapped, list(options))
    return folder / "a.tif"


def by_tifffile(folder: Path, samples: np.ndarray, **options: Any) -> Path:
    kind = "rgb" if samples.ndim == 3 else "minisblack"
    data = planes(samples) if options.get("planarconfig") == "separate" else samples
    tifffile.imwrite(folder / "a.tif", data, photometric=kind, **options)
    return folder / "a.tif"


def by_xisf(folder: Path, samples: np.ndarray, **options: Any) -> Path:
    from xisf import XISF

    data = samples if samples.ndim == 3 else samples[..., np.newaxis]
    XISF.write(str(folder / "a.xisf"), np.ascontiguousarray(data), **options)
    return folder / "a.xisf"


def of(make: Any, samples: np.ndarray) -> Any:
    """A maker of a file with these samples, which are not what is read of it."""
    return lambda folder, _: make(folder, samples)


def blanked(option: str | None) -> Callable[[Path, np.ndarray], Path]:
    """A maker of a file that calls -5 blank; with an option, fpack compresses it."""

    def make(folder: Path, samples: np.ndarray) -> Path:
        path = folder / "blank.fits"
        unit = fits.PrimaryHDU(samples)
        unit.header["BLANK"] = -5
        unit.writeto(path)
        if option:
            said("fpack", option, path)
        return path.with_name("blank.fits.fz") if option else path

    return make


def in_extension(folder: Path, samples: np.ndarray) -> Path:
    units = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(planes(samples), name="SCI")])
    units.writeto(folder / "a.fits")
    return folder / "a.fits"

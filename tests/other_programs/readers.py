"""How each program reads what fastbg writes.

A reader takes a path, and returns an image (H, W) or (H, W, K), or a text. If it raises an error,
the program has refused the file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from astropy.io import fits

from .written import SHAPE


def said(*command: Any, fails: bool = True) -> str:
    """What a program prints; CalledProcessError if it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, errors="replace")
    if fails:
        done.check_returncode()
    return done.stdout + done.stderr


def beside(script: str) -> str | None:
    """The Python of a program that has an environment of its own: it lies beside its script."""
    found = shutil.which(script)
    return str(Path(found).resolve().with_name("python")) if found else None


@cache
def _worker(script: str, code: str) -> subprocess.Popen[str]:
    """The Python of a program, which runs some code for each path that it is given."""
    lines = "".join(f"        {line}\n" for line in code.strip().splitlines())
    loop = (
        "import sys, numpy\nout = sys.stdout\nsys.stdout = sys.stderr\nfor path in sys.stdin:\n"
        f"    path = path.strip()\n    try:\n{lines}        numpy.save(path + '.npy', image)\n"
        "        print('read', file=out, flush=True)\n"
        "    except Exception as error:\n        print(repr(error), file=out, flush=True)\n"
    )
    command = [str(beside(script)), "-c", loop]
    pipe = subprocess.PIPE
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, text=True)


def in_its_python(script: str, code: str, path: Path) -> np.ndarray:
    """The array `image` that some code makes of a `path`, in the Python of a program."""
    worker = _worker(script, code)
    assert worker.stdin
    assert worker.stdout
    worker.stdin.write(f"{path}\n")
    worker.stdin.flush()
    answer = worker.stdout.readline().strip()
    if answer != "read":
        raise ValueError(answer)
    return np.load(f"{path}.npy")


def raw(path: Path) -> np.ndarray:
    """The image of a plain FITS file that a program has written."""
    is_blank = any("BLANK" in unit.header for unit in fits.open(path))
    units = fits.open(path, uint=not is_blank)
    samples = next(unit.data for unit in units if unit.data is not None)
    return samples if samples.ndim == 2 else np.moveaxis(samples, 0, 2)


def by_cfitsio(path: Path) -> np.ndarray:
    out = path.with_name("out.fits")
    last = len(fits.open(path, disable_image_compression=True)) - 1
    said("imcopy", f"{path}[{last}]", out)
    return raw(out)


def by_astropy(path: Path) -> np.ndarray:
    samples = next(unit.data for unit in fits.open(path) if unit.data is not None)
    return samples if samples.ndim == 2 else np.moveaxis(samples, 0, 2)


def by_fitsverify(path: Path) -> str:
    text = said("fitsverify", path, fails=False)
    errors = re.findall(r"warning\(s\) and (\d+) error\(s\)", text)[-1]
    return "no error" if errors == "0" else f"other: {errors} errors"


def by_fitsio(path: Path) -> np.ndarray:
    import fitsio

    with fitsio.FITS(str(path)) as file:
        samples = next(unit for unit in file if unit.has_data()).read()
    return samples if samples.ndim == 2 else np.moveaxis(samples, 0, 2)


def siril(folder: Path, *commands: str, program: str = "siril-cli") -> None:
    """Run commands of Siril in a folder, which keeps the settings that it is given."""
    script = folder / "siril.ssf"
    script.write_text("\n".join(["requires 1.0.0", "setext fits", *commands]) + "\n")
    own = {"HOME": f"{folder}", "XDG_CONFIG_HOME": f"{folder}"}
    command = [program, "-d", f"{folder}", "-s", f"{script}"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | own)


def by_siril(path: Path, program: str = "siril-cli") -> np.ndarray:
    return raw(saved_by_siril(path, program))


def saved_by_siril(path: Path, program: str = "siril-cli") -> Path:
    commands = ("set32bits", f"load {path.name}", "save siril_out")
    siril(path.parent, *commands, program=program)
    return path.with_name("siril_out.fits")


def by_seiza(path: Path) -> np.ndarray:
    import seiza

    stacked, _ = seiza.integrate_registered_frames([str(path)] * 3)
    return np.asarray(stacked.image)


def by_xisf(path: Path) -> np.ndarray:
    from xisf import XISF

    return XISF(str(path)).read_image(0)


def by_libtiff(path: Path) -> np.ndarray:
    out = path.with_name("out.tif")
    said("tiffcp", "-c", "none", path, out)
    return by_tifffile(out)


def by_tifffile(path: Path) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        samples = page.asarray()
        return np.moveaxis(samples, 0, 2) if page.planarconfig == 2 else samples


def by_magick(path: Path) -> np.ndarray:
    bands = {"gray": "gray", "srgb": "rgb", "srgba": "rgba", "linear": "gray"}
    kind = said("identify", "-format", "%[channels]\n", path).split()[0].lower()
    name, out = bands[kind], path.with_name("out.raw")
    to = ("-depth", "32", "-define", "quantum:format=floating-point")
    said("convert-im6.q16", path, *to, f"{name}:{out}")
    samples = np.fromfile(out, "<f4").reshape(*SHAPE, -1)
    return samples


def by_gdal(path: Path) -> np.ndarray:
    out = path.with_name("out.envi")
    said("gdal_translate", "-q", "-of", "ENVI", "-co", "INTERLEAVE=BSQ", path, out)
    header = out.with_suffix(".hdr").read_text()
    codes = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4"}
    code = int(re.search(r"data type = (\d+)", header)[1])
    return np.moveaxis(np.fromfile(out, codes[code]).reshape(-1, *SHAPE), 0, 2)


def by_vips(path: Path) -> np.ndarray:
    out = path.with_name("out.raw")
    kinds = {"uchar": "u1", "char": "i1", "ushort": "u2", "short": "i2", "uint": "u4", "int": "i4"}
    kinds |= {"float": "f4", "double": "f8"}
    kind = re.search(r"VIPS_FORMAT_(\w+)", said("vipsheader", "-a", path))
    names = re.search(r"\d+x\d+ (\w+), \d+ band", said("vipsheader", path))
    said("vips", "rawsave", path, out)
    return np.fromfile(out, kinds[(kind or names)[1].lower()]).reshape(*SHAPE, -1)


def by_opencv(path: Path) -> np.ndarray:
    import cv2

    samples = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if samples is None:
        raise ValueError("nothing was read")
    if samples.ndim == 2:
        return samples
    return samples[..., [2, 1, 0, 3][: samples.shape[2]]]


GRAXPERT = """
from graxpert.astroimage import AstroImage
opened = AstroImage(do_update_display=False)
opened.set_from_file(path, None, 1)
image = opened.img_array
"""


SASPRO = """
from setiastro.saspro.legacy.image_manager import load_image, save_image
image, header, bits, is_mono = load_image(path)
"""


def by_funtools(path: Path) -> np.ndarray:
    ones, out = path.with_name("ones.fits"), path.with_name("masked.fits")
    fits.PrimaryHDU(np.ones(SHAPE, "i2")).writeto(ones)
    said("funimage", f"{ones}[@{path}]", out)
    return raw(out) > 0


def by_regions(path: Path) -> np.ndarray:
    from regions import Regions

    mask = np.zeros(SHAPE, bool)
    for region in Regions.read(str(path), format="ds9"):
        inside = region.to_mask("center").to_image(SHAPE)
        inside = np.zeros(SHAPE, bool) if inside is None else inside > 0
        mask = mask | inside if region.meta.get("include", True) else mask & ~inside
    return mask


def by_pyregion(path: Path) -> np.ndarray:
    import pyregion

    return pyregion.open(str(path)).get_mask(shape=SHAPE)

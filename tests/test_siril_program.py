"""Files between fastbg and siril-cli, the program itself: FITS, TIFF and PNG, rows and keywords."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from cases import slow
from PIL import Image

from fastbg import Settings, load_preset, process_file
from fastbg.simulate import simulate_sky

pytestmark = pytest.mark.skipif(not shutil.which("siril-cli"), reason="siril-cli is not installed")

SCRIPT = Path(__file__).parents[1] / "hosts" / "siril" / "fastbg.py"
SHAPE = (96, 128)
CORNER = (slice(4, 9), slice(6, 14))
"""A bright rectangle near the first pixel, which no turn of the image leaves in place."""


@pytest.fixture(scope="module")
def planes() -> np.ndarray:
    """(3, H, W) float32 in [0, 1], as FITS stores it."""
    image = simulate_sky(SHAPE, np.random.default_rng(3)).image
    image[CORNER] = 0.9
    return np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float32)


def siril(folder: Path, *commands: str) -> str:
    """What siril-cli prints; its configuration is the default one.

    The test is skipped where this Siril was built without a format that the commands need.
    """
    told = subprocess.run(["siril-cli", "--format"], capture_output=True, text=True, check=True)
    for name in ("TIFF", "PNG"):
        if name[:3].lower() in " ".join(commands) and f"{name}\t" not in told.stdout:
            pytest.skip(f"this siril-cli was built without {name}")
    script = "\n".join(["requires 1.0.0", f'cd "{folder}"', *commands, ""])
    home = folder / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        ["siril-cli", "-s", "-"],
        input=script,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Script execution finished successfully" in done.stdout, done.stdout
    return done.stdout


def stored(path: Path) -> np.ndarray:
    """(K, H, W) or (H, W) of a FITS file, in the order of its rows, in [0, 1]."""
    data = fits.getdata(path)
    return data / (65535 if data.dtype.kind in "iu" else 1)


def corrected(source: Path, **options: Any) -> Path:
    output = source.with_name(f"corrected_{source.name}")
    process_file(source, output=output, write_model=False, overwrite=True, **options)
    return output


@pytest.mark.parametrize("name", ["x.fit", "x.fits.fz"])
@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_siril_reads_our_fits(name: str, kind: type, planes: np.ndarray, tmp_path: Path) -> None:
    """Sample for sample, and the HISTORY that it writes again is a preset."""
    samples = planes if kind is np.float32 else np.rint(planes * 65535).astype(np.uint16)
    fits.writeto(tmp_path / "x.fit", samples)
    settings = Settings(sample_format="same", feather=2.5, pedestal="neutral")
    ours = tmp_path / name.replace("x", "ours")
    process_file(tmp_path / "x.fit", output=ours, write_model=False, settings=settings)
    siril(tmp_path, f"load {ours.name}", "save theirs")
    theirs = tmp_path / "theirs.fit"
    np.testing.assert_array_equal(stored(theirs), stored(ours))
    assert fits.getdata(theirs).dtype.kind == np.dtype(kind).kind
    assert load_preset(theirs) == load_preset(ours)


def test_siril_shows_our_tiff_as_our_fits(planes: np.ndarray, tmp_path: Path) -> None:
    """Siril turns a TIFF, so that its first row becomes the last one of a FITS file."""
    tifffile.imwrite(tmp_path / "x.tif", np.moveaxis(planes, 0, 2), photometric="rgb")
    ours = corrected(tmp_path / "x.tif")
    siril(tmp_path, f"load {ours.name}", "save theirs")
    turned = np.moveaxis(tifffile.imread(ours), 2, 0)[:, ::-1]
    np.testing.assert_array_equal(stored(tmp_path / "theirs.fit"), turned)


@pytest.mark.parametrize(
    ("commands", "name", "error"),
    [
        (["save y"], "y.fit", 0),
        slow(["set16bits", "load x", "save y"], "y.fit", 1 / 65535),
        slow(["setcompress 1 -type=gzip2 0", "save y"], "y.fit*", 0),
        (["setcompress 1 -type=rice 16", "save y"], "y.fit*", 1e-3),
        slow(["savetif32 y"], "y.tif", 0),
        (["savetif y"], "y.tif", 1 / 65535),
    ],
)
def test_we_read_what_siril_writes(
    commands: list[str], name: str, error: float, planes: np.ndarray, tmp_path: Path
) -> None:
    """The corrected image is that of the image before Siril had it, in the same order of rows."""
    fits.writeto(tmp_path / "x.fit", planes)
    expected = stored(corrected(tmp_path / "x.fit"))
    siril(tmp_path, "load x", *commands)
    (theirs,) = tmp_path.glob(name)  # compressed, with or without a suffix that says so
    ours = corrected(theirs)
    if name.endswith("tif"):
        found = np.moveaxis(tifffile.imread(ours), 2, 0)[:, ::-1]
    else:
        found = stored(ours)
    np.testing.assert_allclose(found, expected, atol=error + 1e-4)
    assert (found[(slice(None), *CORNER)] > 0.8).all()


def test_a_png_of_siril_begins_with_the_last_row(planes: np.ndarray, tmp_path: Path) -> None:
    """What hosts/siril/fastbg.py takes for granted: the display has its rows from the top."""
    fits.writeto(tmp_path / "x.fit", planes)
    siril(tmp_path, "load x", "savepng shown")
    with Image.open(tmp_path / "shown.png") as image:
        shown = np.asarray(image)
    assert shown.shape[:2] == SHAPE
    assert (shown[::-1][CORNER] > 0.8 * np.iinfo(shown.dtype).max).all()


@pytest.mark.parametrize("order", ["", "TOP-DOWN", "BOTTOM-UP"])
def test_masks_that_were_drawn_on_what_siril_shows(
    order: str, planes: np.ndarray, tmp_path: Path
) -> None:
    """As docs/siril.md says: regions as stored; a PNG by way of Siril, unless BOTTOM-UP."""
    header = fits.Header({"ROWORDER": order} if order else {})
    fits.writeto(tmp_path / "x.fit", planes, header)
    weight = np.full(SHAPE, 255, np.uint8)
    weight[20:50, 30:60] = 0
    Image.fromarray(weight[::-1]).save(tmp_path / "drawn.png")
    ring = [[30, 20], [60, 20], [60, 50], [30, 50], [30, 20]]
    regions = {"type": "Polygon", "coordinates": [ring]}
    (tmp_path / "drawn.geojson").write_text(json.dumps(regions))
    expected = stored(corrected(tmp_path / "x.fit", mask=tmp_path / "drawn.geojson"))
    mask = tmp_path / "drawn.png"
    if order != "BOTTOM-UP":
        siril(tmp_path, "load drawn.png", "save drawn")
        mask = tmp_path / "drawn.fit"
    found = stored(corrected(tmp_path / "x.fit", mask=mask))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("order", ["TOP-DOWN", "BOTTOM-UP"])
def test_the_pattern_of_colours_survives(order: str, planes: np.ndarray, tmp_path: Path) -> None:
    mosaic = planes[0].copy()
    mosaic[::2, ::2] *= 0.5
    mosaic[1::2, 1::2] *= 1.5
    header = fits.Header({"BAYERPAT": "RGGB", "ROWORDER": order})
    fits.writeto(tmp_path / "x.fit", np.rint(mosaic * 65535).astype(np.uint16), header)
    expected = stored(corrected(tmp_path / "x.fit"))
    siril(tmp_path, "load x", "save y")
    ours = corrected(tmp_path / "y.fit")
    np.testing.assert_array_equal(stored(ours), expected)
    siril(tmp_path, f"load {ours.name}", "save z")
    assert fits.getval(tmp_path / "z.fit", "BAYERPAT") == "RGGB"
    assert fits.getval(tmp_path / "z.fit", "ROWORDER") == order


def test_the_script_runs_in_siril_itself(planes: np.ndarray, tmp_path: Path) -> None:
    """hosts/siril/fastbg.py in a Siril that has Python, with an executable outside of it."""
    told = subprocess.run(["siril-cli", "--version"], capture_output=True, text=True, check=True)
    version = told.stdout.split()[-1]
    if tuple(map(int, version.split(".")[:2])) < (1, 4):
        pytest.skip(f"Siril {version} runs no scripts in Python: it needs 1.4")
    program = tmp_path / "fastbg"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m fastbg.cli "$@"\n')
    program.chmod(0o755)
    shutil.copy(SCRIPT, tmp_path)
    fits.writeto(tmp_path / "x.fit", planes)
    (tmp_path / "a b.reg").write_text("image\nbox(45,35,30,30,0)\n")
    log = siril(
        tmp_path,
        "load x",
        f'pyscript fastbg.py "-executable={program}"',
        'pyscript fastbg.py "-mask=a b.reg" -protect=always',
        "save y",
        "pyscript fastbg.py -protect=maybe",
    )
    assert "% of the gradient out" in log, log
    assert "fastbg: the protection must be" in log
    options = {"mask": tmp_path / "a b.reg", "protect": "always"}
    expected = stored(corrected(tmp_path / "x.fit", **options))
    np.testing.assert_array_equal(stored(tmp_path / "y.fit"), expected)

"""Which way up an image is stored, in every format, and what comes out upright."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits as astropy_fits
from astropy.wcs import WCS
from cases import diagonal

from fastbg import apply_model, fit_file, process_file
from fastbg.errors import OutputError
from fastbg.io import formats, xisf

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 30}
UPRIGHT = {1: np.s_[:, :], 2: np.s_[:, ::-1], 3: np.s_[::-1, ::-1], 4: np.s_[::-1, :]}


@pytest.fixture
def sky(rng):
    """A sky whose corners differ, upright, in [0, 1]."""
    y, x = np.mgrid[:61, :80] / 80
    return (0.1 + 0.05 * x + 0.11 * y**2 + rng.normal(0, 0.001, y.shape)).astype(np.float32)


def save_fits(path: Path, stored: np.ndarray, **keywords: object) -> Path:
    unit = astropy_fits.PrimaryHDU(stored)
    unit.header.update(keywords)
    unit.writeto(path)
    return path


def save_tiff(path: Path, upright: np.ndarray, orientation: int) -> Path:
    stored = upright[UPRIGHT[orientation]]
    tifffile.imwrite(path, stored, extratags=[(274, 3, 1, orientation, True)], metadata=None)
    return path


def save_xisf(path: Path, upright: np.ndarray, orientation: int) -> Path:
    header = xisf.XisfHeader()
    spelled = {1: "0", 2: "flip", 3: "180", 4: "180;flip"}[orientation]
    header.root.find("Image").set("orientation", spelled)
    xisf.write(path, upright[UPRIGHT[orientation]][..., None], header=header)
    return path


def pixels(path: Path) -> np.ndarray:
    with formats.open_image(path) as image:
        return image.to_array()[..., 0]


def keywords(path: Path) -> dict[str, str]:
    with formats.open_image(path) as image:
        return {each.name: each.value.strip("' ") for each in image.header.keywords}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    diagonal(
        ["fits", *range(1, 5), *(f"xisf{n}" for n in range(1, 5))],
        [".xisf", ".tif", ".fits", ".fits.fz"],
    ),
)
def test_another_format_begins_at_the_top_left(tmp_path, sky, suffix, kind):
    if kind == "fits":
        path = save_fits(tmp_path / "a.fits", sky[::-1], ROWORDER="BOTTOM-UP")
    elif isinstance(kind, int):
        path = save_tiff(tmp_path / "a.tif", sky, kind)
    else:
        path = save_xisf(tmp_path / "a.xisf", sky, int(kind[-1]))
    if suffix[:4] == path.suffix[:4]:
        pytest.skip("the same format")
    truth = save_fits(tmp_path / "truth.fits", sky, ROWORDER="TOP-DOWN")
    expected = process_file(truth, output_dir=tmp_path / "truth", **OPTIONS)
    output, model = tmp_path / f"b{suffix}", tmp_path / f"m{suffix}"
    result = process_file(path, output=output, model_output=model, **OPTIONS)
    np.testing.assert_array_equal(result.losses, expected.losses)
    for found, name in ((output, "bgSubtracted"), (model, "bgModel")):
        np.testing.assert_array_equal(pixels(found), pixels(tmp_path / f"truth/truth_{name}.fits"))
    # The keywords of a TIFF file are those of a FITS file whose rows end at the top.
    turned = kind not in (1, "xisf1")
    order = "BOTTOM-UP" if suffix == ".tif" else "TOP-DOWN"
    assert keywords(output).get("ROWORDER") == (order if turned else None)
    told = [line for line in result.report["warnings"] if "reverse order" in line]
    assert len(told) == turned
    with formats.open_image(output) as image:
        assert any("reverse order" in each.comment for each in image.header.keywords) == turned
        assert image.orientation == (None if suffix[:4] == ".fit" and not turned else 1)


@pytest.mark.parametrize("same", ["float32", "same"])
@pytest.mark.parametrize("kind", ["fits", 3, 4, "xisf4"])
def test_the_same_format_keeps_the_order(tmp_path, sky, kind, same):
    if kind == "fits":
        path = save_fits(tmp_path / "a.fits", sky[::-1], ROWORDER="BOTTOM-UP")
    elif isinstance(kind, int):
        path = save_tiff(tmp_path / "a.tif", sky, kind)
    else:
        path = save_xisf(tmp_path / "a.xisf", sky, 4)
    order = UPRIGHT[kind if isinstance(kind, int) else 4]
    result = process_file(path, output_dir=tmp_path, sample_format=same, **OPTIONS)
    truth = save_fits(tmp_path / "t.fits", sky)
    process_file(truth, output_dir=tmp_path, sample_format=same, **OPTIONS)
    for name in ("bgSubtracted", "bgModel"):
        output = tmp_path / f"a_{name}{path.suffix}"
        np.testing.assert_array_equal(pixels(output), pixels(tmp_path / f"t_{name}.fits")[order])
        with formats.open_image(output) as image:
            assert image.orientation == (kind if isinstance(kind, int) else 4)
    assert not [line for line in result.report["warnings"] if "reverse" in line]


def test_a_frame_that_tells_no_order_stays_as_it_is(tmp_path, sky):
    path = save_fits(tmp_path / "a.fits", sky)
    process_file(path, output_dir=tmp_path, **OPTIONS)
    for suffix in ("xisf", "tif"):
        process_file(path, output=tmp_path / f"b.{suffix}", write_model=False, **OPTIONS)
        np.testing.assert_array_equal(
            pixels(tmp_path / f"b.{suffix}"), pixels(tmp_path / "a_bgSubtracted.fits")
        )
        assert "ROWORDER" not in keywords(tmp_path / f"b.{suffix}")


def test_a_model_fits_the_image_in_every_format(tmp_path, sky):
    path = save_fits(tmp_path / "a.fits", sky[::-1], ROWORDER="BOTTOM-UP")
    fit_file(path, tmp_path / "model.json", **OPTIONS)
    process_file(path, output_dir=tmp_path, **OPTIONS)
    upright = pixels(tmp_path / "a_bgSubtracted.fits")[::-1]
    for other in (
        save_tiff(tmp_path / "b.tif", sky, 1),
        save_tiff(tmp_path / "c.tif", sky, 4),
        save_xisf(tmp_path / "d.xisf", sky, 1),
        save_fits(tmp_path / "e.fits", sky, ROWORDER="TOP-DOWN"),
    ):
        output = tmp_path / f"{other.stem}_done.xisf"
        apply_model(tmp_path / "model.json", other, output=output)
        np.testing.assert_array_equal(pixels(output), upright)


@pytest.mark.parametrize("mask", ["png", "xisf", "tiff", "fits", "told", "reg"])
def test_a_mask_lies_where_it_lies_in_the_picture(tmp_path, sky, mask):
    """A bright corner is masked: only a mask that is where it belongs hides it."""
    sky[:20, :20] += 0.5
    weight = np.ones_like(sky)
    weight[:21, :21] = 0
    path = save_fits(tmp_path / "a.fits", sky[::-1], ROWORDER="BOTTOM-UP")
    if mask == "png":
        from PIL import Image

        Image.fromarray((255 * weight).astype(np.uint8)).save(tmp_path / "mask.png")
        given = tmp_path / "mask.png"
    elif mask == "xisf":
        given = save_xisf(tmp_path / "mask.xisf", weight, 1)
    elif mask == "tiff":
        given = save_tiff(tmp_path / "mask.tif", weight, 1)
    elif mask == "fits":  # as a program stores it that knows of no order
        given = save_fits(tmp_path / "mask.fits", weight[::-1])
    elif mask == "told":
        given = save_fits(tmp_path / "mask.fits", weight, ROWORDER="TOP-DOWN")
    else:
        given = tmp_path / "mask.reg"
        given.write_text("image\nbox(11, 51, 21, 21, 0)\n")  # counted from the first stored row
    process_file(path, output_dir=tmp_path, mask=given, **OPTIONS)
    model = pixels(tmp_path / "a_bgModel.fits")[::-1]
    assert model[:15, :15].max() < 0.2


@pytest.mark.parametrize("orientation", range(5, 9))
def test_an_image_on_its_side_keeps_its_format(tmp_path, sky, orientation):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, sky, extratags=[(274, 3, 1, orientation, True)], metadata=None)
    process_file(path, output_dir=tmp_path, **OPTIONS)
    with tifffile.TiffFile(tmp_path / "a_bgSubtracted.tif") as tiff:
        assert tiff.pages[0].tags[274].value == orientation
    with pytest.raises(OutputError, match=f"on its side .orientation {orientation}"):
        process_file(path, output=tmp_path / "b.xisf", **OPTIONS)
    assert not (tmp_path / "b.xisf").exists()


WORLD = {
    "matrix": {"CD1_1": -3e-4, "CD1_2": 1e-5, "CD2_1": 2e-5, "CD2_2": 2.9e-4},
    "elements": {"CDELT1": -3e-4, "CDELT2": 2.9e-4, "PC1_1": 0.9, "PC1_2": 0.1, "PC2_1": -0.2,
                 "PC2_2": 1.1},
    "rotation": {"CDELT1": -3e-4, "CDELT2": 2.9e-4, "CROTA2": 25.0},
    "sip": {"CD1_1": -3e-4, "CD1_2": 1e-5, "CD2_1": 2e-5, "CD2_2": 2.9e-4, "A_ORDER": 3,
            "B_ORDER": 3, "A_2_0": 1e-5, "A_0_2": 2e-5, "A_1_1": 3e-5, "A_0_3": 1e-7,
            "B_2_0": 2e-5, "B_0_2": -1e-5, "B_1_1": 4e-5, "B_1_2": 2e-7},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
@pytest.mark.parametrize(
    ("order", "through"),
    diagonal(
        ["BOTTOM-UP", "TOP-DOWN", None],
        [".xisf", ".tif", ".xisf .fits", ".tif .fits", ".tif .xisf"],
    ),
)
@pytest.mark.parametrize("kind", WORLD)
def test_the_sky_stays_where_it_is(tmp_path, sky, kind, through, order):
    """A pixel has the coordinates of the sky that it had, wherever its row has gone."""
    suffix = "-SIP" if kind == "sip" else ""
    world = {
        "CTYPE1": f"RA---TAN{suffix}", "CTYPE2": f"DEC--TAN{suffix}", "CRVAL1": 83.6,
        "CRVAL2": 22.0, "CRPIX1": 33.25, "CRPIX2": 20.5, **WORLD[kind],
    }  # fmt: skip
    order = {"ROWORDER": order} if order else {}
    path = save_fits(tmp_path / "a.fits", sky, **world, **order)
    bottom_up = order.get("ROWORDER") == "BOTTOM-UP"
    before = WCS(astropy_fits.getheader(path))
    for at, name in enumerate(through.split()):
        output = tmp_path / f"b{at}{name}"
        process_file(path, output=output, write_model=False, **OPTIONS)
        path = output
    told = keywords(path)
    header = astropy_fits.Header()
    for name in world:
        value = told[name]
        header[name] = value if name.startswith("CTYPE") else float(value)
    after = WCS(header)
    x, y = np.meshgrid([0, 17, 79], [0, 31, 60])
    row = 60 - y if bottom_up else y
    if path.suffix == ".tif":  # the specification: (1, 1) is the pixel at the bottom left
        row = 60 - row
    for expected, found in zip(
        before.all_pix2world(x, y, 0), after.all_pix2world(x, row, 0), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_the_filter_array_goes_with_the_rows(tmp_path, rng):
    """Every combination of order, offsets, height and width, through every format."""
    combinations = itertools.product(
        ["RGGB", "GRBG"], ["TOP-DOWN", "BOTTOM-UP", " bottom-up", None], (0, 1), (0, 1), (20, 21)
    )
    for number, (pattern, order, right, down, height) in enumerate(combinations):
        told = {"BAYERPAT": pattern, "XBAYROFF": right, "YBAYROFF": down}
        told |= {"ROWORDER": order} if order else {}
        y, x = np.mgrid[:height, :31]
        colours = np.array(list(pattern)).reshape(2, 2)[(y + down) % 2, (x + right) % 2]
        if order and "UP" in order.upper():
            colours = colours[::-1]
        stored = np.choose(np.vectorize("RGB".index)(colours), (0.2, 0.4, 0.6)).astype("f4")
        path = save_fits(tmp_path / f"{number}.fits", stored, **told)
        with formats.open_image(path) as image:
            assert image.cfa == "".join(colours[:2, :2].ravel()), told
            for suffix in (".xisf", ".tif"):
                output = tmp_path / f"{number}{suffix}"
                with formats.Output(output, image).create(output, []) as target:
                    target.write_rows(slice(0, 9), image.read_rows(slice(0, 9)))
                    target.write_rows(slice(9, height), image.read_rows(slice(9, height)))
                with formats.open_image(output) as other:
                    levels = {0.2: "R", 0.4: "G", 0.6: "B"}
                    corner = other.to_array()[:2, :2, 0].ravel()
                    expected = "".join(levels[round(float(value), 1)] for value in corner)
                    assert other.cfa == expected, (suffix, height, told)

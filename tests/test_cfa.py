"""Undebayered frames: each colour has its own background."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from PIL import Image as pil

from fastbg import apply_model, fit_file, process_file, remove_background
from fastbg.errors import InputError
from fastbg.image.bayer import halved, superpixels
from fastbg.image.image import Image
from fastbg.io import formats, xisf
from fastbg.model.correction import Correction

PATTERNS = ["RGGB", "BGGR", "GRBG", "GBRG"]
OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4}
SHAPE = (160, 240)


def mosaic_of(colours, pattern):
    """(3, H, W) to the (H, W) that a sensor with that pattern sees."""
    mosaic = np.empty(colours.shape[1:], colours.dtype)
    for place, letter in enumerate(pattern):
        own = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        mosaic[own] = colours["RGB".index(letter)][own]
    return mosaic


@pytest.fixture
def colours(rng):
    """A sky whose gradient is another in each colour, linear counts, and the gradient alone."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[1]
    gradient = np.stack([3000 + 900 * x, 5000 - 1500 * y, 2000 + 800 * x * y])
    return gradient + rng.normal(0, 20, gradient.shape), gradient


def save(path, mosaic, pattern):
    unit = astropy_fits.PrimaryHDU(np.rint(mosaic).astype(np.uint16))
    unit.header["BAYERPAT"] = pattern
    unit.writeto(path)


def spread(mosaic, pattern):
    """The standard deviation of each colour's plane, smoothed over 8 x 8 of its pixels."""
    found = []
    for place in range(4):
        plane = mosaic[place // 2 :: 2, place % 2 :: 2].astype(float)
        rows, columns = (size // 8 * 8 for size in plane.shape)
        blocks = plane[:rows, :columns].reshape(rows // 8, 8, columns // 8, 8).mean(axis=(1, 3))
        found.append(blocks.std())
    return np.array(found)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_colour_loses_its_own_gradient(tmp_path, colours, pattern):
    sky, gradient = colours
    save(tmp_path / "raw.fit", mosaic_of(sky, pattern), pattern)
    report = process_file(tmp_path / "raw.fit", output_dir=tmp_path, **OPTIONS).report
    with formats.open_image(tmp_path / "raw_bgSubtracted.fit") as image:
        assert image.cfa == pattern
        after = image.to_array()[..., 0]
    with formats.open_image(tmp_path / "raw_bgModel.fit") as image:
        model = image.to_array()[..., 0]
    truth = mosaic_of(gradient, pattern)
    # The background of another colour would leave more than half.
    assert (spread(after, pattern) < 0.2 * spread(truth, pattern)).all()
    assert (spread(model - truth, pattern) < 0.2 * spread(truth, pattern)).all()
    # The sky keeps the level of each colour.
    for place in range(4):
        own = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        assert np.median(after[own]) == pytest.approx(np.median(truth[own]), abs=60)
    assert report["image"]["cfa"] == pattern
    assert all(len(part["median"]) == 3 for part in report["statistics"].values())


def test_xisf_declares_the_array_and_keeps_it(tmp_path, colours):
    header = xisf.XisfHeader()
    image = header.root.find("Image")
    import xml.etree.ElementTree as ET

    ET.SubElement(image, "ColorFilterArray", pattern="GRBG", width="2", height="2")
    mosaic = mosaic_of(colours[0], "GRBG")[..., None] / 65535
    xisf.write(tmp_path / "raw.xisf", mosaic, header=header)
    process_file(tmp_path / "raw.xisf", output_dir=tmp_path, **OPTIONS)
    with xisf.open_image(tmp_path / "raw_bgSubtracted.xisf") as image:
        assert image.cfa == "GRBG"
        after = image.to_array()[..., 0] * 65535
    truth = mosaic_of(colours[1], "GRBG")
    assert (spread(after, "GRBG") < 0.2 * spread(truth, "GRBG")).all()


def test_the_array_can_be_turned_off(tmp_path, colours):
    save(tmp_path / "raw.fit", mosaic_of(colours[0], "RGGB"), "RGGB")
    result = process_file(tmp_path / "raw.fit", output_dir=tmp_path, cfa="off", **OPTIONS)
    assert result.model.spline.weights.shape[1] == 1


@pytest.mark.parametrize("pattern", ["RGGB", "gbrg"])
@pytest.mark.parametrize("options", [{}, {"mode": "divide"}, {"pedestal": "bgoptimizer"}], ids=str)
def test_an_array_gives_what_its_file_gives(tmp_path, colours, pattern, options):
    mosaic = (mosaic_of(colours[0], pattern.upper()) / 65535).astype(np.float32)
    mosaic[:3, :5] = 0
    weight = np.ones(SHAPE, np.float32)
    weight[30:50, 40:80] = 0
    xisf.write(tmp_path / "raw.xisf", mosaic[..., None])
    xisf.write(tmp_path / "mask.xisf", weight[..., None])
    options = {**OPTIONS, "cfa": pattern, **options}
    file = process_file(
        tmp_path / "raw.xisf", output_dir=tmp_path, mask=tmp_path / "mask.xisf", **options
    )
    array = remove_background(mosaic, weight=weight, **options)
    for planes, name in ((array.corrected, "bgSubtracted"), (array.background, "bgModel")):
        stored = xisf.read(tmp_path / f"raw_{name}.xisf").to_array()
        assert planes.shape == SHAPE
        assert planes.tobytes() == stored.tobytes()
    assert array.model == file.model
    # Only a file tells how its white was found.
    del file.report["image"]["white"]
    for key in ("image", "fitted", "fit", "statistics", "counts", "pedestal", "warnings"):
        assert array.report[key] == file.report[key], key
    assert array.report["image"]["cfa"] == pattern.upper()


def test_shares_of_a_mosaic_are_of_its_own_samples(tmp_path, colours):
    save(tmp_path / "raw.fit", mosaic_of(colours[0], "RGGB"), "RGGB")
    options = {**OPTIONS, "pedestal": -1.0}
    file = process_file(tmp_path / "raw.fit", output_dir=tmp_path, **options)
    array = remove_background(mosaic_of(colours[0], "RGGB") / 65535, cfa="RGGB", **options)
    for report in (file.report, array.report):
        assert report["counts"]["below_0"] == SHAPE[0] * SHAPE[1]
        [line] = [line for line in report["warnings"] if "below 0" in line]
        assert line.startswith(f"{SHAPE[0] * SHAPE[1]} samples (100 %)")


def test_an_array_of_colours_is_no_mosaic():
    with pytest.raises(InputError, match=r"the image .*3 channels"):
        remove_background(np.zeros((20, 20, 3)), cfa="RGGB")


def test_what_is_fitted_and_applied_is_what_is_run(tmp_path, colours):
    save(tmp_path / "raw.fit", mosaic_of(colours[0], "RGGB"), "RGGB")
    for options in ({}, {"mode": "divide"}, {"pedestal": "ancestor"}, {"pedestal": "neutral"}):
        folder = tmp_path / "-".join(["run", *options.values()])
        process_file(tmp_path / "raw.fit", output_dir=folder, **OPTIONS, **options)
        fit_file(tmp_path / "raw.fit", folder / "model.json", **OPTIONS)
        apply_model(folder / "model.json", tmp_path / "raw.fit", output=folder / "a.fit", **options)
        with (
            formats.open_image(folder / "a.fit") as one,
            formats.open_image(folder / "raw_bgSubtracted.fit") as other,
        ):
            np.testing.assert_array_equal(one.to_array(), other.to_array())


def test_a_mask_of_the_mosaic_is_a_mask_of_its_colours(tmp_path, colours):
    sky = mosaic_of(colours[0], "RGGB")
    sky[40:80, 60:120] += 4000
    save(tmp_path / "raw.fit", sky, "RGGB")
    mask = np.full(SHAPE, 255, np.uint8)
    mask[36:84, 56:124] = 0
    pil.fromarray(mask).save(tmp_path / "mask.png")
    result = process_file(
        tmp_path / "raw.fit", output_dir=tmp_path, mask=tmp_path / "mask.png", **OPTIONS
    )
    fitted = result.report["fitted"]
    share = fitted["usable_pixels"] / (fitted["height"] * fitted["width"])
    assert share == pytest.approx((mask > 0).mean(), abs=0.02)


def test_superpixels_hold_each_colour():
    mosaic = np.arange(1, 37, dtype=np.float32).reshape(6, 6)
    mosaic[0, 1] = 0  # a missing green leaves the other
    image = superpixels(Image.from_samples(mosaic), "RGGB")
    planes = image.planes()
    np.testing.assert_array_equal(planes[0], mosaic[::2, ::2])
    np.testing.assert_array_equal(planes[2], mosaic[1::2, 1::2])
    expected = (mosaic[::2, 1::2] + mosaic[1::2, ::2]) / 2
    expected[0, 0] = mosaic[1, 0]
    np.testing.assert_array_equal(planes[1], expected)
    np.testing.assert_array_equal(image.rows(slice(1, 2)), planes[:, 1:2])
    weight = halved(Image.from_samples(np.float32([[1, 0, 1], [0, 0, 1]])))
    np.testing.assert_array_equal(weight.planes(), [[[0.25]]])


@pytest.mark.parametrize("shape", [(7, 9), (2, 2), (5, 2), (8, 1030)])
@pytest.mark.parametrize("mode", ["subtract", "divide"])
def test_the_correction_is_pixel_by_pixel(rng, shape, mode, kernels):
    mosaic = rng.uniform(0.2, 0.8, shape).astype("f4")
    mosaic.flat[0] = 0
    background = rng.uniform(0.2, 0.5, (3, *shape)).astype("f4")
    levels = np.array([0.1, 0.2, 0.3])
    samples = Image.from_samples(mosaic)
    fine = Image.from_samples(np.moveaxis(background, 0, 2))
    correction = Correction(fine, fine, mode, levels, 2.0, kernels)
    correction = correction.of_mosaic(samples, fine, "GBRG")
    model = mosaic_of(background, "GBRG").astype(float)
    level = mosaic_of(np.broadcast_to(levels[:, None, None], background.shape), "GBRG")
    expected = mosaic - model + level if mode == "subtract" else mosaic / model * level
    expected = expected / 2
    expected.flat[0] = 0
    for rows in (slice(0, shape[0]), slice(1, shape[0])):
        count = rows.stop - rows.start
        _, found, corrected = correction.read(rows, np.empty((3, 1, count, shape[1]), "f4"))
        np.testing.assert_allclose(found[0], model[rows], rtol=1e-6)
        np.testing.assert_allclose(corrected[0], expected[rows], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("pattern", ["CYGM", "RGBW", "XTRANS", "RRGB"])
def test_other_arrays_are_refused(tmp_path, colours, pattern):
    save(tmp_path / "raw.fit", colours[0][0], pattern)
    with pytest.raises(InputError, match=f"pattern {pattern}: debayer it first") as caught:
        process_file(tmp_path / "raw.fit", output_dir=tmp_path, **OPTIONS)
    assert str(caught.value).startswith(str(tmp_path / "raw.fit"))

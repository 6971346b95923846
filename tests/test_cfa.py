"""Undebayered frames: each colour has its own background."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from contextlib import closing

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from cases import diagonal
from PIL import Image as pil

from fastbg import Settings, apply_model, fit_file, process_file, remove_background
from fastbg.backends.registry import choose
from fastbg.errors import InputError
from fastbg.image.bayer import halved, superpixels
from fastbg.image.image import Image
from fastbg.image.stretch import Stretch
from fastbg.image.undebayered import looks_undebayered
from fastbg.io import formats, xisf
from fastbg.model.correction import Correction
from fastbg.model.model import BackgroundModel
from fastbg.spline.spline import Spline

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


@pytest.mark.parametrize(
    ("pattern", "options"),
    diagonal(
        ["RGGB", "gbrg"], [{}, {"mode": "divide", "strength": 0.7}, {"pedestal": "bgoptimizer"}]
    ),
    ids=str,
)
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
    for options in (
        *({}, {"mode": "divide"}, {"pedestal": "ancestor"}, {"pedestal": "neutral"}),
        *({"strength": 0.3}, {"strength": 0.3, "pedestal": "ancestor"}),
    ):
        folder = tmp_path / "-".join(["run", *map(str, options.values())])
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
    model = mosaic_of(background, "GBRG").astype(float)
    fine = Image.from_samples(model.astype("f4"))
    correction = Correction(fine, fine, mode, levels, 2.0, kernels)
    correction = correction.of_mosaic(samples, fine, "GBRG")
    level = mosaic_of(np.broadcast_to(levels[:, None, None], background.shape), "GBRG")
    expected = mosaic - model + level if mode == "subtract" else mosaic / model * level
    expected = expected / 2
    expected.flat[0] = 0
    for rows in (slice(0, shape[0]), slice(1, shape[0])):
        count = rows.stop - rows.start
        _, found, corrected = correction.read(rows, np.empty((3, 1, count, shape[1]), "f4"))
        np.testing.assert_allclose(found[0], model[rows], rtol=1e-6)
        np.testing.assert_allclose(corrected[0], expected[rows], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(7, 9), (2, 2), (5, 2), (70, 131)])
@pytest.mark.parametrize("pattern", ["RGGB", "GRBG"])
def test_each_colour_of_a_model_is_rendered_on_its_own_pixels(rng, shape, pattern):
    centres, weights = rng.random((12, 2)), 0.1 * rng.random((12, 3))
    spline = Spline(centres, weights, np.full((3, 3), 0.2), 2)
    low, span, middle = rng.uniform(0.1, 0.3, (3, 3))
    model = BackgroundModel(spline, Stretch(low, span, middle), shape)
    expected = mosaic_of(np.moveaxis(model.render(), 2, 0), pattern)
    with closing(model.rendered_mosaic(choose("auto"), shape, pattern)) as rendered:
        for rows in (slice(0, shape[0]), slice(1, 2), slice(1, shape[0])):
            found = rendered.linear.rows(rows)
            np.testing.assert_allclose(found, expected[np.newaxis, rows], rtol=1e-5)


def test_samples_outside_are_counted_pixel_by_pixel_and_statistics_are_by_colour(rng):
    sky = rng.uniform(0.01, 0.02, (140, 200)).astype("f4")
    sky[::2, 1::2] += 0.5
    sky[10, 11], sky[11, 10], sky[31, 31] = 1.9, 0.1, 0.9
    result = remove_background(sky, cfa="RGGB", pedestal="none")
    report, after = result.report, result.corrected
    assert report["counts"]["below_0"] == np.count_nonzero(after < 0) > 1000
    assert report["counts"]["above_1"] == np.count_nonzero(after > 1) == 1
    greens = (after[::2, 1::2] + after[1::2, ::2]) / 2
    by_colour = after[::2, ::2], greens, after[1::2, 1::2]
    for name in ("min", "median", "max"):
        measure = {"min": np.min, "median": np.median, "max": np.max}[name]
        expected = [measure(plane) for plane in by_colour]
        assert report["statistics"]["corrected"][name] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("pattern", ["CYGM", "RGBW", "XTRANS", "RRGB"])
def test_other_arrays_are_refused(tmp_path, colours, pattern):
    save(tmp_path / "raw.fit", colours[0][0], pattern)
    with pytest.raises(InputError, match=f"pattern {pattern}: debayer it first") as caught:
        process_file(tmp_path / "raw.fit", output_dir=tmp_path, **OPTIONS)
    assert str(caught.value).startswith(str(tmp_path / "raw.fit"))


@pytest.mark.parametrize("told", ["RGGB", "'rggb  '", " Rggb", '"RGGB"'])
def test_a_pattern_is_recognised_however_it_is_spelled(tmp_path, told):
    header = xisf.XisfHeader()
    ET.SubElement(header.root.find("Image"), "FITSKeyword", name="BAYERPAT", value=told, comment="")
    xisf.write(tmp_path / "a.xisf", np.ones((20, 20, 1)), header=header)
    with formats.open_image(tmp_path / "a.xisf") as image:
        assert image.cfa == "RGGB"
    Settings(cfa=told.strip("'\""))


@pytest.mark.parametrize(
    ("keyword", "told"),
    diagonal(["BAYERPAT", "COLORTYP"], ["INVALID", "None", "mono", "", "  ", " Monochrome "]),
)
def test_no_pattern_is_mono_and_noted(tmp_path, rng, keyword, told):
    mono = rng.normal(5000, 20, SHAPE).astype(np.uint16)
    unit = astropy_fits.PrimaryHDU(mono)
    unit.header[keyword] = told
    unit.writeto(tmp_path / "a.fit")
    process_file(tmp_path / "a.fit", output=tmp_path / "a.xisf", write_model=False, **OPTIONS)
    process_file(tmp_path / "a.fit", output=tmp_path / "a.tif", write_model=False, **OPTIONS)
    for name in ("a.fit", "a.xisf", "a.tif"):
        result = process_file(tmp_path / name, output_dir=tmp_path / "out", **OPTIONS)
        assert "cfa" not in result.report["image"]
        [line] = [line for line in result.report["warnings"] if keyword in line]
        assert f"{told.strip() or 'blank'}, which is no pattern" in line
        assert not [line for line in result.report["warnings"] if "--cfa" in line]


@pytest.mark.parametrize("told", ["XTRANS", "X-Trans", "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"])
@pytest.mark.parametrize("where", ["keyword", "element"])
def test_x_trans_is_refused_by_name_unless_it_is_turned_off(tmp_path, colours, told, where):
    header = xisf.XisfHeader()
    image = header.root.find("Image")
    if where == "keyword":
        ET.SubElement(image, "FITSKeyword", name="BAYERPAT", value=f"'{told}'", comment="")
    else:
        ET.SubElement(image, "ColorFilterArray", pattern=told, width="6", height="6")
    xisf.write(tmp_path / "a.xisf", colours[0][0][..., None] / 65535, header=header)
    with pytest.raises(InputError, match="pattern XTRANS: debayer it first") as caught:
        process_file(tmp_path / "a.xisf", output_dir=tmp_path, **OPTIONS)
    assert "6 x 6" in str(caught.value)
    result = process_file(tmp_path / "a.xisf", output_dir=tmp_path, cfa="off", **OPTIONS)
    assert "cfa" not in result.report["image"]


def untold(report):
    return [line for line in report["warnings"] if "--cfa PATTERN" in line]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_mosaic_of_which_no_pattern_is_told_is_noticed(tmp_path, colours, pattern):
    mosaic = mosaic_of(colours[0], pattern)
    path = tmp_path / "a.fit"
    astropy_fits.PrimaryHDU(np.rint(mosaic).astype(np.uint16)).writeto(path)
    report = process_file(path, output_dir=tmp_path, **OPTIONS).report
    assert len(untold(report)) == 1
    fit_file(path, tmp_path / "model.json", **OPTIONS)
    assert untold(apply_model(tmp_path / "model.json", path, output=tmp_path / "b.fit"))
    assert untold(remove_background(mosaic / 65535, **OPTIONS).report)
    for cfa in ("off", pattern, pattern.lower()):
        report = process_file(path, output_dir=tmp_path, overwrite=True, cfa=cfa, **OPTIONS).report
        assert not untold(report)


@pytest.mark.parametrize("noise", [0, 1e-7, 1e-4, 0.02])
@pytest.mark.parametrize("kind", ["f4", "u2", "u1"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (33, 40), (100, 141), (401, 300)])
def test_no_mono_image_is_taken_for_a_mosaic(rng, noise, kind, shape):
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    skies = [0.1 + 0.05 * x + 0.05 * y, 0.2 * (1 - x**2 - 0.3 * y**2) ** 2, 0.1 * np.exp(3 * x * y)]
    for sky in skies:
        sky = sky + rng.normal(0, noise, shape)
        for y_step, x_step in ((1, 1), (2, 1), (1, 2)):  # amplifiers that differ
            mono = sky.copy()
            mono[::y_step, ::x_step] += 0.01
            scale = np.iinfo(kind).max if kind != "f4" else 1
            mono = np.clip(mono * scale, 0, scale) if kind == "f4" else np.rint(mono * scale)
            assert not looks_undebayered(Image.from_samples(mono.astype(kind)))


def test_no_real_image_is_taken_for_a_mosaic_but_those_that_are(shared_data):
    found = set()
    for path in sorted(shared_data.glob("*.*")):
        if path.suffix in (".md", ".png"):
            continue
        with formats.open_image(path) as image:
            image.load()
            planes = np.moveaxis(image.to_array(), 2, 0)
        if any(looks_undebayered(Image.from_samples(plane)) for plane in planes):
            found.add(path.name)
    assert found == {"m94_seestar_raw_cfa_u16.fit", "panoptes_cfa_rice.fits.fz"}


@pytest.mark.parametrize("height", [160, 159])
def test_every_colour_loses_its_gradient_where_rows_begin_at_the_bottom(tmp_path, colours, height):
    sky, gradient = (planes[:, :height] for planes in colours)
    upright = mosaic_of(sky, "RGGB")
    unit = astropy_fits.PrimaryHDU(np.rint(upright[::-1]).astype(np.uint16))
    unit.header.update(BAYERPAT="RGGB", ROWORDER="BOTTOM-UP")
    unit.writeto(tmp_path / "a.fit")
    truth = mosaic_of(gradient, "RGGB")
    for name in ("b.fit", "b.xisf", "b.tif"):
        process_file(tmp_path / "a.fit", output=tmp_path / name, write_model=False, **OPTIONS)
        with formats.open_image(tmp_path / name) as image:
            after = image.to_array()[..., 0]
            if name == "b.fit":
                after = after[::-1]
            else:
                after = after * 65535
                assert image.cfa == "RGGB"
        assert (spread(after, "RGGB") < 0.2 * spread(truth, "RGGB")).all()


def test_the_array_of_an_xisf_file_is_told_in_every_format(tmp_path, colours):
    header = xisf.XisfHeader()
    image = header.root.find("Image")
    ET.SubElement(image, "ColorFilterArray", pattern="GBRG", width="2", height="2")
    xisf.write(tmp_path / "a.xisf", mosaic_of(colours[0], "GBRG")[..., None] / 65535, header=header)
    for name in ("b.fits", "b.tif"):
        process_file(tmp_path / "a.xisf", output=tmp_path / name, write_model=False, **OPTIONS)
        with formats.open_image(tmp_path / name) as image:
            assert image.cfa == "GBRG"

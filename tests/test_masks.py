"""Masks from files of every kind, several at once, with soft edges."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from astropy.io import fits as astropy_fits
from cases import slow, some
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image as pil

from fastbg import preview_file, process_file, remove_background
from fastbg.errors import InputError
from fastbg.image.image import Image, samples_of_array
from fastbg.image.weights import feathered, product, range_of_mask
from fastbg.io import png, xisf
from fastbg.simulate import simulate_sky

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 30}
SHAPE = (120, 160)
HIDDEN = (slice(20, 60), slice(40, 100))


@pytest.fixture
def sky(tmp_path):
    path = tmp_path / "sky.xisf"
    xisf.write(path, simulate_sky(SHAPE, np.random.default_rng(1), border=0).image)
    return path


@pytest.fixture
def weight():
    weight = np.ones(SHAPE, np.float32)
    weight[HIDDEN] = 0
    return weight


def as_png(path, weight):
    pil.fromarray((weight * 255).astype("u1")).save(path)


def as_rgb_png(path, weight):
    pil.fromarray(np.stack([(weight * 255).astype("u1")] * 3, axis=2)).save(path)


def as_transparent_png(path, weight):
    alpha = (weight * 255).astype("u1")
    pil.fromarray(np.stack([np.full_like(alpha, 255)] * 3 + [alpha], axis=2)).save(path)


def as_png_of_16_bits(path, weight):
    pil.fromarray((weight * 65535).astype("u2")).save(path)


def as_black_and_white_png(path, weight):
    pil.fromarray(weight > 0).save(path)


def as_fits(path, weight):
    astropy_fits.PrimaryHDU(weight).writeto(path)


def as_fits_of_16_bits(path, weight):
    astropy_fits.PrimaryHDU((weight * 65535).astype("u2")).writeto(path)


def as_tiff(path, weight):
    tifffile.imwrite(path, (weight * 255).astype("u1"))


def as_xisf(path, weight):
    xisf.write(path, weight[..., None])


def as_ds9(path, weight):
    # Centres of pixels count from 1: columns 41 to 100, rows 21 to 60.
    path.write_text("image\nbox(70.5,40.5,60,40,0)\n")


def as_geojson(path, weight):
    ring = [[40, 20], [100, 20], [100, 60], [40, 60], [40, 20]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))


KINDS = {
    "png": as_png,
    "rgb.png": as_rgb_png,
    "clear.png": as_transparent_png,
    "16.png": as_png_of_16_bits,
    "1.png": as_black_and_white_png,
    "fits": as_fits,
    "16.fits": as_fits_of_16_bits,
    "tif": as_tiff,
    "xisf": as_xisf,
    "reg": as_ds9,
    "geojson": as_geojson,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_mask_hides_the_same(tmp_path, sky, weight, kind):
    mask = tmp_path / f"mask.{kind}"
    KINDS[kind](mask, weight)
    result = process_file(sky, output_dir=tmp_path, mask=mask, **OPTIONS)
    shape = (SHAPE[0] // 4, SHAPE[1] // 4)
    hidden = 10 * 15
    assert result.report["fitted"]["usable_pixels"] == shape[0] * shape[1] - hidden
    truth = tmp_path / "truth.xisf"
    as_xisf(truth, weight)
    expected = process_file(sky, output_dir=tmp_path / "truth", mask=truth, **OPTIONS)
    np.testing.assert_array_equal(result.losses, expected.losses)


def write_mask(path, weight):
    """Samples of any type, as they are, with nothing that tells their white."""
    if path.suffix == ".fits":
        astropy_fits.PrimaryHDU(weight).writeto(path)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, weight)
    elif path.suffix == ".png":
        pil.fromarray(weight).save(path)
    else:
        planes = weight[np.newaxis]
        with xisf.create(path, planes.shape, dtype=weight.dtype, bounds=None) as target:
            target.write_rows(slice(None), planes)


@pytest.mark.parametrize(
    ("name", "dtype", "used"),
    [
        ("m.fits", "u2", 1),
        slow("m.fits", "u4", 1),
        slow("m.fits", "i2", 1),
        slow("m.fits", "f4", 255),
        ("m.fits", "f4", 1e-7),
        slow("m.tif", "u1", 1),
        ("m.tif", "u2", 255),
        slow("m.tif", "f4", 0.2),
        slow("m.xisf", "u2", 1),
        ("m.xisf", "u4", 7),
        ("m.png", "u1", 1),
    ],
)
def test_a_mask_of_two_values_has_full_weight_whatever_its_unit(
    tmp_path, sky, weight, name, dtype, used
):
    write_mask(tmp_path / name, (weight * used).astype(dtype))
    as_xisf(tmp_path / "truth.xisf", weight)
    found, expected = (
        process_file(sky, output_dir=tmp_path / mask[0], mask=tmp_path / mask, **OPTIONS)
        for mask in (name, "truth.xisf")
    )
    np.testing.assert_array_equal(found.losses, expected.losses)
    assert found.report["warnings"] == expected.report["warnings"]


@pytest.mark.parametrize(("dtype", "top"), [("u2", 255), ("u2", 4095), ("f4", 0.01), ("f4", 255)])
def test_the_largest_sample_of_a_faint_soft_mask_has_full_weight_and_that_is_told(
    tmp_path, sky, weight, dtype, top
):
    soft = (weight * np.linspace(0.5, 1, SHAPE[1]) * top).astype(dtype)
    soft[:, -1] = top
    write_mask(tmp_path / "m.fits", soft)
    as_xisf(tmp_path / "truth.xisf", (soft.astype("f8") / soft.max()).astype("f4"))
    found, expected = (
        process_file(sky, output_dir=tmp_path / mask[0], mask=tmp_path / mask, **OPTIONS)
        for mask in ("m.fits", "truth.xisf")
    )
    np.testing.assert_array_equal(found.losses, expected.losses)
    told = [line for line in found.report["warnings"] if "full weight" in line]
    assert len(told) == 1
    assert f"above {top:g}" in told[0]
    assert "m.fits" in told[0]
    assert not any("full weight" in line for line in expected.report["warnings"])


def test_a_mask_of_two_values_can_be_inverted_whatever_its_unit(tmp_path, sky, weight):
    write_mask(tmp_path / "m.fits", (weight == 0).astype("u2"))
    as_xisf(tmp_path / "truth.xisf", weight)
    found = process_file(
        sky, output_dir=tmp_path / "1", mask=tmp_path / "m.fits", invert_mask=True, **OPTIONS
    )
    expected = process_file(sky, output_dir=tmp_path / "2", mask=tmp_path / "truth.xisf", **OPTIONS)
    np.testing.assert_array_equal(found.losses, expected.losses)


TYPES = [bool, "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", ">f8", ">u2"]


@pytest.mark.parametrize(
    ("dtype", "used"),
    some(
        [(bool, 1), ("u1", 100), ("u2", 1), ("i4", 100), ("f4", 1), (">f8", 100)],
        [(dtype, used) for dtype in TYPES for used in (1, 100)],
    ),
)
def test_an_array_of_two_values_has_full_weight_whatever_its_type(weight, dtype, used):
    image = simulate_sky(SHAPE, np.random.default_rng(1), border=0).image
    found = remove_background(image, weight=(weight * used).astype(dtype), **OPTIONS)
    expected = remove_background(image, weight=weight, **OPTIONS)
    np.testing.assert_array_equal(found.losses, expected.losses)
    assert found.report["warnings"] == expected.report["warnings"]


@pytest.mark.parametrize(("dtype", "top"), [("u2", 255), ("i8", 100), ("f4", 0.01)])
def test_a_faint_soft_array_is_told(weight, dtype, top):
    image = simulate_sky(SHAPE, np.random.default_rng(1), border=0).image
    soft = (weight * np.linspace(0.5, 1, SHAPE[1]) * top).astype(dtype)
    found = remove_background(image, weight=soft, **OPTIONS)
    expected = remove_background(image, weight=soft / soft.max(), **OPTIONS)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-5)
    assert sum("full weight" in line for line in found.report["warnings"]) == 1
    assert not any("full weight" in line for line in expected.report["warnings"])


def test_soft_masks_that_use_their_range_stay_as_they_are(weight):
    soft = (weight * np.linspace(0.2, 0.8, SHAPE[1])).astype("f4")
    found = range_of_mask(samples_of_array(soft))
    assert (found.bounds, found.guessed) == ((0, 1), False)


def test_several_masks_hide_all_that_one_of_them_hides(tmp_path, sky, weight):
    as_ds9(tmp_path / "a.reg", weight)
    other = np.ones(SHAPE, np.float32)
    other[80:, :40] = 0
    as_png(tmp_path / "b.png", other)
    both = tmp_path / "both.xisf"
    as_xisf(both, weight * other)
    found = [
        process_file(sky, output_dir=tmp_path / name, mask=mask, **OPTIONS)
        for name, mask in {"1": [tmp_path / "a.reg", tmp_path / "b.png"], "2": both}.items()
    ]
    np.testing.assert_array_equal(found[0].losses, found[1].losses)


def test_masks_are_drawn_in_the_preview(tmp_path, sky, weight):
    as_ds9(tmp_path / "a.reg", weight)
    preview_file(sky, tmp_path / "with.png", mask=tmp_path / "a.reg", **OPTIONS)
    preview_file(sky, tmp_path / "without.png", **OPTIONS)
    pictures = [
        np.asarray(pil.open(tmp_path / f"{name}.png")).astype(int) for name in ("with", "without")
    ]
    assert (pictures[0][..., 0] - pictures[1][..., 0] > 20).sum() > 5000, "red where it hides"


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "JPEG"),
        (b"hello", "not an XISF, FITS, TIFF or PNG file"),
    ],
)
def test_bad_masks_are_named(tmp_path, sky, content, cause):
    mask = tmp_path / "mask.png"
    mask.write_bytes(content)
    with pytest.raises(InputError, match=cause) as caught:
        process_file(sky, output_dir=tmp_path, mask=mask, **OPTIONS)
    assert str(mask) in str(caught.value)


def test_masks_of_different_sizes_are_refused(tmp_path, sky, weight):
    as_png(tmp_path / "a.png", weight)
    as_png(tmp_path / "b.png", weight[:-1])
    with pytest.raises(InputError, match="160 x 120 pixels and another 160 x 119"):
        process_file(
            sky, output_dir=tmp_path, mask=[tmp_path / "a.png", tmp_path / "b.png"], **OPTIONS
        )


def test_a_png_of_any_size_is_read(tmp_path, monkeypatch, weight):
    as_png(tmp_path / "a.png", weight)
    monkeypatch.setattr(pil, "MAX_IMAGE_PIXELS", 1)
    with png.open_image(tmp_path / "a.png") as file:
        assert file.shape[1:] == weight.shape


weights = arrays(np.float32, (9, 7, 2), elements=st.sampled_from([0.0, 0.25, 1.0]))


@given(weights, st.sampled_from([0.0, 0.5, 2.0, 5.0]))
def test_feathering_rises_with_the_distance(weight, pixels):
    found = feathered(weight, pixels)
    assert found.shape == weight.shape
    for channel in range(2):
        before = weight[..., channel]
        ignored = np.argwhere(before == 0)
        for place in np.ndindex(before.shape):
            distance = np.sqrt(((ignored - place) ** 2).sum(axis=1)).min(initial=np.inf)
            rise = min(distance / pixels, 1) if pixels else 1
            expected = before[place] * (rise if before[place] else 0)
            assert found[(*place, channel)] == pytest.approx(expected, abs=1e-6)


@given(weights, weights)
def test_the_product_is_that_of_the_values(one, other):
    found = product([Image.from_samples(each[..., :1]) for each in (one, other)])
    np.testing.assert_array_equal(found.planes()[0], (one * other)[..., 0])
    part = found.rows(slice(2, 5))
    np.testing.assert_array_equal(part[0], (one * other)[2:5, :, 0])


def test_masks_of_one_and_of_three_channels_go_together(rng):
    one, three = rng.random((5, 6, 1), "f4"), rng.random((5, 6, 3), "f4")
    found = product([Image.from_samples(one), Image.from_samples(three)])
    np.testing.assert_array_equal(np.moveaxis(found.planes(), 0, 2), one * three)
    with pytest.raises(InputError, match="channels"):
        product([Image.from_samples(three), Image(2, (5, 6), lambda rows, out: out)])

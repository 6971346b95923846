"""Borders that are no sky: found, told, and left as they are."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits as astropy_fits

from fastbg import apply_model, process_file, remove_background
from fastbg.image.border import Box
from fastbg.image.border_search import PAIRS, _pairs_of_rows, border_of
from fastbg.image.image import Image

SHAPE = (240, 320)
NOISE, READ_NOISE = 0.004, 0.001

# The blocks and the cells lie elsewhere once the border is cut off.
SAME_SKY = 0.02


def sky(seed=0, channels=3, shape=SHAPE):
    """A gradient with stars and noise, (H, W, K) float32."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    image = 0.1 + 0.03 * x + 0.02 * y**2 + NOISE * rng.standard_normal(shape)
    for _ in range(200):
        row, column = rng.integers(2, shape[0] - 2), rng.integers(2, shape[1] - 2)
        image[row - 1 : row + 2, column - 1 : column + 2] += 0.2 * rng.random() ** 3
    return np.repeat(image[..., np.newaxis], channels, 2).astype(np.float32)


def with_strip(image, box, level, noise=READ_NOISE, seed=1):
    out, rng = image.copy(), np.random.default_rng(seed)
    part = out[box.rows, box.columns]
    part[:] = level + noise * rng.standard_normal((*part.shape[:2], 1))
    return out


def found(image):
    source = Image.from_samples(image)
    return border_of(source, source, (), ())


RIGHT = Box(0, 240, 300, 320)
SIDES = {
    "right": RIGHT,
    "left": Box(0, 240, 0, 12),
    "top": Box(0, 9, 0, 320),
    "bottom": Box(220, 240, 0, 320),
}


def test_of_a_large_image_few_rows_are_in_memory_at_a_time():
    shape, border = (6000, 3000), Box(0, 40, 0, 3000)
    rng, tallest = np.random.default_rng(1), []
    noise = rng.standard_normal((600, shape[1]), np.float32)

    def read(rows, out):
        tallest.append(rows.stop - rows.start)
        row = np.arange(rows.start, rows.stop)
        light = 0.1 + 1e-5 * row[:, np.newaxis] + NOISE * noise[row % len(noise)]
        quiet = 0.02 + READ_NOISE * noise[row % len(noise)]
        out[:, : len(row)] = np.where(row[:, np.newaxis] < border.bottom, quiet, light)
        return out[:, : len(row)]

    image = Image(1, shape, read)
    assert border_of(image, image, (), ()).boxes == (border,)
    assert max(tallest) * shape[1] < 1 << 20


@pytest.mark.parametrize("level", [0.02, 0.3])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_overscan_is_found(side, level, channels) -> None:
    box = SIDES[side]
    assert found(with_strip(sky(channels=channels), box, level)).boxes == (box,)


def test_borders_of_several_sides_are_found() -> None:
    image = sky()
    for side in ("left", "top", "bottom"):
        image = with_strip(image, SIDES[side], 0.03)
    boxes = (SIDES["top"], SIDES["bottom"], Box(9, 220, 0, 12))
    assert found(image).boxes == boxes


def test_soft_edges_are_found() -> None:
    image = with_strip(sky(), RIGHT, 0.05)
    image[:, 299] = (image[:, 299] + image[:, 300]) / 2
    (box,) = found(image).boxes
    assert box.left in (299, 300)


def test_a_rotated_border_of_one_value_is_found() -> None:
    image = sky()
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    outside = (x < 40 - 0.15 * y) | (y > 230 - 0.15 * (x - 320)) | (y < 25 - 0.1 * x)
    image[outside] = 0.05
    border = found(image)
    assert border.fill == pytest.approx((0.05,) * 3)
    hidden = border.hidden(slice(0, SHAPE[0]), np.moveaxis(image, 2, 0))
    assert (hidden == outside).all()


def horizon(image):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image[y > 205 + 6 * np.sin(x / 40)] = 0.01


def seam(image):
    image[:, 290:] = 0.8 * sky(seed=5)[:, 290:]


def vignette(image):
    image *= np.linspace(0.4, 1, SHAPE[1])[np.newaxis, :, np.newaxis] ** 0.5


def nebula(image):
    x = np.arange(SHAPE[1]) / SHAPE[1]
    image += (0.3 * np.exp((x - 1) / 0.03))[np.newaxis, :, np.newaxis].astype(np.float32)


def saturated_corner(image):
    image[:40, :40] = 1


def coarse(image):
    image[:] = np.round(image * 40) / 40


@pytest.mark.parametrize(
    "change", [None, horizon, seam, vignette, nebula, saturated_corner, coarse]
)
def test_what_is_no_border_is_left(change) -> None:
    image = sky()
    if change:
        change(image)
    assert not found(image)


@pytest.mark.parametrize("side", SIDES)
def test_the_sky_is_that_of_the_image_without_its_border(side) -> None:
    whole = with_strip(sky(), SIDES[side], 0.02)
    inside = np.ones(SHAPE, bool)
    inside[SIDES[side].rows, SIDES[side].columns] = False
    rows, columns = inside.any(axis=1), inside.any(axis=0)
    cut = remove_background(whole[rows][:, columns]).background
    result = remove_background(whole)
    difference = result.background[rows][:, columns] - cut
    assert np.abs(difference).max() < SAME_SKY * np.ptp(cut)
    outside = ~inside
    assert (result.corrected[outside] == whole[outside]).all()
    assert result.report["counts"]["missing"] == 3 * outside.sum()
    assert result.report["image"]["border"]["boxes"] == [SIDES[side]._asdict()]
    assert any("border" in line for line in result.report["warnings"])


def save(path, image, **header):
    unit = astropy_fits.PrimaryHDU(image)
    unit.header.update(header)
    unit.writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("sample_format", ["float32", "same"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_what_a_header_tells_is_left_bit_for_bit(tmp_path, dtype, sample_format) -> None:
    plane = with_strip(sky(channels=1), RIGHT, 0.02)[..., 0] * 30000
    path = save(tmp_path / "a.fits", plane.astype(dtype), DATASEC="[1:300,1:240]")
    result = process_file(path, output_dir=tmp_path, sample_format=sample_format)
    before = astropy_fits.getdata(path)
    after = astropy_fits.getdata(tmp_path / "a_bgSubtracted.fits")
    assert (after[:, 300:] == before[:, 300:]).all()
    assert (after[:, :300] != before[:, :300]).mean() > 0.2
    assert result.report["image"]["border"]["told_by"] == ["DATASEC"]
    (line,) = (line for line in result.report["warnings"] if "DATASEC" in line)
    assert "6.25 % of the image is no sky" in line


def test_a_mosaic_has_its_border_by_its_own_pixels(tmp_path) -> None:
    plane = with_strip(sky(channels=1), Box(0, 240, 301, 320), 0.02)[..., 0]
    path = save(tmp_path / "a.fits", plane, DATASEC="[1:301,1:240]", BAYERPAT="RGGB")
    result = process_file(path, output_dir=tmp_path)
    after = astropy_fits.getdata(tmp_path / "a_bgSubtracted.fits")
    assert (after[:, 301:] == plane[:, 301:]).all()
    assert result.report["image"]["border"]["boxes"][0]["left"] == 301


def test_the_last_row_of_a_mosaic_of_odd_size_belongs_to_its_border() -> None:
    image = with_strip(sky(channels=1, shape=(241, 321)), Box(221, 241, 0, 321), 0.02)[..., 0]
    result = remove_background(image, cfa="RGGB")
    assert result.report["image"]["border"]["boxes"][0]["bottom"] == 241
    assert (result.corrected[222:] == image[222:]).all()


@pytest.mark.parametrize("missing", [0, np.nan])
def test_what_is_missing_hides_no_border_and_is_none(missing) -> None:
    image = sky()
    image[:30, 200:] = image[:, :20] = missing
    assert not found(image)
    assert found(with_strip(image, SIDES["bottom"], 0.02)).boxes == (SIDES["bottom"],)


def test_an_image_that_was_cut_keeps_its_sky(tmp_path) -> None:
    path = save(tmp_path / "a.fits", sky(channels=1)[..., 0], DATASEC="[21:320,1:240]")
    result = process_file(path, output_dir=tmp_path)
    assert "border" not in result.report["image"]
    (line,) = (line for line in result.report["warnings"] if "DATASEC" in line)
    assert "was taken for sky" in line


def test_the_header_of_another_format_tells_the_same_border(tmp_path) -> None:
    plane = with_strip(sky(channels=1), Box(0, 20, 0, 320), 0.02)[..., 0]
    header = {"DATASEC": "[1:320,1:220]", "ROWORDER": "BOTTOM-UP"}
    path = save(tmp_path / "a.fits", plane[::-1], **header)
    for name in ("b.xisf", "c.tif", "d.fits"):
        result = process_file(path, output=tmp_path / name, write_model=False)
        assert result.report["image"]["border"]["told_by"] == ["DATASEC"]
        assert result.report["image"]["border"]["boxes"] == [Box(0, 20, 0, 320)._asdict()]
        path = tmp_path / name


def test_a_model_that_is_applied_leaves_the_border(tmp_path) -> None:
    image = with_strip(sky(channels=1), RIGHT, 0.02)[..., 0]
    model = remove_background(sky(channels=1)).model
    path = save(tmp_path / "a.fits", image)
    report = apply_model(model, path, output=tmp_path / "b.fits")
    after = astropy_fits.getdata(tmp_path / "b.fits")
    assert (after[:, 300:] == image[:, 300:]).all()
    assert report["image"]["border"]["boxes"] == [RIGHT._asdict()]


@pytest.mark.parametrize("height", [1, 2, 3, 500])
def test_pairs_of_rows_are_neighbours_where_there_are_two(height):
    image = Image.from_samples(np.arange(1000 * 2, dtype=np.float32).reshape(1000, 2))
    first, second = (
        _pairs_of_rows(image, slice(100, 100 + height)).reshape(PAIRS, 2, 2).swapaxes(0, 1)
    )
    np.testing.assert_array_equal(second - first, 2 * (height > 1))
    assert first[0, 0] == 200
    assert second[-1, 0] == 2 * (99 + height)

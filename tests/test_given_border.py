"""The setting ``border``: sides of the image that are no sky, not fitted and yet corrected."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits as astropy_fits

from fastbg import InputError, Settings, SettingsError, process_file, remove_background
from fastbg.image.frame import Frame
from fastbg.image.image import Image
from fastbg.pipeline import Job

SHAPE = (240, 320)
LEFT, TOP, RIGHT, BOTTOM = SIDES = (20, 41, 9, 60)


def sky():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[1]
    noise = np.random.default_rng(3).normal(0, 0.001, SHAPE)
    return (0.1 + 0.03 * x + 0.02 * y + noise).astype(np.float32)


def spoiled(sides=SIDES, rise=0.03):
    """The same with sides that are brighter, and where they are."""
    left, top, right, bottom = sides
    outside = np.ones(SHAPE, bool)
    outside[top : SHAPE[0] - bottom, left : SHAPE[1] - right] = False
    steep = np.random.default_rng(4).normal(rise, rise / 3, SHAPE)
    return np.where(outside, sky() + steep, sky()).astype(np.float32), outside


def weight(image, **settings):
    with Job(Settings(**settings)) as job:
        frame = Frame(Image.from_samples(image), settings.get("cfa"))
        return job.prepare(frame).problem.weight


@pytest.mark.parametrize("factor", [1, 4, 7])
def test_blocks_that_hold_some_of_the_border_have_no_weight(factor):
    options = {"downscaling_factor": factor, "protect": "off", "border": SIDES}
    found = weight(sky(), **options)[..., 0]
    inside = np.zeros(SHAPE, bool)
    inside[TOP : SHAPE[0] - BOTTOM, LEFT : SHAPE[1] - RIGHT] = True
    h, w = (-(-size // factor) for size in SHAPE)
    padded = np.pad(inside, ((0, h * factor - SHAPE[0]), (0, w * factor - SHAPE[1])), mode="edge")
    expected = padded.reshape(h, factor, w, factor).all(axis=(1, 3))
    assert np.array_equal(found > 0, expected)


@pytest.mark.parametrize(
    "options",
    [{}, {"protect": "off"}, {"control_points": 9, "initializer": "grid"}, {"cfa": "RGGB"}],
    ids=str,
)
def test_it_is_not_fitted_and_it_is_corrected(options):
    (image, outside), options = spoiled(), {"border": SIDES, "downscaling_factor": 4, **options}
    result, other = (remove_background(each, **options) for each in (image, sky()))
    # A descent is stretched by all samples, and what is beyond those of the image is clamped.
    close = 3e-3 if "control_points" in options else 1e-7
    assert np.abs(result.background - other.background)[~outside].max() < close
    changed = image - result.corrected
    assert np.ptp(changed[outside]) > 0.01
    assert np.abs(changed - result.background).std() < 1e-3 + (0.01 if "cfa" in options else 0)


def test_the_upper_side_is_the_one_that_is_looked_at(tmp_path):
    image, _ = spoiled((0, 60, 0, 0))
    header = astropy_fits.Header({"ROWORDER": "BOTTOM-UP"})
    astropy_fits.PrimaryHDU(image[::-1], header).writeto(tmp_path / "sky.fits")
    models = [
        process_file(tmp_path / "sky.fits", output_dir=tmp_path / name, border=sides).model
        for name, sides in (("upper", (0, 60, 0, 0)), ("lower", (0, 0, 0, 60)))
    ]
    arrays = [
        remove_background(image, border=sides).model for sides in ((0, 60, 0, 0), (0, 0, 0, 60))
    ]
    assert models == arrays
    assert models[0] != models[1]


def test_it_counts_pixels_of_a_mosaic_and_of_the_whole_image():
    found = weight(sky(), downscaling_factor=2, protect="off", cfa="RGGB", border=(8, 9, 0, 0))
    used = np.argwhere(found[..., 0] > 0)
    assert used.min(axis=0).tolist() == [3, 2]
    # A border that fastbg finds itself is a part of it.
    image = sky()
    image[:, :30] = 0.05
    wide = remove_background(image, border=(40, 0, 0, 0), downscaling_factor=4)
    assert wide.report["image"]["border"]["share"] == pytest.approx(30 / 320, abs=0.02)
    assert np.array_equal(wide.corrected[:, :30], image[:, :30])
    assert not np.array_equal(wide.corrected[:, 30:40], image[:, 30:40])


def test_it_wins_over_what_is_known_to_be_sky():
    image, outside = spoiled()
    one, two = (
        remove_background(image, sky=known, border=SIDES, downscaling_factor=1).background
        for known in (np.ones(SHAPE), ~outside)
    )
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("width", [120, 160, 1000, (200, 0, 120, 0), (0, 237, 0, 0)])
def test_one_that_leaves_nothing_is_one_line(width):
    with pytest.raises(InputError, match=r"a border of .* leaves nothing to fit of .* 320 x 240"):
        remove_background(sky(), border=width, downscaling_factor=4)


def test_one_that_leaves_hardly_anything_is_named_in_the_cure():
    with pytest.raises(InputError, match=r"parts of the image can be used: .*narrow the border"):
        remove_background(spoiled()[0], border=117)


def test_its_spellings():
    assert Settings(border=5) == Settings(border="5") == Settings(border=[5, 5, 5, 5])
    assert Settings(border=5).sides == (5, 5, 5, 5)
    assert Settings(border="1,2,3,4") == Settings(border=np.array([1, 2, 3, 4]))
    assert Settings(border=(1, 2, 3, 4)).sides == (1, 2, 3, 4)
    assert Settings().sides == (0, 0, 0, 0)
    assert Settings(border=0) == Settings()


@pytest.mark.parametrize(
    "value", [-1, 1.5, True, None, "", "wide", "1,2", "1,2,3,-4", [1, 2], [1, 2, 3, "4"], 1 << 31]
)
def test_what_is_no_border_is_one_line(value):
    with pytest.raises(SettingsError, match=r"the border must be a number of pixels, or four"):
        Settings(border=value)

"""The preview picture and the parts that it is drawn of."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from cases import diagonal
from images import filling, image_of, recorded

from fastbg.image.bands import thinning_step
from fastbg.image.stretch import Stretch
from fastbg.model.correction import Correction, with_pedestal
from fastbg.report import preview
from fastbg.report.preview import fit_input, fit_result, histogram, marks, page, pictures
from fastbg.settings.checks import PEDESTALS

RNG_SEED = 5
GRID = np.stack(np.meshgrid([0.25, 0.75], [0.25, 0.75], indexing="ij"), -1).reshape(-1, 2)
WHOLE = Stretch(np.array([0.04]), np.array([0.1]), np.array([0.3]))


def sky_image(shape, channels, seed=RNG_SEED):
    planes = np.random.default_rng(seed).uniform(0.05, 0.1, (channels, *shape))
    return image_of(planes.astype(np.float32))


def stretched_like_the_fit(stretch, image):
    return np.moveaxis(stretch.apply(image.planes()), 0, 2).astype(np.float32)


def sky_of(background):
    """The levels of a correction that keeps the median of a background."""
    level = np.nan_to_num([np.median(plane) for plane in background.planes()])
    return preview.SkyLevels(level, level, np.ones_like(level))


def fitted(background, corrected, centres, median=0.0123):
    """What a fit gave, with some medians; that of the last channel of the background is given."""
    names = ("input", "background", "corrected")
    medians = {name: [0.0123] * corrected.channels for name in names}
    medians["background"][-1] = median
    return preview.Fitted(background, corrected, centres, medians, sky_of(background))


def draw(shape, channels=3, *, fit=True, weight=None, stretched=None, **options):
    image = options.pop("image", None) or sky_image(shape, channels)
    stretch = Stretch(*(np.repeat(value, channels) for value in (0.04, 0.1, 0.3)))
    if stretched is None:
        stretched = stretched_like_the_fit(stretch, image)
    if weight is None:
        weight = np.ones_like(stretched)
    model = image_of(np.full((channels, *shape), 0.075, np.float32))
    result = fitted(model, image, GRID + 0.4) if fit else None
    shown = preview.FitInput(image, stretch, stretched, weight, GRID, 0.95, (0.001, 0.9))
    return preview.draw(shown, result, **{"title": "a title"} | options)


@pytest.mark.parametrize(
    ("channels", "shape"),
    diagonal(
        [1, 3],
        [(1, 1), (1, 4000), (4000, 1), (1, 3), (3, 1), (5, 6), (37, 41), (40, 600), (600, 40)],
    ),
)
def test_any_shape_is_drawn_on_one_page(shape, channels):
    picture = draw(shape, channels, fit=True)
    assert picture.mode == "RGB"
    assert picture.width == page.WIDTH
    assert 600 < picture.height < 2600
    without = draw(shape, channels, fit=False)
    assert without.height < picture.height


def test_the_page_has_empty_margins():
    pixels = np.asarray(draw((300, 450)))
    margin = page.MARGIN - marks.OVERHANG
    for side in (pixels[:margin], pixels[-margin:], pixels[:, :margin], pixels[:, -margin:]):
        assert (side == page.BACKDROP).all()


def test_long_and_odd_texts_stay_inside():
    picture = draw(
        (60, 90), title="x" * 500, captions=["word " * 200, "y" * 400, "", "é 日本 \n z"]
    )
    pixels = np.asarray(picture)
    assert (pixels[:, -page.MARGIN + marks.OVERHANG :] == page.BACKDROP).all()
    assert picture.height > draw((60, 90)).height


def test_a_spline_that_left_the_frame_or_diverged_is_drawn():
    image = sky_image((30, 40), 1)
    stretched = stretched_like_the_fit(WHOLE, image)
    centres = np.array([[np.nan, 0.5], [1e9, -1e9], [0.5, 0.5], [-0.2, 1.3]])
    shown = preview.FitInput(image, WHOLE, stretched, np.ones_like(stretched), GRID, 0.95)
    preview.draw(shown, fitted(image, image, centres), title="t")


def test_a_constant_and_an_empty_image_are_drawn():
    for value in (0.5, 0.0, np.nan):
        image = image_of(np.full((3, 20, 30), value, np.float32))
        stretch = Stretch(*(np.repeat(v, 3) for v in (0.4, 0.1, 0.3)))
        stretched = np.full((20, 30, 3), np.nan if value != 0.5 else 0.5, np.float32)
        shown = preview.FitInput(image, stretch, stretched, np.zeros_like(stretched), GRID, 0.9)
        preview.draw(shown, fitted(image, image, GRID), title="t")


def test_one_dead_pixel_does_not_squeeze_the_histogram():
    image = sky_image((200, 300), 1)
    plots = []
    for pedestal in (0.05, -5.0, -50.0):
        # Median 0.075 and quantile 0.095, as the image has them, above any pedestal.
        scale = 0.095 - pedestal
        stretch = Stretch(*map(np.atleast_1d, (pedestal, scale, (0.075 - pedestal) / scale)))
        sheet = page.Page()
        values = histogram.marked_values(stretch, 0.95, None)
        histogram.draw(sheet, (40, 100, 840, 600), image, stretch, values)
        plots.append(np.asarray(sheet.picture)[100:500, 92:840])
    near, far, farther = plots
    curve = page.CHANNELS[1][0][1]
    # Rounding of the pedestal may move a line by a pixel, no more.
    assert (far != farther).mean() < 0.01, "the axis no longer follows the pedestal"
    assert (near != far).mean() > 0.05
    for plot, named in ((near, False), (far, True)):
        filled = (plot[-40] != page.PANEL).any(axis=1)
        assert filled.mean() > 0.25, "the curve is wide enough to read"
        arrow = (plot[8:22, 6:20] == curve).all(axis=2)
        assert arrow.any() == named


def test_the_excluded_part_of_the_picture_is_tinted_and_the_missing_part_is_neutral():
    shape = (80, 120)
    stretched = np.full((*shape, 3), 0.25, np.float32)
    weight = np.ones_like(stretched)
    weight[:, :40] = 0
    stretched[:, 80:] = np.nan
    weight[:, 80:] = 0
    pixels = np.asarray(draw(shape, fit=False, weight=weight, stretched=stretched)).astype(int)
    height, width = page.size_in(fit_input.BOX, shape)
    top = np.flatnonzero((pixels[:, page.MARGIN + width // 2 - 5] == 64).all(axis=1))[0]
    panel = pixels[top : top + height, page.MARGIN : page.MARGIN + width]
    excluded, used, missing = (
        panel[height // 2 - 20 : height // 2 + 20, int(width * x) - 20 : int(width * x) + 20]
        for x in (1 / 6, 1 / 2, 5 / 6)
    )
    red, green, blue = np.moveaxis(excluded, 2, 0)
    assert ((green > red) & (red > blue + 20)).all(), "yellow-green"
    assert len(np.unique(green)) >= 2, "hatched"
    assert (used == 64).all()
    assert (missing == pictures.MISSING).all()


def test_partial_weights_are_tinted_in_proportion_and_full_weights_not_at_all():
    rgb = np.full((1, 5, 3), 100, np.uint8)
    weight = np.array([[[1, 0.75, 0.5, 0.25, np.nan]]])
    green = pictures.tint_excluded(rgb, weight)[0, :, 1].astype(int)
    assert green[0] == green[4] == 100
    assert 100 < green[1] < green[2] < green[3]
    assert np.ptp(np.diff(green[:4])) <= 1


def test_an_excluded_island_has_an_outline():
    rgb = np.zeros((30, 30, 3), np.uint8)
    weight = np.ones((1, 30, 30))
    weight[:, 10:20, 10:20] = 0
    tinted = pictures.tint_excluded(rgb, weight)[..., 1].astype(int)
    assert (tinted[10, 10:20] == tinted[10, 10]).all()
    assert tinted[10, 10] > tinted[11:19, 11:19].max()
    assert tinted[9, 9] == 0


def test_marks_are_light_on_dark_so_that_they_show_on_any_picture():
    layer = np.asarray(marks.draw((60, 60), np.array([[0.5, 0.5]]), None, 6)).astype(int)
    centre = 30 + marks.OVERHANG
    row = layer[centre]
    ring = row[centre + 3 : centre + 10]
    assert (ring[:, :3].min(axis=1) > 200).any()
    assert ((ring[:, :3].max(axis=1) < 60) & (ring[:, 3] > 128)).any()
    assert row[centre, 3] == 0, "the initial ones are hollow"


def test_a_control_point_lands_on_its_place_and_one_outside_on_the_edge():
    nowhere = np.full((1, 2), np.nan)
    for point, inside in (((0.25, 0.75), (0.25, 0.75)), ((0.5, 7.0), (0.5, 1.0))):
        layer = np.asarray(marks.draw((100, 200), nowhere, np.array([point]), 6))
        y, x = np.nonzero(layer[..., 3] > 100)
        assert y.mean() - marks.OVERHANG == pytest.approx(inside[0] * 100, abs=1.5)
        assert x.mean() - marks.OVERHANG == pytest.approx(inside[1] * 200, abs=4)


def lab(rgb):
    """CIE 1976 L*a*b* of sRGB values in 0..255, (..., 3), under D65."""
    channels = np.asarray(rgb) / 255
    linear = np.where(channels > 0.04045, ((channels + 0.055) / 1.055) ** 2.4, channels / 12.92)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.maximum((linear @ np.transpose(to_xyz)) / (0.9505, 1, 1.089), 1e-4)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


NEBULAE = {
    "hydrogen": (190, 40, 55),
    "bright hydrogen": (255, 90, 110),
    "hydrogen and reflection": (230, 90, 200),
    "reflection": (70, 120, 220),
    "oxygen": (40, 150, 150),
    "galaxy": (150, 150, 150),
    "core": (225, 205, 160),
    "dust": (60, 50, 40),
    "dark sky": (30, 30, 34),
}


@pytest.mark.parametrize("name", NEBULAE)
def test_what_is_excluded_is_seen_on_any_nebula(name):
    rgb = np.broadcast_to(np.array(NEBULAE[name], np.uint8), (40, 40, 3))
    weight = np.ones((1, 40, 40))
    weight[:, 10:30, 10:30] = 0
    difference = np.linalg.norm(lab(pictures.tint_excluded(rgb, weight)) - lab(rgb), axis=-1)
    inside = difference[11:29, 11:29]
    assert inside.min() > 25, "the wash"
    assert inside.max() > 55, "the hatching"
    assert difference[10, 10:30].min() > 65, "the outline"
    assert not difference[:10].any()


def corrections(planes, background):
    """All ways to take a background out of an image, and what they are called."""
    image, model = image_of(planes), image_of(background)
    middles = [np.median(part, axis=(1, 2)) for part in (planes, background)]
    for mode in ("subtract", "divide"):
        for pedestal in (*PEDESTALS, 0.0, 0.3, -0.2):
            if mode == "divide" and pedestal in ("bgoptimizer", 0.0, -0.2):
                continue  # refused, an image of nothing, and a negative
            plain = Correction(image, model, mode, middles[1])
            yield f"{mode} {pedestal}", with_pedestal(plain, pedestal, *middles)


def tilted(channels, shape=(40, 50)):
    """A sky with a gradient and a colour, most of which is behind a nebula; and its background."""
    rng = np.random.default_rng(1)
    level = np.array([0.016, 0.020, 0.015])[:channels, None, None]
    slope = np.linspace(-4e-4, 4e-4, shape[1])
    background = np.broadcast_to(level + slope, (channels, *shape)).astype(np.float32)
    planes = background + rng.normal(0, 1e-4, (channels, *shape)).astype(np.float32)
    planes[0, :, 8:] += np.float32(1e-3)
    return planes, background


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sky_is_the_same_grey_whatever_the_pedestal_and_the_mode(channels):
    planes, background = tilted(channels)
    sky = np.s_[:, :, :8]
    shown = {}
    for name, correction in corrections(planes, background):
        levels = preview.SkyLevels.of(correction, np.median(background, axis=(1, 2)))
        first, last = pictures.display_stretches(planes, levels)
        model, after = first.apply(background), last.apply(correction.corrected().planes())
        assert np.median(model, axis=(1, 2)) == pytest.approx(0.25, abs=0.01), name
        assert np.median(after[sky], axis=(1, 2)) == pytest.approx(0.25, abs=0.02), name
        shown[name] = after
    for name, after in shown.items():
        # A quotient changes the noise by the few percent of the gradient.
        assert after == pytest.approx(shown["subtract none"], abs=0.02), name


def test_a_nebula_does_not_lend_its_colour_to_the_sky():
    planes, background = tilted(3)
    assert (np.median(planes - background, axis=(1, 2)) > 5e-4).tolist() == [True, False, False]
    (_, correction), *_ = corrections(planes, background)
    levels = preview.SkyLevels.of(correction, np.median(background, axis=(1, 2)))
    first, last = pictures.display_stretches(planes, levels)
    after = last.apply(correction.corrected().planes())
    sky, nebula = (np.median(after[..., part], axis=(1, 2)) for part in (np.s_[:8], np.s_[8:]))
    assert np.ptp(sky) < 0.02, "grey"
    assert nebula[0] > nebula[1:].max() + 0.2, "red"
    assert np.array_equal(first.scale, last.scale)


def test_images_without_contrast_or_samples_have_a_stretch():
    for value in (0.3, 0.0, np.nan):
        planes = np.full((3, 5, 5), value, np.float32)
        for levels in ((0.3, 0.3, 1.0), (0.0, 0.0, 1.0), (5.0, -2.0, 1e-9)):
            sky = preview.SkyLevels(*(np.full(3, level) for level in levels))
            for stretch in pictures.display_stretches(planes, sky):
                shown = stretch.apply(planes)
                assert np.isfinite(shown).all() or np.isnan(value)


def test_a_sample_of_the_corrected_image_that_is_zero_is_drawn():
    planes, background = tilted(3)
    planes[:, :10, :10], planes[:, 30:] = background[:, :10, :10], 0
    plain = Correction(image_of(planes), image_of(background), "subtract", np.zeros(3))
    after = pictures.missing_as_nan(plain.corrected(), plain.image)
    assert (after.planes()[:, :10, :10] == 0).all()
    drawn = pictures.resample(after, (40, 50), np.isfinite)
    assert np.isfinite(drawn[:, :29]).all()
    assert np.isnan(drawn[:, 31:]).all()


def test_equal_pictures_are_drawn_alike():
    image = sky_image((90, 60), 3)
    stretched = np.full((90, 60, 3), 0.3)
    stretch = Stretch(*(np.repeat(v, 3) for v in (0.04, 0.1, 0.3)))
    shown = preview.FitInput(image, stretch, stretched, np.ones_like(stretched), GRID, 0.9)
    picture = preview.draw(shown, fitted(image, image, GRID), title="t")
    pixels = np.asarray(picture)
    room = (page.CONTENT - 2 * page.GAP) // 3
    _, width = page.size_in((fit_result.HEIGHT, room), (90, 60))
    bottom = pixels.shape[0] - 150
    panels = [
        pixels[bottom - 300 : bottom, page.MARGIN + i * (room + page.GAP) :][:, :width]
        for i in range(3)
    ]
    assert panels[0].std() > 5
    assert np.array_equal(panels[0], panels[1])
    assert np.array_equal(panels[0], panels[2])


def test_reducing_takes_means_without_the_missing_samples():
    planes = np.full((1, 40, 60), 0.5, np.float32)
    planes[0, ::2, ::3] = 0  # missing: scattered holes do not darken the mean
    planes[0, :, 30:] = np.nan
    small = pictures.resample(image_of(planes), (8, 12))
    assert small.shape == (1, 8, 12)
    assert small[0, :, :5] == pytest.approx(0.5, rel=1e-6)
    assert np.isnan(small[0, :, 7:]).all()


@pytest.mark.parametrize("shape", [(37, 53), (100, 1), (64, 64), (999, 31)])
def test_reducing_keeps_a_ramp_in_place(shape):
    y = (np.arange(shape[0]) + 0.5) / shape[0]
    planes = np.broadcast_to(1 + y[:, np.newaxis], (1, *shape)).astype(np.float32)
    small = pictures.resample(image_of(planes), (9, 1))
    expected = 1 + (np.arange(9) + 0.5) / 9
    assert small[0, 1:-1, 0] == pytest.approx(expected[1:-1], abs=2e-3)


def test_enlarging_makes_squares():
    planes = np.array([[[1, 2], [3, 4]]], np.float32)
    large = pictures.resample(image_of(planes), (8, 8))
    assert np.array_equal(large[0], planes[0].repeat(4, 0).repeat(4, 1))


def test_fine_detail_does_not_alias():
    checks = (np.indices((512, 512)).sum(axis=0) % 2 + 1.0).astype(np.float32)
    small = pictures.resample(image_of(checks[np.newaxis]), (100, 100))
    assert small == pytest.approx(1.5, abs=0.02)


def test_what_counts_may_be_told():
    # Zeros are missing in images; in weights they are values.
    planes = np.full((1, 8, 8), 1, np.float32)
    planes[0, :, 4:], planes[0, :2] = 0, np.nan
    image = image_of(planes)
    assert (
        np.isnan(pictures.resample(image, (4, 4))[0]).tolist()
        == [[True] * 4] + [[False, False, True, True]] * 3
    )
    small = pictures.resample(image, (4, 4), np.isfinite)
    assert np.isnan(small[0, 0]).all()
    # The filter blends neighbours, no more.
    assert small[0, 1:, 0] == pytest.approx(1, abs=0.1)
    assert small[0, 1:, 3] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("shape", [(300, 200), (37, 401), (500, 3)])
def test_bands_do_not_show_in_what_is_resampled(monkeypatch, shape):
    image = sky_image(shape, 3)
    for size in ((20, 10), (3, 100), (600, 450)):
        whole = pictures.resample(image, size)
        with monkeypatch.context() as patch:
            for samples in (1, 5000):
                patch.setattr(pictures, "BAND_SAMPLES", samples)
                again, reads = recorded(filling(image))
                assert np.array_equal(pictures.resample(again, size), whole)
                assert [rows.start for rows in reads[1:]] == [rows.stop for rows in reads[:-1]]
                assert (reads[0].start, reads[-1].stop) == (0, shape[0])


def test_thinning_out_takes_valid_samples_of_some_rows_and_columns(monkeypatch):
    planes = sky_image((90, 120), 3).planes().copy()
    planes[1, ::2], planes[2, 0, 0] = 0, np.nan
    step, samples = pictures.thin_out(filling(image_of(planes)))
    assert step == 1
    for plane, found in zip(planes, samples, strict=True):
        assert np.array_equal(found, plane[np.isfinite(plane) & (plane != 0)])

    monkeypatch.setattr(pictures, "STATISTICS_SAMPLES", 1200)
    image, reads = recorded(image_of(planes))
    step, samples = pictures.thin_out(image)
    assert step == 3
    assert [rows.start for rows in reads] == list(range(0, 90, 3))
    for plane, found in zip(planes[:, ::3, ::3], samples, strict=True):
        assert np.array_equal(found, plane[np.isfinite(plane) & (plane != 0)])


@pytest.mark.parametrize("shape", [(90, 120), (1, 7), (41, 300)])
@pytest.mark.parametrize("rows", [1, 2, 5, 64])
def test_an_image_that_is_read_in_bands_leaves_its_thinned_samples(monkeypatch, shape, rows):
    planes = sky_image(shape, 3).planes().copy()
    planes[1, ::2], planes[2, 0, 0] = 0, np.nan
    image = filling(image_of(planes))
    for most in (10**6, 1200, 300):
        monkeypatch.setattr(pictures, "STATISTICS_SAMPLES", most)
        step, expected = pictures.thinned(image)
        watched, samples = pictures.thinning(image)
        assert step == thinning_step(shape, pictures.STATISTICS_SAMPLES)
        assert np.isnan(samples).all()
        for top in range(0, shape[0], rows):
            some = slice(top, min(top + rows, shape[0]))
            assert np.array_equal(watched.rows(some), planes[:, some], equal_nan=True)
        assert np.array_equal(samples, expected, equal_nan=True)


def test_a_page_of_an_image_in_bands_is_the_same(monkeypatch):
    shape = (300, 450)
    whole = draw(shape)
    monkeypatch.setattr(pictures, "BAND_SAMPLES", 20_000)
    again = draw(shape, image=filling(sky_image(shape, 3)))
    assert np.array_equal(np.asarray(again), np.asarray(whole))


@pytest.mark.parametrize("channels", [1, 3])
def test_medians_are_written_above_each_picture(channels):
    image = sky_image((90, 120), channels)
    pages = []
    for median in (0.0123, 0.0999):
        sheet = page.Page()
        sheet.y += 100
        fit_result.draw(sheet, image, fitted(image, image, GRID, median))
        pages.append(np.asarray(sheet.picture).astype(int))
    different = np.argwhere((pages[0] != pages[1]).any(axis=2))
    room = (page.CONTENT - 2 * page.GAP) // 3
    top, left = different.min(axis=0)
    bottom, right = different.max(axis=0)
    start = page.MARGIN + room + page.GAP
    assert start < left < right < start + room, "above the model"
    assert bottom < page.MARGIN + 100 < top + 40


def test_the_legend_calls_only_what_counts_little_used_in_part() -> None:
    weight = np.full((10, 10, 3), 0.99, np.float32)  # as the search gives to plain sky
    weight[:2], weight[2] = 0, 0.4
    shown = SimpleNamespace(missing=np.zeros((10, 10), bool), weight=weight)
    texts = [text for _, text in fit_input._areas(shown)]
    assert texts == ["excluded: 20 %", "used by half or less: 10 %"]

"""Arrays of any layout, models applied to arrays, pictures of results, and results as objects."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.nddata import CCDData, NDData
from cases import diagonal, some

import fastbg
from fastbg import InputError, Settings, SettingsError
from fastbg.simulate import simulate_sky

OPTIONS = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 30}
SHAPE = (64, 80)


@pytest.fixture
def rgb():
    return simulate_sky(SHAPE, np.random.default_rng(1), border=0).image


@pytest.fixture
def mono(rgb):
    return np.ascontiguousarray(rgb[..., 0])


@pytest.fixture
def result(rgb):
    return fastbg.remove_background(rgb, **OPTIONS)


def memmapped(array, folder):
    np.save(folder / "a.npy", array)
    return np.load(folder / "a.npy", mmap_mode="r")


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "fortran": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "big-endian": lambda a: a.astype(">f4"),
    "read-only": read_only,
    "double": lambda a: a.astype("f8"),
    "list": lambda a: a.astype("f8").tolist(),
}


@pytest.mark.parametrize(("kind", "layout"), diagonal(["mono", "rgb"], LAYOUTS))
def test_results_are_in_the_order_of_c_whatever_the_layout(kind, layout, request):
    image = request.getfixturevalue(kind)
    expected = fastbg.remove_background(image, **OPTIONS)
    found = fastbg.remove_background(LAYOUTS[layout](image), **OPTIONS)
    for name in ("corrected", "background"):
        array = getattr(found, name)
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.dtype == np.dtype("f4")
        assert array.dtype.isnative
        np.testing.assert_array_equal(array, getattr(expected, name))


def test_a_memory_map_is_an_array(rgb, tmp_path):
    found = fastbg.remove_background(memmapped(rgb, tmp_path), **OPTIONS)
    assert type(found.corrected) is np.ndarray


@pytest.mark.parametrize("axis", some([0, 1, -1], [0, 1, 2, -1, -2, -3, np.int64(0)]))
def test_results_have_the_channel_axis_of_the_image(rgb, result, axis):
    weight = np.ones(rgb.shape, "f4")
    weight[:20, :20] = 0
    expected = fastbg.remove_background(rgb, weight=weight, **OPTIONS)
    moved, weight_moved = (np.moveaxis(each, -1, axis) for each in (rgb, weight))
    for given in (weight_moved, weight[..., 0]):
        found = fastbg.remove_background(moved, weight=given, channel_axis=axis, **OPTIONS)
        for name in ("corrected", "background"):
            array = getattr(found, name)
            assert array.shape == moved.shape
            assert array.flags.c_contiguous
            np.testing.assert_array_equal(np.moveaxis(array, axis, -1), getattr(expected, name))


def test_masks_and_containers_have_the_channel_axis_too(rgb):
    mask = np.zeros(rgb.shape, bool)
    mask[10:20, 10:30, 1] = True
    first, mask_first = np.moveaxis(rgb, -1, 0), np.moveaxis(mask, -1, 0)
    expected = fastbg.remove_background(np.ma.MaskedArray(rgb, mask), **OPTIONS).corrected
    given = np.ma.MaskedArray(first, mask_first)
    found = fastbg.remove_background(given, channel_axis=0, **OPTIONS).corrected
    np.testing.assert_array_equal(np.moveaxis(found.data, 0, -1), expected.data)
    np.testing.assert_array_equal(found.mask, mask_first)
    pixels = mask[..., 1]
    expected = fastbg.remove_background(NDData(rgb, mask=pixels), **OPTIONS)
    given = NDData(first, mask=pixels)
    found = fastbg.remove_background(given, channel_axis=0, **OPTIONS)
    np.testing.assert_array_equal(np.moveaxis(found.corrected.data, 0, -1), expected.corrected.data)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_an_image_of_two_axes_is_mono_whatever_the_axis(mono, axis):
    found = fastbg.remove_background(mono, channel_axis=axis, **OPTIONS)
    assert found.corrected.shape == SHAPE


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_that_come_first_are_recognised(rgb, channels):
    first = np.moveaxis(rgb, -1, 0)[:channels]
    with pytest.raises(InputError, match=r"channels first: give channel_axis=0, or numpy.moveaxis"):
        fastbg.remove_background(first)
    found = fastbg.remove_background(first, channel_axis=0, **OPTIONS)
    assert found.corrected.shape == first.shape


@pytest.mark.parametrize(
    ("axis", "given", "words"),
    [(1, -1, "on its second axis: give channel_axis=1"), (2, 0, "last: give channel_axis=2")],
)
def test_channels_on_another_axis_than_is_said_are_recognised(rgb, axis, given, words):
    image = np.moveaxis(rgb, -1, axis)
    with pytest.raises(InputError, match=words) as caught:
        fastbg.remove_background(image, channel_axis=given)
    cure = str(caught.value).partition(" or ")[2]
    moved = eval(cure, {"numpy": np, "image": image})
    fastbg.remove_background(moved, channel_axis=given, **OPTIONS)


@pytest.mark.parametrize("axis", [3, -4, 0.0, "0", True, [0], np.nan])
def test_other_axes_are_refused(rgb, axis):
    with pytest.raises(SettingsError, match="the channel_axis must be 0, 1, 2, -1, -2 or -3, not"):
        fastbg.remove_background(rgb, channel_axis=axis)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ("m94.fits", r"m94\.fits is no array: process_file, fit_file and apply_model take files"),
        (None, "an image must be an array of numbers, not None"),
        ([[1, 2], [3]], "is no array .*: give one of numbers"),
        (5, "an image must be an array of numbers, not 5"),
        (np.empty((0, 5)), r"of shape \(0, 5\) cannot be used"),
        (np.empty((0, 5, 3)), r"of shape \(0, 5, 3\) cannot be used"),
        (np.ones((9, 9), "U1"), "type <U1 cannot be used"),
        (np.ones((9, 9), complex), "type complex128 cannot be used"),
    ],
)
def test_what_is_no_image_is_refused(given, cause):
    with pytest.raises(InputError, match=cause):
        fastbg.remove_background(given)


def test_a_model_is_taken_out_of_another_array(rgb, result):
    found = fastbg.apply(result.model, rgb)
    np.testing.assert_array_equal(found.corrected, result.corrected)
    np.testing.assert_array_equal(found.background, result.background)
    assert found.scale.tolist() == [1, 1, 1]
    assert found.model == result.model
    first = fastbg.apply(result.model, np.moveaxis(rgb, -1, 0), channel_axis=0)
    np.testing.assert_array_equal(np.moveaxis(first.corrected, 0, -1), found.corrected)
    assert first.corrected.flags.c_contiguous


def test_apply_does_to_arrays_what_apply_model_does_to_files(rgb, result, tmp_path):
    from fastbg.io import xisf

    source, saved, output = (tmp_path / name for name in ("a.xisf", "sky.json", "b.xisf"))
    other = (2 * rgb + 0.01).astype("f4")
    xisf.write(source, other)
    result.model.save(saved)
    options = {"rescale": True, "mode": "divide", "pedestal": 0.1}
    report = fastbg.apply_model(saved, source, output=output, **options)
    found = fastbg.apply(saved, other, **options)
    with xisf.open_image(output) as image:
        np.testing.assert_array_equal(found.corrected, image.to_array())
    assert found.report["model"] == report["model"]
    assert found.scale.tolist() == report["model"]["scale"]


def test_apply_keeps_the_kind_of_an_array(rgb, result):
    mask = np.zeros(rgb.shape, bool)
    mask[:9] = True
    expected = fastbg.apply(result.model, rgb, pedestal=0.1).corrected
    found = fastbg.apply(result.model, CCDData(rgb, unit="adu", mask=mask), pedestal=0.1)
    assert type(found.corrected) is CCDData
    np.testing.assert_array_equal(found.corrected.data[:9], rgb[:9])
    np.testing.assert_array_equal(found.corrected.data[9:], expected[9:])


def test_models_that_do_not_fit_are_refused(mono, result, tmp_path):
    with pytest.raises(InputError, match="the image has 1 channel and the model 3"):
        fastbg.apply(result.model, mono)
    with pytest.raises(InputError, match="process_file, fit_file and apply_model take files"):
        fastbg.apply(result.model, "a.fits")
    with pytest.raises(InputError, match=r"ArrayResult: give its \.model"):
        fastbg.apply(result, mono)
    with pytest.raises(InputError, match=r"sky\.json"):
        fastbg.apply(tmp_path / "sky.json", mono)


@pytest.mark.idle_settings
def test_a_result_is_drawn(rgb, mono):
    for image, options in (
        (rgb, {}),
        (np.ma.MaskedArray(mono, mono > 0.1), {"weight": np.ones(SHAPE)}),
        (mono, {"cfa": "RGGB"}),
        (np.moveaxis(rgb, -1, 0), {"channel_axis": 0}),
    ):
        result = fastbg.remove_background(image, **OPTIONS, **options)
        picture = fastbg.plot(result, "A title")
        assert picture.width == 1600
        assert picture.height > 800
        assert len(picture._repr_png_()) > 10_000  # as a notebook shows it
        assert picture.tobytes() == fastbg.plot(result, "A title").tobytes()


def test_a_plot_is_the_preview_of_the_same_image(rgb, tmp_path):
    from PIL import Image

    from fastbg.io import xisf

    xisf.write(tmp_path / "a.xisf", rgb)
    fastbg.preview_file(tmp_path / "a.xisf", tmp_path / "a.png", fit=True, **OPTIONS)
    drawn = fastbg.plot(fastbg.remove_background(rgb, **OPTIONS), "a.xisf")
    assert drawn.tobytes() == Image.open(tmp_path / "a.png").tobytes()


def test_a_model_that_was_applied_is_drawn_without_a_fit(rgb, result):
    applied = fastbg.plot(fastbg.apply(result.model, rgb))
    assert 300 < applied.height < fastbg.plot(result).height


def test_what_holds_no_pixels_cannot_be_drawn(result):
    for other in (result.model, None, "a.fits"):
        with pytest.raises(InputError, match="holds no pixels to plot: give the result of"):
            fastbg.plot(other)


def everything(result, rgb):
    applied = fastbg.apply(result.model, rgb)
    return {
        "result": result,
        "applied": applied,
        "model": result.model,
        "settings": Settings(**OPTIONS),
        "defaults": Settings(),
        "report": result.report,
        "diagnostics": result.diagnostics,
        "fit": result.fit,
        "spline": result.spline,
        "stretch": result.model.stretch,
        "descent": result.fit.descent,
        "sky": simulate_sky(SHAPE, np.random.default_rng(1)),
    }


def test_reprs_are_one_screen_at_most(result, rgb):
    for name, each in everything(result, rgb).items():
        lines = repr(each).splitlines()
        assert len(lines) <= 20, name
        assert len(repr(each)) <= 1800, name
        assert "array(" not in repr(each), name


def test_the_repr_of_settings_is_what_differs_and_makes_them_again():
    assert repr(Settings()) == "Settings()"
    settings = Settings(seed=3, protect="off", control_points=12)
    assert repr(settings) == "Settings(control_points=12, protect='off', seed=3)"
    assert eval(repr(settings)) == settings


def test_the_repr_of_a_result_tells_what_matters(result, rgb):
    shown = repr(result)
    assert "9 control points of order 2, 3 channels, fitted to 80 x 64 pixels" in shown
    assert "after; the model is uncertain by" in shown
    assert "ndarray of shape (64, 80, 3)" in shown
    for line in result.report["warnings"]:
        assert line[:60] in shown
    assert "scale       1 1 1" in repr(fastbg.apply(result.model, rgb))
    assert repr(result.report).startswith("Report (dict(report) shows all of it)\n  gradient ")


@pytest.mark.parametrize(
    "copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy, copy.deepcopy]
)
def test_results_are_pickled_and_copied(result, rgb, copied):
    for name, each in everything(result, rgb).items():
        again = copied(each)
        assert type(again) is type(each), name
        assert repr(again) == repr(each), name
    again = copied(result)
    np.testing.assert_array_equal(again.corrected, result.corrected)
    assert again.model == result.model
    assert again.report == result.report
    assert fastbg.plot(again).tobytes() == fastbg.plot(result).tobytes()


def test_results_are_compared_and_hashed(result, rgb):
    for name, each in everything(result, rgb).items():
        again = copy.deepcopy(each)
        assert each == each, name
        assert isinstance(each == again, bool), name
        assert each != 3, name
        if name != "report":  # a dict
            assert isinstance(hash(each), int), name


def test_two_threads_get_what_one_gets(rgb, result):
    with ThreadPoolExecutor(4) as pool:
        images = [rgb, rgb * 2] * 4
        found = list(pool.map(lambda image: fastbg.remove_background(image, **OPTIONS), images))
    for each in found[::2]:
        np.testing.assert_array_equal(each.corrected, result.corrected)
    for each in found[1::2]:
        np.testing.assert_array_equal(each.corrected, found[1].corrected)

from __future__ import annotations

import numpy as np
import pytest
from images import filling, image_of, recorded

from fastbg.backends import c
from fastbg.errors import InputError
from fastbg.image import bands as bands_module
from fastbg.image.downscale import downscale_weight
from fastbg.image.image import Image
from fastbg.image.weights import inverted, weight_from_image, weight_from_thresholds


def weight_image(samples):
    """As `remove_background` takes a weight, (H, W) or (H, W, K)."""
    return Image.from_samples(np.asarray(samples, np.float32))


def test_thresholds_include_their_ends():
    values = [0, 0.1, 0.1001, 0.5, 0.9, 0.90001, 1, np.nan]
    for dtype in (np.float32, np.float64):
        stretched = np.array(values, dtype).reshape(2, 4, 1)
        weight = weight_from_thresholds(stretched, 0.1, 0.9)
        assert weight.dtype == np.float32
        assert weight.ravel().tolist() == [0, 1, 1, 1, 1, 0, 0, 0]


def test_thresholds_look_at_every_channel_alone(rng):
    stretched = rng.random((6, 7, 3))
    weight = weight_from_thresholds(stretched, 0.3, 0.6)
    assert np.array_equal(weight == 1, (stretched >= 0.3) & (stretched <= 0.6))
    assert set(np.unique(weight)) == {0, 1}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("function", ["median", "mean"])
def test_a_weight_image_is_reduced_like_the_image(rng, channels, function):
    stretched = rng.random((4, 5, 3))
    weight = weight_image(rng.random((15, 18, channels)))
    found = weight_from_image(weight, (15, 18), stretched, 4, function)
    assert found.shape == stretched.shape
    assert found.dtype == np.float32
    expected = downscale_weight(weight, 4, function)
    assert np.array_equal(found, np.broadcast_to(expected, stretched.shape))


def test_a_plain_weight_image_serves_all_channels(rng):
    stretched = rng.random((4, 5, 3))
    weight = rng.random((15, 18)) < 0.5
    found = weight_from_image(weight_image(weight), (15, 18), stretched, 4, "mean")
    for channel in np.moveaxis(found, 2, 0):
        assert np.array_equal(channel, found[..., 0])
    assert found[0, 0, 0] == pytest.approx(weight[:4, :4].mean())


@pytest.mark.parametrize("way", ["c", "numpy"])
@pytest.mark.parametrize("function", ["median", "mean"])
def test_zeros_are_weights_like_any_other(monkeypatch, function, way):
    if way == "numpy":
        monkeypatch.setattr(c, "unavailable", lambda: "not wanted here")
    stretched = np.full((1, 3, 1), 0.3, np.float32)
    weight = np.zeros((2, 6), np.float32)
    weight[0, 2] = weight[:, 4] = weight[0, 5] = 1
    found = weight_from_image(weight_image(weight), (2, 6), stretched, 2, function)
    # If zeros were missing, the blocks would have NaN, 1 and 1.
    expected = {"median": [0, 0, 1], "mean": [0, 0.25, 0.75]}
    assert found.ravel().tolist() == expected[function]


def test_missing_pixels_have_no_weight(rng):
    stretched = rng.random((4, 5, 3))
    stretched[1, 2, 0] = np.nan
    found = weight_from_image(weight_image(np.ones((15, 18))), (15, 18), stretched, 4, "median")
    expected = np.ones_like(stretched)
    expected[1, 2, 0] = 0
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_weights_are_planar_as_the_image_is_so_that_evaluators_need_no_copy(rng, channels):
    stretched = np.moveaxis(rng.random((3, 4, 5), np.float32), 0, 2)
    weight = weight_image(rng.random((15, 18, channels)))
    for found in (
        weight_from_thresholds(stretched, 0.2, 0.8),
        weight_from_image(weight, (15, 18), stretched, 4, "mean"),
    ):
        assert found.dtype == np.float32
        assert np.moveaxis(found, 2, 0).flags.c_contiguous


@pytest.mark.parametrize("fills", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_inverted_weight_is_its_complement(rng, channels, fills):
    planes = rng.random((channels, 15, 18), np.float32)
    planes[:, :3], planes[:, 3:6] = 0, 1
    before, weight = planes.copy(), image_of(planes)
    other = inverted(filling(weight) if fills else weight)
    assert (other.channels, other.shape) == (weight.channels, weight.shape)
    assert np.array_equal(other.planes(), 1 - before)
    assert np.array_equal(other.rows(slice(4, 9)), 1 - before[:, 4:9])
    room = np.empty((channels, 11, 18), np.float32)
    assert np.array_equal(other.read(slice(4, 9), room), 1 - before[:, 4:9])
    assert np.array_equal(planes, before), "what the source lends is not changed"
    assert np.array_equal(
        inverted(inverted(weight_image(before[0] > 0.5))).planes(), before[:1] > 0.5
    )


def test_an_inverted_weight_image_counts_what_was_ignored(rng):
    stretched = rng.random((4, 5, 1))
    mask = rng.random((15, 18)) < 0.4
    found = weight_from_image(inverted(weight_image(mask)), (15, 18), stretched, 4, "mean")
    expected = weight_from_image(weight_image(~mask), (15, 18), stretched, 4, "mean")
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bands_and_threads_do_not_show(rng, monkeypatch, threads):
    weight, stretched = weight_image(rng.random((40, 18))), rng.random((10, 5, 3))
    whole = weight_from_image(weight, (40, 18), stretched, 4, "median")
    for pixels in (1, 8 * 18):
        monkeypatch.setattr(bands_module, "BAND_PIXELS", pixels)
        image, reads = recorded(filling(weight))
        found = weight_from_image(image, (40, 18), stretched, 4, "median", threads)
        assert np.array_equal(found, whole)
        assert len(reads) > 4


@pytest.mark.parametrize(
    ("weight", "cause"),
    [
        (np.ones((15, 17)), "17 x 15 pixels and the image 18 x 15"),
        (np.ones((18, 15)), "15 x 18 pixels"),
        (np.ones((15, 18, 2)), "2 channels"),
        (np.ones((15, 18, 4)), "4 channels"),
        (np.full((15, 18), 255.0), "values from 255 to 255"),
        (np.linspace(-0.1, 1, 270).reshape(15, 18), "values from -0.1 to 1"),
        (np.full((15, 18), np.nan), "values from nan"),
        (np.full((15, 18), np.inf), "values from inf"),
    ],
)
def test_a_weight_image_that_does_not_fit_is_refused_in_one_line(weight, cause):
    with pytest.raises(InputError, match=cause) as e:
        weight_from_image(weight_image(weight), (15, 18), np.zeros((4, 5, 3)), 4, "median")
    assert "\n" not in str(e.value)


def test_a_weight_in_colours_does_not_fit_a_mono_image():
    with pytest.raises(InputError, match="3 channels and the image 1: give a mask of one") as e:
        weight_from_image(
            weight_image(np.ones((15, 18, 3))), (15, 18), np.zeros((4, 5, 1)), 4, "median"
        )
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("bad", [-1e-6, 1.000001, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 39, 17), (1, 20, 3), (2, 39, 0), (2, 17, 17)])
@pytest.mark.parametrize("threads", [1, 2])
def test_one_bad_value_is_refused_wherever_it_lies(rng, monkeypatch, bad, place, threads):
    monkeypatch.setattr(bands_module, "BAND_PIXELS", 5 * 18)
    planes = rng.random((3, 40, 18), np.float32)
    planes[place] = bad
    stretched = np.zeros((10, 5, 3))
    for image in (image_of(planes), inverted(image_of(planes))):
        with pytest.raises(InputError, match=r"the mask has values from .*: rescale it to 0") as e:
            weight_from_image(image, (40, 18), stretched, 4, "median", threads)
        assert "\n" not in str(e.value)

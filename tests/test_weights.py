from __future__ import annotations

import numpy as np
import pytest

from fastbg.downscale import downscale_weight
from fastbg.errors import InputError
from fastbg.image import Image
from fastbg.weights import inverted, weight_from_image, weight_from_thresholds


def as_image(weight):
    return Image.from_samples(np.asarray(weight, np.float32))


def test_thresholds_include_their_ends():
    stretched = np.array([0, 0.1, 0.1001, 0.5, 0.9, 0.90001, 1, np.nan]).reshape(2, 4, 1)
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
    weight = rng.random((15, 18, channels))
    found = weight_from_image(as_image(weight), (15, 18), stretched, 4, function)
    assert found.shape == stretched.shape
    expected = downscale_weight(as_image(weight), 4, function)
    assert np.array_equal(found, np.broadcast_to(expected, stretched.shape))


def test_a_plain_weight_image_serves_all_channels(rng):
    stretched = rng.random((4, 5, 3))
    weight = rng.random((15, 18)) < 0.5
    found = weight_from_image(as_image(weight), (15, 18), stretched, 4, "mean")
    for channel in np.moveaxis(found, 2, 0):
        assert np.array_equal(channel, found[..., 0])
    assert found[0, 0, 0] == pytest.approx(weight[:4, :4].mean())


def test_missing_pixels_have_no_weight(rng):
    stretched = rng.random((4, 5, 3))
    stretched[1, 2, 0] = np.nan
    found = weight_from_image(as_image(np.ones((15, 18))), (15, 18), stretched, 4, "median")
    expected = np.ones_like(stretched)
    expected[1, 2, 0] = 0
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("weight", "cause"),
    [
        (np.ones((15, 17)), "17 x 15 pixels and the image 18 x 15"),
        (np.ones((18, 15)), "15 x 18 pixels"),
        (np.full((15, 18), 255.0), "values from 255 to 255"),
        (np.linspace(-0.1, 1, 270).reshape(15, 18), "values from -0.1 to 1"),
        (np.full((15, 18), np.nan), "values from nan"),
    ],
)
def test_a_weight_image_that_does_not_fit_is_refused_in_one_line(weight, cause):
    with pytest.raises(InputError, match=cause) as e:
        weight_from_image(as_image(weight), (15, 18), np.zeros((4, 5, 3)), 4, "median")
    assert "\n" not in str(e.value)


def test_a_wrong_value_is_found_wherever_it_lies(rng):
    weight = rng.random((15, 18)).astype(np.float32)
    for row, column in ((0, 0), (7, 9), (14, 17)):
        bad = weight.copy()
        bad[row, column] = 1.5
        with pytest.raises(InputError, match=r"to 1\.5"):
            weight_from_image(as_image(bad), (15, 18), np.zeros((4, 5, 3)), 4, "median")


def test_inverted(rng):
    weight = rng.random((15, 18)).astype(np.float32)
    assert np.array_equal(inverted(as_image(weight)).planes()[0], 1 - weight)


def test_a_colour_weight_does_not_fit_a_mono_image(rng):
    weight = as_image(rng.random((15, 18, 3)))
    with pytest.raises(InputError, match="3 channels and the image 1"):
        weight_from_image(weight, (15, 18), np.zeros((4, 5, 1)), 4, "median")

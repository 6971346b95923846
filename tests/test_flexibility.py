"""The setting ``flexibility``: which candidate is the sky, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from cases import some

import scenes
from fastbg import Settings, SettingsError, remove_background
from fastbg.settings.checked import MOST_FLEXIBLE
from fastbg.sky.panels import CANDIDATES as OF_PANELS
from fastbg.sky.selection import CANDIDATES

SHAPE = (320, 480)


def told(result):
    return result.report["sky"]["candidates"]


@pytest.mark.parametrize(
    ("kind", "channels"),
    some(
        [("light dome", 1), ("twilight", 3), ("mosaic of four", 3)],
        [
            *(("star field", 1), ("light dome", 1), ("moon", 1), ("galaxy", 1), ("nightscape", 1)),
            *(("twilight", 3), ("narrow dome", 3), ("quantised", 1)),
            ("mosaic of four", 3),
        ],
    ),
)
def test_the_automatic_number_by_hand_is_the_automatic_surface(kind, channels):
    image = scenes.simulate(kind, SHAPE, 1).image[..., :channels]
    automatic = remove_background(image)
    number = told(automatic)["automatic"]
    assert told(automatic)["flexibility"] == number
    assert not automatic.report["sky"]["glow"]
    by_hand = remove_background(image, flexibility=number)
    assert by_hand.background.tobytes() == automatic.background.tobytes()
    assert by_hand.report["sky"] == automatic.report["sky"]
    assert by_hand.report["diagnostics"] == automatic.report["diagnostics"]


def test_every_number_is_the_candidate_of_that_number():
    image = scenes.simulate("light dome", SHAPE, 0).image[..., :1]
    results = [remove_background(image, flexibility=n + 1) for n in range(MOST_FLEXIBLE)]
    assert len(CANDIDATES) == MOST_FLEXIBLE
    automatic = told(remove_background(image))["automatic"]
    for number, (result, (_, stiffness)) in enumerate(zip(results, CANDIDATES, strict=True), 1):
        assert told(result)["flexibility"] == number
        assert told(result)["automatic"] == automatic
        assert result.report["sky"]["stiffness"] == stiffness
        assert len(told(result)["explained"]) >= number
    gradients = [result.diagnostics.gradient()[1] for result in results]
    assert min(gradients[automatic - 1 :]) < 0.3 * gradients[0]
    # A plane is a plane.
    plane = results[0].background[..., 0].astype(np.float64)
    assert np.abs(np.diff(plane, n=2, axis=0)).max() < 1e-6


def test_where_a_mask_is_obeyed():
    image = scenes.simulate("light dome", SHAPE, 0).image[..., :1]
    automatic = remove_background(image, weight=np.ones(SHAPE))
    number = told(automatic)["automatic"]
    by_hand, other = (
        remove_background(image, weight=np.ones(SHAPE), flexibility=each)
        for each in (number, number % 10 + 1)
    )
    assert by_hand.background.tobytes() == automatic.background.tobytes()
    assert other.background.tobytes() != automatic.background.tobytes()
    assert (told(other)["flexibility"], told(other)["automatic"]) == (number % 10 + 1, number)


def test_a_mosaic_has_candidates_of_its_own():
    image = scenes.simulate("mosaic of four", SHAPE, 1).image
    found = [remove_background(image, flexibility=number) for number in (1, 4, 10)]
    assert all(each.report["sky"]["panels"] == 4 for each in found)
    assert [told(each)["flexibility"] for each in found] == [1, len(OF_PANELS), len(OF_PANELS)]
    assert found[0].background.tobytes() != found[1].background.tobytes()
    assert found[1].background.tobytes() == found[2].background.tobytes()


def test_shapes_of_all_channels_take_the_number_too():
    """The channels are multiples of one shape where that costs less than the surfaces wanted."""
    image = scenes.simulate("large nebula", SHAPE, 0).image
    for number in (2, 6, 9):
        result = remove_background(image, flexibility=number)
        assert told(result)["flexibility"] == number
        assert np.isfinite(result.background).all()


def test_few_cells_have_fewer_candidates(rng):
    small = rng.normal(0.1, 0.01, (4, 6)).astype(np.float32)
    result = remove_background(small, flexibility=10, downscaling_factor=1)
    assert told(result)["flexibility"] < 10


def test_beside_control_points_it_counts_where_a_sky_is_found():
    assert Settings(flexibility=3, control_points=9).idle == ["flexibility"]
    assert not Settings(flexibility=3, control_points=9, protect="always").idle
    assert not Settings(flexibility=3).idle
    assert Settings(flexibility="auto") == Settings()


@pytest.mark.parametrize("value", [-1, 11, 1.5, "stiff", True, None])
def test_what_is_no_candidate_is_one_line(value):
    with pytest.raises(SettingsError, match="flexibility") as error:
        Settings(flexibility=value)
    assert "\n" not in str(error.value)

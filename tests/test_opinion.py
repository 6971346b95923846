"""A descent beside the search, and a descent on the weights of the sky that was found."""

from __future__ import annotations

import numpy as np
import pytest
from cases import some

import scenes
from fastbg import Settings, remove_background
from fastbg.cli.summary import _told_opinion

SHAPE = (400, 600)


@pytest.mark.parametrize(
    "name",
    some(
        ["nightscape"],
        ["large nebula", "nightscape", "star field", "galaxy", "quantised"],
    ),
)
def test_a_descent_is_not_worse_with_protection(name):
    scene = scenes.simulate(name, SHAPE, 2)
    options = {"control_points": 36, "initializer": "grid", "downscaling_factor": 4}
    errors = {
        how: scenes.error(remove_background(scene.image, protect=how, **options).background, scene)
        for how in ("off", "strong")
    }
    assert errors["strong"] < errors["off"] + 0.01
    assert errors["strong"] < 0.25


def test_a_stiffness_that_is_given_is_taken(rng):
    scene = scenes.simulate("large nebula", (200, 300), 2)
    options = {"control_points": 16, "initializer": "grid", "protect": "strong"}
    chosen, stiff = (
        remove_background(scene.image, stiffness=stiffness, **options).background
        for stiffness in ("auto", 100)
    )
    assert np.ptp(np.diff(stiff[..., 0], 2, axis=0)) < np.ptp(np.diff(chosen[..., 0], 2, axis=0))


def test_a_second_opinion_changes_nothing_and_tells_where():
    scene = scenes.simulate("star field", (200, 300), 1)
    plain = remove_background(scene.image)
    asked = remove_background(scene.image, second_opinion=True, epochs=200)
    np.testing.assert_array_equal(plain.background, asked.background)
    assert plain.opinion is None
    assert "second_opinion" not in plain.report
    told = asked.report["second_opinion"]
    assert 0 <= told["y"] <= 1 and 0 <= told["x"] <= 1  # noqa: PT018
    assert told["uncertainty"] > 0
    assert asked.opinion.agrees == (abs(told["difference"]) <= told["uncertainty"])
    # Where the descent is no nonsense, it differs by little of the gradient.
    assert abs(told["difference"]) < 0.5 * np.ptp(scene.background)


@pytest.mark.idle_settings
def test_settings_of_the_descent_have_an_effect_on_a_second_opinion():
    assert Settings(second_opinion=True, epochs=5, order=3).idle == []
    assert Settings(second_opinion=True, control_points=9).idle == ["second_opinion"]
    assert Settings(second_opinion=True, learning_rate=0.1).idle == ["learning_rate"]


def test_an_opinion_is_told_in_one_line():
    told = {"y": 0.98, "x": 0.05, "difference": -3e-4, "uncertainty": 1e-4}
    line = _told_opinion(told)
    assert "98 % of the height and 5 % of the width" in line
    assert "0.0003 below" in line
    assert "3 times" in line
    assert "agrees" in _told_opinion({**told, "difference": 5e-5})

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from fastbg import Settings, SettingsError, load_preset, process_file, remove_background
from fastbg.image.patterns import BAYER_PATTERNS
from fastbg.io import xisf

IMPOSSIBLE = [
    ({"downscaling_factor": 0}, "downscaling factor must be a whole number of at least 1"),
    ({"downscaling_factor": -8}, "downscaling factor"),
    ({"downscaling_factor": 2.5}, "downscaling factor"),
    ({"downscaling_func": "max"}, "downscaling function must be median or mean, not max"),
    ({"quantile": 0}, r"quantile must lie in \(0, 1\]"),
    ({"quantile": 1.01}, "quantile"),
    ({"quantile": -0.5}, "quantile"),
    ({"quantile": math.nan}, "quantile"),
    ({"control_points": -1}, "number of control points must be a whole number of at least 0"),
    ({"control_points": 3.5}, "number of control points"),
    ({"order": 0}, "order must be 1, 2, 3 or 4, not 0"),
    ({"order": 5}, "order"),
    ({"threshold_min": 0.5, "threshold_max": 0.5}, "lower threshold .* below the upper"),
    ({"threshold_min": 0.9, "threshold_max": 0.1}, "lower threshold"),
    ({"threshold_min": math.nan}, "threshold"),
    ({"threshold_max": math.nan}, "threshold"),
    ({"invert_mask": "yes"}, "choice to invert the mask must be False or True, not yes"),
    ({"initializer": "hexagons"}, "initializer must be random or grid"),
    ({"optimizer": "newton"}, "optimizer must be lbfgs or adam, not newton"),
    ({"epochs": 0}, "number of epochs"),
    ({"epochs": 10.5}, "number of epochs"),
    ({"alpha": -1}, "alpha must lie in 0"),
    ({"alpha": math.nan}, "alpha"),
    ({"alpha": math.inf}, "alpha"),
    ({"stiffness": -1}, "stiffness must lie in 0"),
    ({"stiffness": math.nan}, "stiffness"),
    ({"starts": 0}, "number of starts"),
    ({"starts": 1.5}, "number of starts"),
    ({"learning_rate": 0}, "learning rate must be positive"),
    ({"learning_rate": -1e-3}, "learning rate"),
    ({"learning_rate": math.nan}, "learning rate"),
    ({"learning_rate": math.inf}, "learning rate"),
    ({"seed": -1}, "seed"),
    ({"seed": 1.5}, "seed"),
    (
        {"pedestal": "median"},
        "pedestal must be model-median, neutral, none, bgoptimizer or a number",
    ),
    ({"pedestal": "a number"}, "pedestal"),
    ({"pedestal": math.nan}, "pedestal must be a finite number"),
    ({"pedestal": -math.inf}, "pedestal must be a finite number"),
    ({"strength": 1.5}, "strength must be a number from 0 to 1, or a percentage like 80%, not 1.5"),
    ({"strength": -0.1}, "strength must be a number from 0 to 1"),
    ({"strength": "120%"}, "strength must be a number from 0 to 1"),
    ({"strength": "half"}, "strength must be a number from 0 to 1"),
    ({"strength": True}, "strength"),
    ({"strength": math.nan}, "strength"),
    ({"mode": "add"}, "mode must be subtract or divide"),
    ({"mode": "divide", "pedestal": "ancestor"}, "bgoptimizer belongs to subtraction"),
    ({"backend": "fortran"}, "backend must be auto, c, cuda or numpy"),
    ({"threads": -1}, "number of threads"),
    ({"threads": 1.5}, "number of threads"),
    ({"gpu_memory": -1}, "memory of the GPU"),
]


@pytest.mark.parametrize(("options", "cause"), IMPOSSIBLE, ids=[str(o) for o, _ in IMPOSSIBLE])
def test_impossible_values_are_refused_in_one_line(options, cause):
    with pytest.raises(SettingsError, match=cause) as e:
        Settings(**options)
    assert "\n" not in str(e.value)
    with pytest.raises(SettingsError):
        dataclasses.replace(Settings(), **options)


@pytest.mark.parametrize(
    "options",
    [
        {"quantile": 1, "downscaling_factor": 1, "control_points": 1, "epochs": 1},
        {"order": 4, "alpha": 0, "starts": 7, "learning_rate": 10.0, "seed": 2**40},
        {"pedestal": 0.1},
        {"pedestal": -1},
        {"mode": "divide", "pedestal": "neutral"},
        {"threshold_min": -0.5, "threshold_max": 2.0},
        {"backend": "cuda", "threads": 200},
    ],
    ids=str,
)
def test_possible_values_are_taken(options):
    settings = Settings(**options)
    assert {name: getattr(settings, name) for name in options} == options


def test_most_defaults_are_the_ancestors():
    ancestors = {
        "downscaling_func": "median",
        "quantile": 0.95,
        "order": 2,
        "threshold_min": 0.001,
        "threshold_max": 1.0,
        "initializer": "random",
        "epochs": 1000,
        "alpha": 5.0,
        "stiffness": 0.0,
        "starts": 1,
        "learning_rate": 1e-3,
    }
    settings = Settings().to_dict()
    assert {name: settings[name] for name in ancestors} == ancestors


@pytest.mark.parametrize(
    ("shape", "factor"),
    [
        ((40_000, 50_000), 32),
        ((16_000, 24_000), 32),
        ((15_999, 24_000), 16),
        ((8000, 12_000), 16),
        ((7999, 12_000), 8),
        ((1000, 1500), 8),
        ((4000, 960), 8),
        ((959, 4000), 4),
        ((458, 687), 2),
        ((480, 640), 4),
        ((240, 240), 2),
        ((239, 9999), 1),
        ((1, 1), 1),
    ],
)
def test_small_images_are_fitted_at_finer_pixels_and_very_large_ones_at_coarser_ones(shape, factor):
    assert Settings().factor(shape) == factor
    assert Settings(downscaling_factor=8).factor(shape) == 8


def test_the_downscaling_factor_that_was_taken_is_told(rng, tmp_path):
    xisf.write(tmp_path / "a.xisf", rng.normal(1, 0.1, (260, 300, 1)).astype(np.float32))
    report = process_file(tmp_path / "a.xisf", output_dir=tmp_path).report
    assert report["settings"]["downscaling_factor"] == 2
    assert (report["fitted"]["height"], report["fitted"]["width"]) == (130, 150)
    told = load_preset(tmp_path / "a_bgSubtracted.xisf")
    assert told.downscaling_factor == 2


def test_settings_are_immutable_and_come_back_from_their_dict():
    settings = Settings(order=3, pedestal=0.25)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.order = 2
    again = json.loads(json.dumps(settings.to_dict(), allow_nan=False))
    assert Settings(**again) == settings


def test_threads():
    assert Settings(threads=3).worker_threads == 3
    assert Settings(threads=0).worker_threads >= 1


@pytest.mark.parametrize("value", [2.0, True, False, "2", None, np.float64(2), np.bool_(True)])
def test_an_order_is_a_whole_number(value):
    with pytest.raises(SettingsError, match="the order must be 1, 2, 3 or 4, not "):
        Settings(order=value)


@pytest.mark.parametrize("name", ["control_points", "starts", "threads", "seed", "gpu_memory"])
@pytest.mark.parametrize("value", [True, 2.0, np.float32(2)])
def test_no_count_is_a_float_or_a_bool(name, value):
    with pytest.raises(SettingsError, match="whole number"):
        Settings(**{name: value})


def test_a_whole_number_is_the_same_setting_as_its_float():
    numbers = {"strength": 0, "smoothing": 1, "feather": 2, "quantile": 1, "pedestal": 3}
    given = Settings(**numbers)
    wanted = Settings(**{name: float(value) for name, value in numbers.items()})
    assert json.dumps(given.to_dict()) == json.dumps(wanted.to_dict())


def test_numbers_of_numpy_become_plain_ones():
    given = {
        "downscaling_factor": np.int16(4),
        "control_points": np.int64(9),
        "order": np.uint8(2),
        "epochs": np.int32(3),
        "seed": np.uint64(7),
        "quantile": np.float32(0.75),
        "alpha": np.float64(1.5),
        "pedestal": np.float32(0.25),
        "invert_mask": np.bool_(False),
        "initializer": np.str_("grid"),
    }
    settings = Settings(**given)
    for name, value in given.items():
        assert getattr(settings, name) == value
        assert type(getattr(settings, name)) in (int, float, bool, str), name
    image = np.random.default_rng(1).normal(0.1, 0.01, (40, 48)).astype(np.float32)
    report = remove_background(image, settings=settings).report
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize("pattern", BAYER_PATTERNS)
def test_patterns_may_be_spelled_in_any_case(pattern):
    for spelling in (pattern, pattern.lower(), pattern.title()):
        assert Settings(cfa=spelling).cfa == pattern
        assert Settings(cfa=spelling).pattern("BGGR") == pattern
    assert Settings(cfa="off").pattern(pattern) is None
    assert Settings().pattern(pattern) == pattern


def test_the_ancestors_pedestal_is_bgoptimizers():
    assert Settings(pedestal="ancestor") == Settings(pedestal="bgoptimizer")
    assert load_preset("ancestor") == load_preset("bgoptimizer")

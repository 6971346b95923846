"""Warnings: what they say is so, and what they advise helps."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastbg
from fastbg import Settings, process_file, remove_background
from fastbg.diagnostics.whole_frame import WholeFrame
from fastbg.errors import InputError
from fastbg.io import xisf
from fastbg.report.doubts import _wider
from fastbg.report.history import history
from fastbg.simulate import simulate_sky

pytestmark = pytest.mark.idle_settings

SHAPE = (120, 180)
DESCENT = {"control_points": 9, "initializer": "grid", "epochs": 200, "downscaling_factor": 2}


@pytest.fixture(scope="module")
def sky() -> np.ndarray:
    return simulate_sky(SHAPE, np.random.default_rng(4)).image


@pytest.fixture
def file(sky: np.ndarray, tmp_path: Path) -> Path:
    xisf.write(tmp_path / "sky.xisf", sky)
    return tmp_path / "sky.xisf"


def told(result: fastbg.Result | dict[str, Any], of: str) -> list[str]:
    report = result if isinstance(result, dict) else result.report
    return [line for line in report["warnings"] if of in line]


def without_effect(result: fastbg.Result | dict[str, Any]) -> set[str]:
    lines = told(result, " had no effect: ")
    return {name for line in lines for name in line.partition(" had")[0].split(", ")}


# Settings without effect


@pytest.mark.parametrize(
    ("options", "idle"),
    [
        ({"quantile": 0.9, "downscaling_factor": 8}, "quantile"),
        ({"quantile": 0.9, "threshold_max": 0.99}, ""),
        ({"quantile": 0.9, **DESCENT}, ""),
        ({"seed": 3, **DESCENT}, "seed"),
        ({"seed": 3, **DESCENT, "starts": 2}, ""),
        ({"seed": 3, **DESCENT, "initializer": "random"}, ""),
        ({"gpu_memory": 10**9, "backend": "c"}, "gpu_memory"),
        ({"cfa": "off"}, "cfa"),
        ({"white": 2.0}, "white"),
        ({"sample_format": "same"}, "sample_format"),
        ({"downscaling_factor": 1, "downscaling_func": "mean"}, "downscaling_func"),
        ({"downscaling_factor": 4, "downscaling_func": "mean"}, ""),
        ({"feather": 30, "threshold_min": 0}, "feather"),
        ({"feather": 3, "threshold_max": 0.8, "downscaling_factor": 4}, "feather"),
        ({"feather": 9, "threshold_max": 0.8, "downscaling_factor": 4}, ""),
        ({"epochs": 3}, "epochs"),
        ({"learning_rate": 0.1, **DESCENT}, "learning_rate"),
        ({"protect": "off", "pedestal": "none", "mode": "divide", "threads": 1}, ""),
        ({"strength": 0, "mode": "divide"}, "mode"),
        ({"strength": 0.5, "mode": "divide"}, ""),
    ],
    ids=str,
)
def test_a_setting_without_effect_is_told(
    sky: np.ndarray, options: dict[str, Any], idle: str
) -> None:
    result = remove_background(sky, **options)
    assert without_effect(result) == ({idle} if idle else set())
    if idle:
        default = {idle: getattr(Settings(), idle)}
        same = remove_background(sky, **{**options, **default})
        assert np.array_equal(same.corrected, result.corrected)
        assert not without_effect(same)


def test_the_reason_fits_the_setting(sky: np.ndarray) -> None:
    options = {**DESCENT, "seed": 5, "learning_rate": 0.1, "cfa": "off"}
    lines = told(remove_background(sky, **options), "had no effect")
    assert sorted(line.split()[0] for line in lines) == ["cfa", "learning_rate", "seed"]
    assert not any("number of control points" in line for line in lines)


def test_thresholds_beside_a_mask_are_told(sky: np.ndarray) -> None:
    thresholds = {"threshold_min": 0.1, "threshold_max": 0.9}
    masked = remove_background(sky, weight=np.ones(SHAPE), **thresholds)
    assert without_effect(masked) == set(thresholds)
    assert not without_effect(remove_background(sky, **thresholds))


def test_a_filter_array_that_is_turned_off_is_an_effect(tmp_path: Path) -> None:
    frame = np.random.default_rng(2).uniform(0.1, 0.2, (64, 64, 1)).astype(np.float32)
    names = {"declared": ["BAYERPAT= 'RGGB    '"], "plain": []}
    from astropy.io import fits

    for name, cards in names.items():
        header = fits.Header([fits.Card.fromstring(card) for card in cards])
        fits.PrimaryHDU(frame[..., 0], header).writeto(tmp_path / f"{name}.fits")
    idle = {
        name: without_effect(
            process_file(tmp_path / f"{name}.fits", output_dir=tmp_path / "out", cfa="off")
        )
        for name in names
    }
    assert idle == {"declared": set(), "plain": {"cfa"}}


def test_jobs_that_correct_nothing_tell_it(file: Path, tmp_path: Path) -> None:
    of_correction = {"pedestal": "none", "mode": "divide", "strength": 0.5}
    fit = fastbg.fit_file(file, tmp_path / "m.json", **of_correction, **DESCENT)
    assert without_effect(fit) == set(of_correction)
    without = fastbg.fit_file(file, tmp_path / "n.json", **DESCENT)
    assert fit.report["gradient"] == without.report["gradient"]
    preview = fastbg.preview_file(file, tmp_path / "p.png", pedestal="none", **DESCENT)
    assert without_effect(preview) == {"pedestal", "epochs"}
    drawn = fastbg.preview_file(file, tmp_path / "q.png", fit=True, pedestal="none", **DESCENT)
    assert not without_effect(drawn)
    applied = fastbg.apply_model(
        tmp_path / "m.json", file, output_dir=tmp_path, pedestal="none", quantile=0.9
    )
    assert without_effect(applied) == {"quantile"}


def test_a_mosaic_of_which_no_file_tells_may_be_called_mono(rng: np.random.Generator) -> None:
    frame = rng.normal(0.1, 0.001, (96, 96)).astype(np.float32)
    frame[::2, ::2] += 0.05
    assert told(remove_background(frame, downscaling_factor=4), "--cfa off if it is mono")
    off = remove_background(frame, downscaling_factor=4, cfa="off")
    assert not told(off, "cfa")


# Advice


def test_a_larger_quantile_helps_where_it_is_advised(sky: np.ndarray) -> None:
    low = remove_background(sky, **DESCENT, quantile=0.6)
    (line,) = told(low, "above the stretch")
    assert "raise the quantile" in line
    assert not told(remove_background(sky, **DESCENT), "above the stretch")


def test_a_quantile_is_not_advised_where_it_does_nothing() -> None:
    """A sky that falls off towards a masked part, where the model runs below all samples."""
    rng, weight = np.random.default_rng(1), np.ones(SHAPE)
    fall = 0.2 - 0.1 * np.exp((np.linspace(0, 1, SHAPE[0])[:, np.newaxis] - 1) / 0.3)
    image = (fall + rng.normal(0, 1e-3, SHAPE)).astype(np.float32)
    image[90:], weight[90:] = 0.2, 0
    for quantile in (0.95, 0.999):
        lines = told(remove_background(image, weight=weight, quantile=quantile), "clamped")
        assert lines
        assert all("below the stretch" in line for line in lines)
        assert not any("quantile" in line for line in lines)


def ripples() -> np.ndarray:
    y, x = np.mgrid[0:400, 0:600] / np.array([400, 600])[:, None, None]
    noise = np.random.default_rng(0).normal(0, 1e-3, x.shape)
    waves = np.sin(6 * np.pi * x) * np.sin(5 * np.pi * y)
    return (0.1 + 0.01 * x + 0.004 * waves + noise).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"protect": "off"}, {"protect": "strong"}, DESCENT])
def test_a_doubt_is_compared_with_something_else(options: dict[str, Any]) -> None:
    settings = Settings(**{**options, "downscaling_factor": 4})
    lines = told(remove_background(ripples(), settings=settings), "compare with ")
    other = {
        (0, "auto"): "the protection strong",
        (0, "off"): "the protection auto",
        (0, "strong"): "the protection auto",
        (9, "auto"): "another number of control points, or with auto",
    }[settings.control_points, settings.protect]
    assert lines
    assert all(line.endswith(f"compare with {other}") for line in lines)


def test_the_protection_helps_where_it_is_advised(sky: np.ndarray) -> None:
    off, auto = (
        remove_background(sky, downscaling_factor=2, protect=how).report for how in ("off", "auto")
    )
    assert told(off, "compare with the protection auto")
    assert not told(auto, "compare with")
    assert auto["gradient"]["taken_out"] > off["gradient"]["taken_out"]


def test_masking_a_landscape_helps() -> None:
    """Below a glow, a landscape need not be darker than all of the sky."""
    rng, weight = np.random.default_rng(1), np.ones(SHAPE)
    glow = 0.1 + 0.1 * np.exp((np.linspace(0, 1, SHAPE[0])[:, np.newaxis] - 1) / 0.3)
    image = glow + rng.normal(0, 1e-3, SHAPE)
    image[90:], weight[90:] = 0.12 + rng.normal(0, 1e-2, (30, SHAPE[1])), 0
    dark, masked = (
        remove_background(image.astype(np.float32), downscaling_factor=2, weight=each)
        for each in (None, weight)
    )
    assert dark.report["doubts"]
    assert not masked.report["doubts"]


def test_a_share_above_the_whole_is_not_told_as_100_percent() -> None:
    from fastbg.report.warnings import relative

    assert relative(0.3, 1.0) == "30 % of"
    assert relative(4.06, 1.0) == "4.1 times"
    assert relative(338.2, 1.0) == "338 times"
    # "by" stands before it in some sentences.
    assert relative(1.0, 0.0) == "far more than"
    assert relative(1.0, 1e-4) == "far more than"


def test_a_sky_that_had_no_width_gets_no_number() -> None:
    frame = WholeFrame.unknown((4, 5), 1)
    wide = replace(frame, width_before=np.zeros(1), width_after=np.full(1, 0.01))
    (line,) = _wider(wide, "mask it")
    assert line == "the frame got worse: its sky is far wider than before; mask it"


@pytest.mark.parametrize(
    ("image", "options", "cure"),
    [
        ("plain", {"threshold_min": 2.0, "threshold_max": 3.0}, "widen the thresholds"),
        ("plain", {"weight": np.zeros(SHAPE)}, "or invert it"),
        ("plain", {"weight": np.ones(SHAPE), "invert_mask": True}, "or leave inverting out"),
        ("plain", {"quantile": 0.3}, "raise the quantile"),
        ("clipped", {"quantile": 0.999}, "set what is no data to zero"),
    ],
)
@pytest.mark.parametrize("fit", [{}, DESCENT])
def test_the_cure_of_an_error_helps(
    sky: np.ndarray, image: str, options: dict[str, Any], cure: str, fit: dict[str, Any]
) -> None:
    samples = sky if image == "plain" else np.maximum(sky, np.quantile(sky, 0.7))
    with pytest.raises(InputError, match=cure) as error:
        remove_background(samples, **{**fit, **options})
    assert ("quantile" in str(error.value).rpartition(";")[2]) == (cure == "raise the quantile")


# What is told, and what is not


def test_the_gradient_is_the_first_number_of_a_report(sky: np.ndarray) -> None:
    result = remove_background(sky)
    assert next(iter(result.report)) == "gradient"
    gradient = result.report["gradient"]
    before, after, uncertainty = result.diagnostics.gradient()
    assert gradient == {
        "taken_out": 1 - after / before,
        "before": before,
        "after": after,
        "uncertainty": uncertainty,
    }
    assert next(iter(gradient)) == "taken_out"


def test_only_a_descent_has_a_loss(sky: np.ndarray) -> None:
    losses = {"loss", "first_loss", "history", "losses_of_starts", "iterations"}
    found, descent = remove_background(sky), remove_background(sky, **DESCENT)
    assert not losses & found.report["fit"].keys()
    assert losses <= descent.report["fit"].keys()
    lines = [
        " ".join(chain.from_iterable(history(Settings(), each.fit).values()))
        for each in (found, descent)
    ]
    assert ["loss" in line for line in lines] == [False, True]

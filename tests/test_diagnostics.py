"""Diagnostics, of models that are wrong in a known way."""

from __future__ import annotations

import numpy as np
import pytest

import fastbg
from fastbg import remove_background
from fastbg.diagnostics import Diagnostics, diagnose
from fastbg.image.stretch import Stretch
from fastbg.model.model import BackgroundModel
from fastbg.spline.loss import Problem
from fastbg.spline.spline import Spline

SHAPE = (160, 240)
Y, X = ((np.arange(size) + 0.5) / size for size in SHAPE)
NOISE = 0.01
TILT = 0.3 / np.sqrt(12)
"""The standard deviation of a plane that rises by 0.3."""


def plane(rise: float, level: float = 0.4, channels: int = 1) -> Spline:
    """A model that rises from left to right."""
    polynomial = np.repeat([[0.0], [rise], [level - rise / 2]], channels, axis=1)
    return Spline(np.full((36, 2), 0.5), np.zeros((36, channels)), polynomial, 2)


def tilted(rng: np.random.Generator, channels: int = 1) -> np.ndarray:
    """A sky that rises by 0.3, with noise."""
    sky = np.broadcast_to(0.4 + 0.3 * (X - 0.5), SHAPE)[..., np.newaxis]
    return (sky + rng.normal(0, NOISE, (*SHAPE, channels))).astype(np.float32)


def judged(data: np.ndarray, spline: Spline, weight: np.ndarray | None = None) -> Diagnostics:
    """The diagnostics of a spline as the end of a descent, in a space that is linear."""
    channels = data.shape[2]
    weight = np.ones_like(data) if weight is None else weight
    stretch = Stretch(np.zeros(channels), np.ones(channels), np.full(channels, 0.5), 0.5)
    problem = Problem(data, weight, Y, X, 2, 5.0)
    return diagnose(BackgroundModel(spline, stretch, SHAPE), problem, stretch, None)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_right_model_leaves_no_gradient(rng: np.random.Generator, channels: int) -> None:
    diagnostics = judged(tilted(rng, channels), plane(0.3, channels=channels))
    assert diagnostics.gradient_before == pytest.approx(np.full(channels, TILT), rel=0.1)
    assert (diagnostics.gradient_after < 0.01 * TILT).all()
    assert diagnostics.below < 0.01
    assert diagnostics.follows == 0


@pytest.mark.parametrize("rise", [-0.1, 0.0, 0.15, 0.6])
def test_what_a_wrong_model_leaves_is_measured(rng: np.random.Generator, rise: float) -> None:
    diagnostics = judged(tilted(rng), plane(rise))
    assert diagnostics.gradient_after == pytest.approx([abs(0.3 - rise) / np.sqrt(12)], rel=0.1)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_what_is_left_on_purpose_is_told_and_is_no_doubt(
    rng: np.random.Generator, strength: float
) -> None:
    sky = tilted(rng, 3)
    whole = remove_background(sky)
    result = remove_background(sky, strength=strength)
    assert result.background.tobytes() == whole.background.tobytes()
    before, after, _ = result.diagnostics.gradient()
    assert after == pytest.approx((1 - strength) * before, abs=0.02 * before)
    assert result.report["gradient"]["taken_out"] == pytest.approx(strength, abs=0.02)
    assert result.diagnostics.whole_frame.widening == pytest.approx(
        1 - strength * (1 - whole.diagnostics.whole_frame.widening), abs=0.1
    )
    assert result.report["doubts"] == whole.report["doubts"]
    applied = fastbg.apply(result.model, sky, strength=strength)
    assert applied.corrected.tobytes() == result.corrected.tobytes()
    widening = applied.report["whole_frame"]["widening"]
    assert widening == pytest.approx(result.diagnostics.whole_frame.widening, abs=0.1)


def test_its_level_does_not_matter(rng: np.random.Generator) -> None:
    data = tilted(rng)
    one, other = judged(data, plane(0.2)), judged(data, plane(0.2, level=0.3))
    assert other.gradient_after == pytest.approx(one.gradient_after, rel=1e-4)
    assert other.below == one.below


def test_noise_is_no_gradient(rng: np.random.Generator) -> None:
    flat = np.full((*SHAPE, 1), 0.4) + rng.normal(0, NOISE, (*SHAPE, 1))
    diagnostics = judged(flat.astype(np.float32), plane(0))
    assert (diagnostics.gradient_before < 0.5 * diagnostics.noise).all()


def test_what_lies_below_the_model_is_counted(rng: np.random.Generator) -> None:
    data = tilted(rng)
    data[:, :60] -= 0.1
    assert judged(data, plane(0.3)).below == pytest.approx(0.25, abs=0.03)


def test_single_cells_below_the_model_are_noise(rng: np.random.Generator) -> None:
    """As in real frames, whose noise is not normal, or has been smeared over several pixels."""
    data = tilted(rng)
    for corner in ((12, 12), (12, 200), (140, 12), (72, 132), (0, 100), (100, 236)):
        data[tuple(slice(first, first + 4) for first in corner)] -= 0.1
    assert judged(data, plane(0.3)).below == 0
    data[100:112, 60:72] -= 0.1
    assert judged(data, plane(0.3)).below == pytest.approx(12 * 12 / (160 * 240))


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_model_with_the_excluded_object_in_it_follows_it(
    rng: np.random.Generator, sign: int
) -> None:
    away = (Y[:, np.newaxis] - 0.5) ** 2 + (X - 0.5) ** 2
    weight = np.where(away < 0.04, 0, 1).astype(np.float32)[..., np.newaxis]
    centres = np.array([[0.5, 0.5], [0, 0], [0, 1], [1, 0], [1, 1]])
    hill = Spline(centres, sign * np.array([[0.8], *[[-0.2]] * 4]), plane(0.3).polynomial, 2)
    assert sign * judged(tilted(rng), hill, weight).follows > 0.5


def test_the_model_is_least_certain_where_no_sky_is(rng: np.random.Generator) -> None:
    weight = np.ones((*SHAPE, 1), np.float32)
    weight[:80, :120] = 0
    diagnostics = judged(tilted(rng), plane(0.3), weight)
    rows, columns, _ = diagnostics.uncertainty.shape
    hidden = diagnostics.uncertainty[: rows // 4, : columns // 4].mean()
    assert hidden > 3 * diagnostics.uncertainty[rows // 2 :, columns // 2 :].mean()


def test_the_uncertainty_is_that_of_the_fit() -> None:
    """Fits of skies that differ in nothing but noise scatter by about the uncertainty."""
    results = [
        remove_background(
            tilted(np.random.default_rng(seed)), downscaling_factor=2, threshold_max=1
        )
        for seed in range(8)
    ]
    models = np.stack([result.background - result.background.mean() for result in results])
    scatter = np.sqrt(models.var(axis=0, ddof=1).mean())
    told = np.sqrt(np.mean([result.diagnostics.uncertainty**2 for result in results]))
    assert 0.5 * scatter < told < 2 * scatter


def test_units_are_those_of_the_image(rng: np.random.Generator) -> None:
    image = tilted(rng, 3)
    small = remove_background(image, downscaling_factor=2)
    large = remove_background(image * 100, downscaling_factor=2)
    for name in ("gradient_before", "gradient_after", "noise", "uncertainty"):
        one, other = (getattr(result.diagnostics, name) for result in (small, large))
        assert other == pytest.approx(100 * one, rel=0.02), name


@pytest.mark.parametrize("options", [{}, {"control_points": 9, "epochs": 50}])
def test_reports_tell_it(rng: np.random.Generator, options: dict[str, int]) -> None:
    result = remove_background(tilted(rng, 3), downscaling_factor=2, **options)
    told = result.report["diagnostics"]
    assert told["gradient_before"] == result.diagnostics.gradient_before.tolist()
    assert len(told["uncertainty"]["median"]) == 3
    assert not any("gradient" in line for line in result.report["warnings"])


def test_doubts_are_told_in_plain_words(rng: np.random.Generator) -> None:
    image = tilted(rng)
    image[:, 200:] -= 0.3
    # One step of a descent from nowhere near.
    result = remove_background(image, downscaling_factor=2, control_points=4, epochs=1)
    warnings = "\n".join(result.report["warnings"])
    assert "a gradient seems to be left" in warnings
    assert "of the usable frame lies below the model" in warnings


@pytest.mark.parametrize("every", [3, 200])
def test_where_hardly_a_pixel_is_used_nothing_is_known(
    rng: np.random.Generator, every: int
) -> None:
    weight = np.zeros((*SHAPE, 1), np.float32)
    weight[::every, ::every] = 1
    diagnostics = judged(tilted(rng), plane(0.3), weight)
    assert np.isnan(diagnostics.uncertainty).all()
    assert np.isnan(diagnostics.gradient_before).all()

"""Steps at the borders of a merged mosaic, from the pixels beside them."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.mosaic.borders import Borders
from fastbg.mosaic.steps import HALF, STIFFNESSES, Calibration, Strip
from fastbg.spline.panels import FRAME

SHAPE, NOISE, STEP = (96, 128), 1e-3, 8e-3


def _light(rng: np.random.Generator) -> np.ndarray:
    """Stars, and waves of many lengths; (H, W, 2), the second channel is fainter."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = 0.05 + 0.01 * np.sin(x / 17 + y / 23) + 0.004 * np.cos(y / 7 - x / 11)
    for _ in range(40):
        v, u = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1])
        star = np.exp(-((y - v) ** 2 + (x - u) ** 2) / 2.5)
        light = light + min(0.5, 0.002 * rng.pareto(1)) * star
    return np.stack([light, 0.5 * light], axis=2)


def _bordered(rng: np.random.Generator, labels: np.ndarray) -> Borders:
    image = _light(rng) + np.where(labels == 1, STEP, 0)[..., np.newaxis]
    image = np.moveaxis(image + NOISE * rng.standard_normal(image.shape), 2, 0)
    image[:, labels < 0] = 0  # a strip that is missing
    return Borders(SHAPE, lambda rows: image[:, rows], lambda rows: labels[rows])


Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
LABELS = {
    "straight": (X > 60).astype(int),
    "along rows": (Y > 45).astype(int),
    "slanted": (Y > 20 + X // 3).astype(int),
    "round": (np.hypot(Y - 48, X - 64) < 30).astype(int),
    "with a gap": np.where(abs(X - 60) < 3, -1, X > 60),
    "without pixels on the side of a block": (X > 61).astype(int),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS.keys())
def test_steps_are_known_as_well_as_is_told(rng: np.random.Generator, labels: np.ndarray) -> None:
    (found,) = _bordered(rng, labels).differences([FRAME, FRAME])
    assert found.panels == (0, 1)
    off = (found.values + STEP) / found.errors[:, np.newaxis]
    assert np.sqrt(np.mean(off**2)) < 2
    # Of one pixel's step, more than the noise of a pixel would be known.
    mean = np.average(found.values, axis=0, weights=found.errors**-2.0)
    assert np.abs(mean + STEP).max() < NOISE / 2
    at = (found.points[0] * SHAPE).astype(int).T
    assert np.ptp(labels[at[0], at[1]]) <= 2
    assert np.median(found.errors) < NOISE


def test_steps_that_are_none_tell_how_rough_the_light_is(rng: np.random.Generator) -> None:
    y, x = np.mgrid[:32, : 2 * HALF]
    sides = np.repeat([[1] * HALF + [-1] * HALF], 32, axis=0)

    def strips(amplitude: float) -> list[Strip]:
        found = []
        for _ in range(10):
            light = NOISE * rng.standard_normal((*sides.shape, 1))
            for _ in range(6):
                turn, wave = rng.uniform(0, 2 * np.pi, 2)
                way = (np.cos(turn) * x + np.sin(turn) * y) / rng.uniform(7, 14)
                light[..., 0] += amplitude * NOISE * np.sin(2 * np.pi * way + wave)
            found.append(Strip((0, 0), light, sides, np.zeros((32, 2))))
        return found

    smooth, rough = (Calibration.of(strips(amplitude)) for amplitude in (0.0, 3.0))
    assert smooth.stiffness > rough.stiffness
    assert smooth.excess < 1.2
    # What the calibration tells is true of other strips.
    told = [strip.step(rough.stiffness) for strip in strips(3.0)]
    off = np.concatenate([step / (rough.excess * error) for step, error in told])
    assert 0.5 < np.sqrt(np.mean(off**2)) < 1.5


def test_a_strip_of_which_one_side_is_hardly_known_tells_nothing() -> None:
    sides = np.repeat([[1] * HALF + [-1] * HALF], 30, axis=0)
    sides[5:, HALF:] = 0
    strip = Strip((0, 1), np.ones((*sides.shape, 1)), sides, np.zeros((30, 2)))
    assert not strip.tells


def test_an_image_without_noise_has_its_step() -> None:
    sides = np.repeat([[1] * HALF + [-1] * HALF], 30, axis=0)
    values = np.where(sides > 0, 0.25, 0.125)[..., np.newaxis]
    told = Strip((0, 1), values, sides, np.zeros((30, 2))).step(STIFFNESSES[-1])
    np.testing.assert_allclose(told[0], 0.125, rtol=1e-6)
    assert (told[1] < 1e-3).all()

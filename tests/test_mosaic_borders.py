"""Steps at the borders of a merged mosaic, from the pixels beside them."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.mosaic.borders import Borders
from fastbg.mosaic.colours import Colours
from fastbg.mosaic.steps import HALF, WAYS, Calibration, Way
from fastbg.mosaic.strips import Strip
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


SIDES = np.repeat([[1] * HALF + [-1] * HALF], 120, axis=0)


def _strip(values: np.ndarray, sides: np.ndarray = SIDES) -> Strip:
    """A strip of values, (n, m, K), along a line of the length 1."""
    points = np.stack([np.linspace(0, 1, len(values)), np.zeros(len(values))], axis=1)
    return Strip.of((0, 0), values, sides, points)


def _rough(rng: np.random.Generator, amplitude: float) -> np.ndarray:
    """(n, m): waves of 15 to 40 pixels in all directions, of a height in the noise."""
    y, x = np.indices(SIDES.shape)
    light = np.zeros(SIDES.shape)
    for _ in range(12):
        turn, wave = rng.uniform(0, 2 * np.pi, 2)
        way = (np.cos(turn) * x + np.sin(turn) * y) / rng.uniform(15, 40)
        light += amplitude * NOISE * np.sin(2 * np.pi * way + wave)
    return light


def _noise(rng: np.random.Generator, channels: int = 1) -> np.ndarray:
    return NOISE * rng.standard_normal((*SIDES.shape, channels))


def test_steps_that_are_none_tell_how_rough_the_light_is(rng: np.random.Generator) -> None:
    def strips(amplitude: float) -> list[Strip]:
        lights = (_rough(rng, amplitude)[..., np.newaxis] for _ in range(5))
        return [_strip(light + _noise(rng)) for light in lights]

    smooth, rough = (Calibration.of(strips(amplitude), WAYS[3:6]) for amplitude in (0.0, 3.0))
    assert smooth.ways[0].stiffness > rough.ways[0].stiffness
    assert smooth.excess < 1.3
    # What the calibration tells is true of other strips.
    told = [rough.step(strip) for strip in strips(3.0)]
    off = np.concatenate([step / error for _, step, error in told])
    assert 0.5 < np.sqrt(np.mean(off**2)) < 1.5


def test_what_channels_have_in_common_hides_no_step_in_their_differences(
    rng: np.random.Generator,
) -> None:
    colour = np.array([1.0, 0.8, 0.6])
    rough = [_rough(rng, 10.0)[..., np.newaxis] * colour for _ in range(4)]
    strips = [_strip(light + _noise(rng, 3)) for light in rough]
    colours = Colours.of(strips)
    np.testing.assert_allclose(colours.matrix @ colours.back, np.eye(3), atol=1e-9)
    # The last sum has all of the light, and the others have none.
    lit = np.abs(colour @ colours.matrix)
    assert lit[:2].max() < 0.02 * lit[2]
    how = Calibration.of([*map(colours.sums, strips)], WAYS[-2:])
    _, step, error = how.step(colours.sums(_strip(rough[0] + _noise(rng, 3))))
    assert (error[:, :2] < error[:, 2:] / 3).all()
    assert np.abs(step[:, :2]).max() < 5 * error[:, :2].max()


def test_stars_at_the_border_are_left_out(rng: np.random.Generator) -> None:
    y, x = np.indices(SIDES.shape)
    values = _noise(rng)[..., 0]
    for _ in range(60):
        v, u = rng.uniform(0, 120), rng.uniform(HALF - 12, HALF + 1)
        values += 50 * NOISE * np.exp(-((y - v) ** 2 + (x - u) ** 2) / 2.5)
    strip = _strip(values[..., np.newaxis]).without_stars()
    assert 0.3 < (strip.sides[:, HALF - 10 : HALF] == 0).mean() < 0.95
    _, step, _ = WAYS[-1].step(strip)
    assert np.abs(step.mean()) < NOISE / 2


def test_a_strip_of_which_one_side_is_hardly_known_tells_nothing() -> None:
    sides = SIDES.copy()
    sides[5:, HALF:] = 0
    assert not _strip(np.ones((*SIDES.shape, 1)), sides).tells


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_image_without_noise_has_its_step(way: Way) -> None:
    along = np.linspace(-1, 1, len(SIDES))
    true = 0.125 + 0.01 * along
    values = np.where(SIDES > 0, 0.25 + 0.01 * along[:, np.newaxis], 0.125)[..., np.newaxis]
    points, step, error = way.step(_strip(values))
    at = 2 * points[:, 0] - 1
    np.testing.assert_allclose(step[:, 0], np.interp(at, along, true), atol=1e-3)
    assert (error < 1e-3).all()

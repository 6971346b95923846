"""Scales and gradients of frames of one field, from their small copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import slow, some
from numpy.typing import NDArray
from together_frames import NOISE, SHAPE, Frames, field, frames

from fastbg.image.downscale import block_centres
from fastbg.joint.compare import AGAIN, Comparison, compare
from fastbg.joint.composite import composite
from fastbg.joint.detail import noise_of
from fastbg.joint.halos import trusted
from fastbg.joint.solution import Solution
from fastbg.joint.solve import solve
from fastbg.joint.surfaces import STIFFNESSES, Surfaces, penalised
from fastbg.joint.transfer import added, carried
from fastbg.spline.spline import Spline

DEVIATION = 3.5


@pytest.fixture(scope="module")
def surfaces() -> Surfaces:
    return Surfaces(*(block_centres(size, 1) for size in SHAPE))


@pytest.fixture(scope="module")
def known() -> Frames:
    return frames(6)


@pytest.fixture(scope="module")
def found(known: Frames, surfaces: Surfaces) -> Comparison:
    return compared(known.images, surfaces)


def compared(images: NDArray[np.float32], surfaces: Surfaces) -> Comparison:
    return compare(lambda k: images.reshape(len(images), -1).copy(), 1, surfaces, DEVIATION)


def own_gradients(known: Frames) -> NDArray[np.float64]:
    """The gradients without what all share: those with the least sum of squares."""
    a, gradients = known.scales, known.gradients.reshape(len(known.scales), -1)
    return gradients - np.outer(a, a @ gradients / (a @ a))


def best(gradient: NDArray[np.float64], surfaces: Surfaces, seed: int) -> float:
    """The error of the best of all stiffnesses where nothing but the gradient and noise is seen."""
    noisy = gradient + NOISE * np.random.default_rng(seed).standard_normal(gradient.shape)
    products = surfaces.matrix.T.astype(float) @ surfaces.matrix
    slope = surfaces.matrix.T.astype(float) @ noisy
    errors = []
    for stiffness in STIFFNESSES:
        matrix = penalised(products, surfaces.energy, stiffness, len(gradient))
        errors.append(np.std(surfaces.matrix @ np.linalg.solve(matrix, slope) - gradient))
    return float(min(errors))


def test_scales_are_within_half_a_percent(found: Comparison, known: Frames) -> None:
    truth = known.scales / np.exp(np.log(known.scales).mean())
    assert found.scaled
    assert np.abs(found.scale[:, 0] / truth - 1).max() < 0.005


def test_frames_are_solved_again_until_noise_hides_what_changes(
    known: Frames, found: Comparison, surfaces: Surfaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[Solution] = []

    def counted(*how: Any) -> Solution:
        solved.append(solve(*how))
        return solved[-1]

    monkeypatch.setattr("fastbg.joint.compare.solve", counted)
    compared(known.images, surfaces)
    assert 2 <= len(solved) < 1 + AGAIN
    last, before = solved[-1], solved[-2]
    moved = (last.scale - before.scale) / last.scale_error
    assert np.sqrt((moved**2).mean()) < 0.2
    # No further time would have changed more than that.
    monkeypatch.setattr("fastbg.joint.compare.SETTLED", 0)
    far = compared(known.images, surfaces)
    off = (found.scale - far.scale)[:, 0] / last.scale_error
    assert np.sqrt((off**2).mean()) < 0.2
    bent = surfaces.rms(found.channels[0].coordinates - far.channels[0].coordinates)
    assert (bent < 0.3 * last.error).all()


def test_errors_of_scales_are_told(found: Comparison, known: Frames) -> None:
    truth = known.scales / np.exp(np.log(known.scales).mean())
    off = (found.scale[:, 0] - truth) / found.channels[0].scale_error
    assert 0.2 < np.sqrt((off**2).mean()) < 3


def test_gradients_are_as_good_as_noise_allows(
    found: Comparison, known: Frames, surfaces: Surfaces
) -> None:
    truth = own_gradients(known)
    fitted = surfaces.values(found.channels[0].coordinates)
    errors = np.std(fitted - truth, axis=1)
    bound = [best(each, surfaces, seed) for seed, each in enumerate(truth)]
    assert np.median(errors / bound) < 1.3


def test_no_frame_is_special(found: Comparison) -> None:
    solved = found.channels[0]
    shared = solved.scale @ solved.coordinates
    assert np.abs(shared).max() < 1e-9


def test_a_reference_frame_has_no_gradient_of_its_own(found: Comparison) -> None:
    moved = found.relative_to(2)
    assert np.allclose(moved.channels[0].coordinates[2], 0)
    assert moved.scale[2, 0] == 1
    # Every frame is explained as before.
    one, two = (
        each.scale[4, 0] * each.channels[0].composite
        + each.surfaces.values(each.channels[0].coordinates[4])
        for each in (found, moved)
    )
    assert np.allclose(one, two, atol=1e-6)


def _dimmed(images: NDArray[np.float32]) -> None:
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    images[2] -= (field() * (0.4 + 0.4 * np.sin(x / 25) * np.cos(y / 20))).astype(np.float32)


def _dim(images: NDArray[np.float32]) -> None:
    images[2] -= (0.7 * field()).astype(np.float32)


def _another_field(images: NDArray[np.float32]) -> None:
    images[2] = field(9) + 0.05 + images[0] - images[0].mean() - 0.9 * field()


def _cloud(images: NDArray[np.float32]) -> None:
    noise = NOISE * np.random.default_rng(5).standard_normal(SHAPE)
    images[2] = 0.07 + 0.03 * np.linspace(0, 1, SHAPE[1]) + noise


@pytest.mark.parametrize(
    ("spoil", "verdict"),
    [
        slow(_dimmed, "clouds"),
        (_dim, "clouds"),
        (_another_field, "another field"),
        (_cloud, "nothing"),
    ],
)
def test_frames_that_do_not_belong(
    spoil: Callable[[NDArray[np.float32]], None],
    verdict: str,
    known: Frames,
    found: Comparison,
    surfaces: Surfaces,
) -> None:
    images = known.images.copy()
    spoil(images)
    judged = compared(images, surfaces)
    assert judged.verdicts == [verdict if number == 2 else "" for number in range(6)]
    used = judged.used
    ratio = judged.scale[used, 0] / found.scale[used, 0]
    assert np.allclose(ratio, ratio[0], rtol=0.01)


def test_another_field_is_told_though_chance_makes_its_detail_alike(
    known: Frames, surfaces: Surfaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = known.images.copy()
    _another_field(images)
    monkeypatch.setattr("fastbg.joint.compare.members", lambda _: np.ones(len(images), bool))
    assert compared(images, surfaces).verdicts == ["", "", "another field", "", "", ""]


def test_satellites_hot_pixels_and_ragged_edges(
    known: Frames, found: Comparison, surfaces: Surfaces
) -> None:
    images = known.images.copy()
    images[1, 30:33] += 0.2
    images[3, np.random.default_rng(3).uniform(size=SHAPE) < 0.001] += 0.5
    images[4, :9], images[5, :, -12:] = np.nan, np.nan
    judged = compared(images, surfaces)
    assert judged.used.all()
    own, plain = (surfaces.values(each.channels[0].coordinates) for each in (judged, found))
    noise = NOISE / np.sqrt(len(plain[0]))
    assert np.std(own - plain, axis=1).max() < 6 * noise
    assert np.allclose(judged.scale, found.scale, rtol=0.01)


@pytest.mark.parametrize("stiffness", [STIFFNESSES[0], STIFFNESSES[4], STIFFNESSES[-1]])
@pytest.mark.parametrize("seen", [0.1, 0.5])
def test_a_plane_continues_beyond_what_is_known(
    seen: float, stiffness: float, surfaces: Surfaces
) -> None:
    y, x = _places()
    plane = (1 + 2 * y - 3 * x).ravel()
    noisy = plane + 0.01 * np.random.default_rng(6).standard_normal(plane.shape)
    known = (x < seen).ravel().astype(np.float32)
    equations, coordinates = surfaces.equations(known), np.zeros(len(surfaces.energy))
    for _ in range(4):  # the equations are those of cells, and further steps mend that
        left = (known * (noisy - surfaces.values(coordinates))).astype(np.float32)
        system = equations.of(surfaces.along(left), coordinates, stiffness)
        coordinates += np.linalg.solve(*system)
    assert np.abs(surfaces.values(coordinates) - plane).max() < 0.01 * np.ptp(plane)


@pytest.mark.parametrize("wave", some([0.01], [0.003, 0.01]))
def test_a_frame_that_reaches_beyond_the_others_has_a_bounded_surface(
    wave: float, known: Frames, surfaces: Surfaces
) -> None:
    y, x = _places()
    images, alone = known.images.copy(), (x > 0.6) | (y > 0.7)
    images[2] += (wave * np.sin(9 * x) * np.sin(8 * y)).astype(np.float32)
    for number in (0, 1, 3, 4, 5):
        images[number, alone] = np.nan
    judged = compared(images, surfaces)
    assert judged.used.all()
    fitted = surfaces.values(judged.channels[0].coordinates)
    ranges = np.ptp(fitted, axis=1) / np.ptp(fitted[:, ~alone.ravel()], axis=1)
    assert ranges.max() < 4


def test_halos_of_saturated_stars_tell_less() -> None:
    y, x = np.mgrid[0:60, 0:90]
    squared = (y - 20) ** 2 + (x - 30) ** 2
    median = 2 * (1 + squared) ** -1.5
    faint = median / 1000
    for light in (median, faint):
        light[squared <= 2] = np.nan
        light[:, 80:] = np.nan  # no frame reaches there, and no star is
    weight, fainter = (_trusted(light, 0.001) for light in (median, faint))
    near, far = (squared > 2) & (squared < 9), (squared > 900) & (x < 80)
    assert weight[near].max() < 0.01
    assert weight[far].min() > 0.98
    assert fainter[squared > 9].min() > 0.98


def _trusted(median: NDArray[np.float64], noise: float) -> NDArray[np.float32]:
    return trusted(np.isnan(median), lambda pixels: median.ravel()[pixels], noise)


def _places() -> NDArray[np.float64]:
    """The places of pixels, y and x, from 0 to 1."""
    found: NDArray[np.float64] = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] / np.reshape(SHAPE, (2, 1, 1))
    return found


def test_without_detail_scales_are_not_told(surfaces: Surfaces) -> None:
    known = frames(4)
    light = known.scales[:, np.newaxis, np.newaxis] * field()
    judged = compared((known.images - light).astype(np.float32), surfaces)
    assert not judged.scaled
    assert (judged.scale == 1).all()


def test_one_frame_twice_differs_nowhere(surfaces: Surfaces, known: Frames) -> None:
    judged = compared(known.images[[0, 0]], surfaces)
    assert judged.used.all()
    assert np.allclose(judged.scale, 1)
    assert np.abs(judged.channels[0].coordinates).max() < 1e-6


def test_rounding_that_hides_the_noise_is_the_noise(surfaces: Surfaces, known: Frames) -> None:
    step = 8 * NOISE
    coarse = step * np.round((known.images[:2] - known.images[:2].mean(axis=0)) / step + 9)
    constant = np.ones_like(coarse) * np.reshape([1, 2], (2, 1, 1))
    for images in (coarse, constant):
        judged = compared(images.astype(np.float32), surfaces)
        assert (judged.noise > 0).all()
        assert np.isfinite(judged.channels[0].composite).all()


@pytest.mark.parametrize("shape", [(60, 1), (1, 60), (30, 2)])
def test_noise_is_found_however_narrow_frames_are(shape: tuple[int, int]) -> None:
    planes = NOISE * np.random.default_rng(1).standard_normal((2, 60)) + 1
    alone = np.arange(60) % 3 == 0
    for valid in (np.ones_like(planes, bool), np.stack([alone, alone])):
        found = noise_of(planes * valid, valid, shape)
        assert np.abs(found / NOISE - 1).max() < 0.6


def test_the_composite_leaves_out_what_differs() -> None:
    rng = np.random.default_rng(2)
    scale, truth = np.array([1.0, 2.0, 0.5, 1.0, 1.0]), rng.uniform(1, 2, 300)
    noise = np.full(5, 0.01)
    planes = np.outer(scale, truth) + 0.01 * rng.standard_normal((5, 300))
    planes[0, :50] = np.nan
    planes[1, 100:120] += 5
    mean = composite(planes.astype(np.float32), np.zeros((5, 300), np.float32), scale, noise)
    assert np.abs(mean - truth).max() < 0.03


def test_splines_add_up_and_are_carried() -> None:
    rng = np.random.default_rng(4)
    one, other = (
        Spline(rng.uniform(0, 1, (9, 2)), _balanced(rng, 9), rng.standard_normal((3, 2)), 2)
        for _ in range(2)
    )
    times = np.array([2.0, -1.0])
    points = rng.uniform(0, 1, (50, 2))
    total = added(one, other, times)
    assert np.allclose(total.values(points), one.values(points) + times * other.values(points))
    smooth = Spline(one.centres, 0.01 * one.weights, one.polynomial, 2)
    moved = carried(smooth, lambda y, x: (0.9 * y + 5, 0.9 * x + 3), (80, 100), (90, 120))
    y, x = points.T * [[80], [100]] - 0.5
    there = np.stack([(0.9 * y + 5.5) / 90, (0.9 * x + 3.5) / 120], axis=1)
    assert np.allclose(moved.values(points), smooth.values(there), atol=2e-3)


def _balanced(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return rng.standard_normal((count, 2))

"""What the surfaces of frames and channels share."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from together_frames import NOISE, SHAPE

from fastbg.image.downscale import block_centres
from fastbg.joint.compare import AGAIN, LEAST_SCALE, ahead
from fastbg.joint.shared import shared
from fastbg.joint.solution import SharedStart, Solution, Start
from fastbg.joint.surfaces import STIFFNESSES, Surfaces, stiffness_by_noise

FLEXIBLE = STIFFNESSES[-1]


@pytest.fixture(scope="module")
def surfaces() -> Surfaces:
    return Surfaces(*(block_centres(size, 1) for size in SHAPE))


def domes(surfaces: Surfaces, *places: tuple[float, float]) -> NDArray[np.float64]:
    """(P, h w): light that falls off from places, in units of the noise of a pixel."""
    y, x = (np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5) / np.reshape(SHAPE, (2, 1, 1))
    found = [np.exp(-12 * ((y - down) ** 2 + (x - right) ** 2)).ravel() for down, right in places]
    return np.array(found)


def solution(planes: NDArray[np.float64], surfaces: Surfaces) -> Solution:
    """Flexible surfaces of planes, (n, h w), that show nothing but these and noise."""
    count, flat = len(planes), planes.astype(np.float32)
    equations = surfaces.equations(np.ones(flat.shape[1], np.float32))
    system = [equations.of(each, 0 * each, FLEXIBLE) for each in surfaces.along(flat)]
    coordinates = np.array([np.linalg.solve(*each) for each in system])
    one, none = np.ones(count), np.zeros(count)
    return Solution(
        *(one, none, none, coordinates, none, one, flat[0], np.full(count, 1e-4)),
        *(surfaces.along(flat - surfaces.values(coordinates)), one, np.full(count, NOISE**2)),
    )


def errors(
    start: Start, planes: NDArray[np.float64], truth: NDArray[np.float64], surfaces: Surfaces
) -> NDArray[np.float64]:
    """(n,): those of surfaces that noise allows, around the centres of a start."""
    equations, found = surfaces.equations(np.ones(planes.shape[1], np.float32)), []
    centre = start.centre if isinstance(start, SharedStart) else np.zeros_like(start.coordinates)
    for each, plane, true in zip(centre, planes, truth, strict=True):
        slope = surfaces.along((plane - surfaces.values(each)).astype(np.float32))
        change = stiffness_by_noise(equations, slope, 0 * each, NOISE**2)[0]
        found.append(np.std(surfaces.values(each + change) - true))
    return np.array(found)


def noisy(truth: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    return truth + NOISE * np.random.default_rng(seed).standard_normal(truth.shape)


def test_shapes_that_frames_share_are_told_by_all(surfaces: Surfaces) -> None:
    rng = np.random.default_rng(1)
    shapes = domes(surfaces, (0, 0.2), (0.8, 1))
    truth = 2 * NOISE * rng.uniform(-1, 1, (2, 8, 2)) @ shapes
    planes = [noisy(each, seed) for seed, each in enumerate(truth)]
    solved = [solution(each, surfaces) for each in planes]
    starts = shared(solved, surfaces, np.ones(8, bool))
    told = [errors(*each, surfaces) for each in zip(starts, planes, truth, strict=True)]
    own = [
        errors(Start(each.scale, each.coordinates), *others, surfaces)
        for each, *others in zip(solved, planes, truth, strict=True)
    ]
    assert np.mean(told) < 0.8 * np.mean(own)
    # What is told of them counts as freedom.
    assert (np.array([each.freedom for each in starts]) > 0).all()


def test_a_gradient_of_one_frame_stays_its_own(surfaces: Surfaces) -> None:
    rng = np.random.default_rng(2)
    common, moon = domes(surfaces, (0, 0.2), (0.5, 0.6))
    truth = 2 * NOISE * np.outer(rng.uniform(-1, 1, 12), common)
    truth[5] += 2 * NOISE * moon
    planes = noisy(truth, 3)
    solved = solution(planes, surfaces)
    (start,) = shared([solved], surfaces, np.ones(12, bool))
    told = errors(start, planes, truth, surfaces)
    alone = errors(Start(solved.scale, solved.coordinates), planes, truth, surfaces)
    assert told[5] < 1.2 * alone[5]
    others = np.arange(12) != 5
    assert told[others].mean() < alone[others].mean()


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames_are_as_good_as_alone(count: int, surfaces: Surfaces) -> None:
    truth = 2 * NOISE * domes(surfaces, (0, 0.2), (0.5, 0.6))[:count]
    planes = noisy(truth, 4)
    solved = solution(planes, surfaces)
    (start,) = shared([solved], surfaces, np.ones(count, bool))
    alone = errors(Start(solved.scale, solved.coordinates), planes, truth, surfaces)
    assert errors(start, planes, truth, surfaces).mean() < 1.15 * alone.mean()


def test_frames_with_clouds_teach_nothing(surfaces: Surfaces) -> None:
    truth = 2 * NOISE * np.outer(np.linspace(-1, 1, 6), domes(surfaces, (0, 0.2))[0])
    planes, used = noisy(truth, 5), np.arange(6) != 2
    cloudy = planes.copy()
    cloudy[2] += 50 * NOISE * domes(surfaces, (0.7, 0.3))[0]
    (plain,), (other,) = (shared([solution(p, surfaces)], surfaces, used) for p in (planes, cloudy))
    assert not other.centre[2].any()
    assert np.allclose(plain.centre, other.centre)


@pytest.mark.parametrize("seen", [0.3, 1.0])
def test_one_eigenproblem_solves_all_stiffnesses(seen: float, surfaces: Surfaces) -> None:
    rng = np.random.default_rng(6)
    known = np.broadcast_to(np.arange(SHAPE[1]) < seen * SHAPE[1], SHAPE).ravel()
    weight = (known * rng.uniform(0.5, 1, known.size)).astype(np.float32)
    plane = noisy(2 * NOISE * domes(surfaces, (0, 0.2)), 6)[0]
    slope = surfaces.along((weight * plane).astype(np.float32))
    equations, bent = surfaces.equations(weight), 1e-3 * rng.standard_normal(slope.shape)
    change, stiffness, freedom = stiffness_by_noise(equations, slope, bent, NOISE**2)
    matrix, right = equations.of(slope, bent, stiffness)
    expected = np.linalg.solve(matrix, right)
    assert np.abs(surfaces.values(change - expected)).max() < 1e-6 * np.abs(plane).max()
    assert freedom == pytest.approx(np.trace(np.linalg.solve(matrix, equations.products)), 1e-6)
    costs = []
    for each in STIFFNESSES:
        matrix, right = equations.of(slope, bent, each)
        found = np.linalg.solve(matrix, right)
        free = np.trace(np.linalg.solve(matrix, equations.products))
        costs.append(found @ equations.products @ found - 2 * found @ slope + 2 * NOISE**2 * free)
    assert stiffness == STIFFNESSES[int(np.argmin(costs))]


def start_of(distance: float) -> SharedStart:
    """A start whose scales and surfaces are so far from where all ends: 1 and 0."""
    off = np.array([distance, -distance])
    column, own = off[:, np.newaxis], {"freedom": np.zeros(2), "composite": off}
    return SharedStart(1 + off, column, np.ones(2), centre=column, **own)


@pytest.mark.parametrize(("kept", "left"), [(0.3, 0.01), (0.8, 0.2)])
def test_starts_ahead_end_nearer(kept: float, left: float) -> None:
    # What a solution keeps of the distance of its start, as a surface does of wrong smooth light.
    before, start = start_of(0.1), start_of(kept * 0.1)
    for _ in range(AGAIN - 1):
        begun = ahead(start, before)
        assert np.allclose(begun.centre, begun.coordinates)
        assert np.allclose(begun.composite, begun.coordinates[:, 0])
        assert np.allclose(begun.scale - 1, begun.coordinates[:, 0])
        before, start = start, start_of(kept * float(begun.scale[0] - 1))
    assert abs(start.scale[0] - 1) < left * 0.1


def test_starts_ahead_have_positive_scales() -> None:
    assert ahead(start_of(-0.99), start_of(0)).scale.min() == LEAST_SCALE

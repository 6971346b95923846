"""The robust fit of one surface: C against numpy."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import tolerances
from cases import some

import scenes
from fastbg import compiled
from fastbg.image.downscale import block_centres
from fastbg.image.kernels import FASTEST, NUMPY
from fastbg.sky.basis import Basis
from fastbg.sky.mesh import Mesh, mesh_of
from fastbg.sky.robust_fit import weighted_deviation
from fastbg.sky.selection import CANDIDATES, select_surfaces
from fastbg.sky.smoothing_spline import combined
from fastbg.sky.surface import (
    PROTECTIONS,
    fit_surface,
    largest_smooth_region,
    lower_envelope,
)
from fastbg.sky.symmetry import symmetry_of

pytestmark = pytest.mark.skipif(
    compiled.unavailable() is not None, reason="there is no compiled module to compare with"
)

AUTO = PROTECTIONS["auto"]


def mesh_from(image: np.ndarray) -> Mesh:
    places = [block_centres(size, 1) for size in image.shape[:2]]
    return mesh_of(image, np.isfinite(image).astype(np.float32), *places)


def off(found, expected):
    """The largest distance of two surfaces, in deviations of the second."""
    spread = weighted_deviation(expected.values, np.ones(len(expected.values)))
    return (np.abs(found.values - expected.values).max(axis=0) / spread).max()


@pytest.fixture(
    scope="module",
    params=some(["large nebula", "nightscape"], ["large nebula", "nightscape", "quantised"]),
)
def mesh(request) -> Mesh:
    return mesh_from(scenes.simulate(request.param, (320, 480), 7).image)


@pytest.fixture(scope="module")
def bases(mesh):
    basis = Basis(mesh.points, 14, symmetry_of(mesh.points, mesh.shape))
    return {degree: basis.of_degree(degree) for degree in (1, 2, 3)}


@pytest.mark.parametrize(("degree", "stiffness"), CANDIDATES)
@pytest.mark.parametrize("start", ["envelope", "region"])
def test_the_kernel_is_the_reference(mesh, bases, degree, stiffness, start):
    envelope = start == "envelope"
    weight = lower_envelope(bases[1], mesh) if envelope else largest_smooth_region(mesh)
    expected, found = (
        fit_surface(bases[degree], mesh, weight, stiffness, AUTO, kernels)
        for kernels in (NUMPY, FASTEST)
    )
    assert off(found, expected) < tolerances.ONE_FIT
    assert off(found.solved(mesh), expected) < tolerances.ONE_FIT
    np.testing.assert_allclose(found.weight, expected.weight, atol=10 * tolerances.ONE_FIT)
    assert found.explained == pytest.approx(expected.explained, abs=2 / len(weight))


@pytest.mark.parametrize("protection", some(["auto", "strong"], PROTECTIONS))
def test_the_same_surface_is_selected(mesh, protection):
    expected, found = (
        select_surfaces(mesh, PROTECTIONS[protection], kernels=kernels)
        for kernels in (NUMPY, FASTEST)
    )
    assert [each.stiffness for each in found] == [each.stiffness for each in expected]
    assert (found[-1].joint is None) == (expected[-1].joint is None)
    assert off(found[-1], expected[-1]) < tolerances.SEARCH


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (3, 5), (7, 9), (13, 200), (90, 91)])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("protection", PROTECTIONS)
def test_any_shape_number_of_channels_and_protection(rng, shape, channels, protection):
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    image = (x + y * y)[..., np.newaxis] * rng.uniform(0.5, 2, channels)
    image = image + rng.normal(0, 0.02, (*shape, channels))
    image[rng.random(shape) < 0.1] += 3
    image[rng.random(shape) < 0.1] = np.nan
    mesh = mesh_from(image.astype(np.float32))
    for stiffness, symmetry in product((1e-1, 1e-4), (None, symmetry_of(mesh.points, mesh.shape))):
        splines = Basis(mesh.points, 4, symmetry).of_degree(2)
        expected, found = (
            fit_surface(splines, mesh, mesh.weight, stiffness, PROTECTIONS[protection], kernels)
            for kernels in (NUMPY, FASTEST)
        )
        np.testing.assert_allclose(
            found.values, expected.values, atol=1e-3 * np.ptp(expected.values)
        )


@pytest.mark.parametrize("kernels", [NUMPY, FASTEST])
@pytest.mark.parametrize("shining", [(1,), (0, 1, 2)])
def test_an_object_in_one_channel_alone_is_an_object(rng, kernels, shining):
    """As hydrogen is in narrow filters, however little the mean of the channels sees of it."""
    x = np.mgrid[:160, :240][1] / 160
    image = np.repeat((0.2 + 0.1 * x)[..., np.newaxis], 3, axis=2)
    mesh = mesh_from((image + rng.normal(0, 0.01, image.shape)).astype(np.float32))
    middle = np.ravel_multi_index([size // 2 for size in mesh.shape], mesh.shape)
    spots = [middle, middle + 1]
    values = mesh.values.copy()
    values[np.ix_(spots, shining)] = (
        0.2 + 0.1 * mesh.points[spots, 1:] * 1.5 + 6 * mesh.noise[[*shining]]
    )
    mesh = replace(mesh, values=values)
    splines = Basis(mesh.points, 8).of_degree(1)
    found = fit_surface(splines, mesh, mesh.weight, 1e-3, AUTO, kernels)
    assert (found.weight[spots] < 0.1).all()
    assert found.weight.mean() > 0.8


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_of_the_image_does_not_matter(mesh, bases, scale):
    weight = largest_smooth_region(mesh)
    scaled = replace(mesh, values=mesh.values * scale, noise=mesh.noise * scale)
    once, again = (fit_surface(bases[3], each, weight, 1e-6, AUTO) for each in (mesh, scaled))
    again = replace(again, coordinates=again.coordinates / scale)
    assert off(again, once) < tolerances.SEARCH


def test_a_basis_without_unseen_modes_gives_the_same_fit(mesh):
    basis = Basis(mesh.points, 14)
    whole, part = basis.of_degree(3), basis.of_degree(3, 1e-4)
    assert part.matrix.shape[1] < whole.matrix.shape[1]
    one, other = (
        each.matrix @ each.solve(mesh.values, mesh.weight, 1e-4) for each in (whole, part)
    )
    np.testing.assert_allclose(one, other, atol=1e-9 * np.ptp(one))


def test_without_a_group_is_without_its_weight(mesh, bases, rng):
    group = rng.integers(0, 5, len(mesh.weight))
    groups = [np.flatnonzero(group == number) for number in range(5)]
    found = [*bases[2].solve_without(mesh.values, mesh.weight, 1e-4, groups)]
    for number, coordinates in enumerate(found):
        rest = np.where(group == number, 0, mesh.weight)
        expected = bases[2].solve(mesh.values, rest, 1e-4)
        np.testing.assert_allclose(coordinates, expected, rtol=1e-6, atol=1e-9)
    everything = [np.arange(len(group))]
    assert not [*bases[2].solve_without(mesh.values, mesh.weight, 1e-4, everything)]


def test_solutions_for_more_weight_are_those_for_the_sum():
    generator = np.random.default_rng(2)
    points = generator.uniform(size=(300, 2))
    splines = Basis(points, 6).of_degree(2)
    data, weight = generator.normal(size=(300, 3)), generator.uniform(0.5, 1, 300)
    solve = splines.solver(data, weight, 1e-3)
    more = np.where(generator.uniform(size=300) < 0.2, 1.0, 0)
    for part in (1.0, 0.05):
        expected = splines.solve(data, part * weight + more, 1e-3)
        assert np.allclose(solve(part, more), expected, rtol=1e-9, atol=1e-9)


def test_the_last_coordinates_may_be_zero():
    generator = np.random.default_rng(3)
    matrix, coordinates = generator.normal(size=(50, 9)), generator.normal(size=(9, 2))
    for last in (9, 4, 0):
        coordinates[last:] = 0
        assert np.allclose(combined(matrix, coordinates), matrix @ coordinates, atol=1e-14)

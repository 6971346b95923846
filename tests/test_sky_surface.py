"""The robust fit of one surface, against a plain loop of exact solutions."""

from __future__ import annotations

import numpy as np
import pytest
import tolerances
from scipy.ndimage import gaussian_filter

import scenes
from fastbg.image.downscale import block_centres
from fastbg.sky.mesh import Mesh, mesh_of
from fastbg.sky.selection import CANDIDATES
from fastbg.sky.smoothing_spline import FEW, Basis
from fastbg.sky.surface import (
    LEAST_WEIGHT,
    PROTECTIONS,
    TOLERANCE,
    TOLERANCE_FACTORS,
    fit_surface,
    largest_smooth_region,
    lower_envelope,
    weighted_deviation,
)

AUTO = PROTECTIONS["auto"]


@pytest.fixture(scope="module", params=["star field", "large nebula", "nightscape", "quantised"])
def mesh(request) -> Mesh:
    image = scenes.simulate(request.param, (320, 480), 7).image
    places = [block_centres(size, 1) for size in image.shape[:2]]
    return mesh_of(image, np.ones(image.shape, np.float32), *places)


@pytest.fixture(scope="module")
def bases(mesh):
    basis = Basis(mesh.points, 14)
    return {degree: basis.of_degree(degree) for degree in (1, 2, 3)}


def falling(value):
    return 1 / (1 + np.exp(np.clip(value, -30, 30)))


def exactly_fitted(splines, mesh, weight, stiffness):
    """docs/sky.md, "One fit", with every solution in float64."""
    for factor in TOLERANCE_FACTORS:
        surface = splines.matrix @ splines.solve(mesh.values, weight, stiffness)
        tolerance = factor * np.hypot(mesh.noise, TOLERANCE * weighted_deviation(surface, weight))
        off = ((mesh.values - surface) / tolerance).mean(axis=1)
        plane = np.clip(off, -6, 6).reshape(mesh.shape)
        nearby = gaussian_filter(plane, AUTO.reach).ravel()
        sky = falling(2 * (off - AUTO.above)) * falling(2 * (-off - AUTO.below))
        sky *= falling((nearby - AUTO.around) / 0.3)
        weight = mesh.weight * np.maximum(sky, LEAST_WEIGHT)
    return splines.matrix @ splines.solve(mesh.values, weight, stiffness), weight


@pytest.mark.parametrize(("degree", "stiffness"), CANDIDATES)
@pytest.mark.parametrize("start", ["envelope", "region"])
def test_steps_in_single_precision_lead_to_the_exact_fit(mesh, bases, degree, stiffness, start):
    splines = bases[degree]
    weight = {
        "envelope": lambda: lower_envelope(bases[1], mesh),
        "region": lambda: largest_smooth_region(mesh),
    }[start]()
    expected, sky = exactly_fitted(splines, mesh, weight, stiffness)
    found = fit_surface(splines, mesh, weight, stiffness, AUTO)
    spread = weighted_deviation(expected, mesh.weight)
    for surface in (found, found.solved(mesh)):
        off = np.abs(surface.values - expected).max(axis=0)
        assert (off < tolerances.SEARCH * spread).all()
    np.testing.assert_allclose(found.weight, sky, atol=20 * tolerances.SEARCH)


def test_both_precisions_are_used(bases):
    counts = [bases[degree].used(stiffness) for degree, stiffness in CANDIDATES]
    assert min(counts) < FEW < max(counts)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_of_the_image_does_not_matter(mesh, bases, scale):
    weight = largest_smooth_region(mesh)
    scaled = Mesh(
        mesh.side, mesh.shape, mesh.points, mesh.values * scale, mesh.weight, mesh.noise * scale
    )
    once = fit_surface(bases[3], mesh, weight, 1e-6, AUTO)
    again = fit_surface(bases[3], scaled, weight, 1e-6, AUTO)
    spread = weighted_deviation(once.values, mesh.weight)
    assert (np.abs(again.values / scale - once.values).max(axis=0) < 1e-4 * spread).all()


def test_a_basis_without_unseen_modes_gives_the_same_fit(mesh):
    basis = Basis(mesh.points, 14)
    whole, part = basis.of_degree(3), basis.of_degree(3, 1e-4)
    assert part.matrix.shape[1] < whole.matrix.shape[1]
    one, other = (
        each.matrix @ each.solve(mesh.values, mesh.weight, 1e-4) for each in (whole, part)
    )
    np.testing.assert_allclose(one, other, atol=1e-9 * np.ptp(one))

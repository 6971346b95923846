"""The surface under objects: no bulge that a bright object inside of the frame could fill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.sky.basis import Basis
from fastbg.sky.grid import grid_side
from fastbg.sky.mesh import Mesh
from fastbg.sky.surface import PROTECTIONS, fit_surface
from fastbg.sky.under_objects import stiffened

ROWS, COLUMNS, NOISE = 30, 45, 1e-3


def places():
    y, x = np.meshgrid(
        (np.arange(ROWS) + 0.5) / ROWS, (np.arange(COLUMNS) + 0.5) / COLUMNS, indexing="ij"
    )
    return np.stack([y.ravel(), x.ravel()], axis=1)


def mesh_of_values(values, noise=NOISE):
    count = len(values)
    return Mesh(4, (ROWS, COLUMNS), places(), values[:, np.newaxis], np.ones(count), [noise])


def nebula(y, x):
    """Its outskirts are as faint as the noise."""
    points = places()
    square = ((points[:, 0] - y) ** 2 + (1.5 * (points[:, 1] - x)) ** 2) / 0.12**2
    return 0.05 * np.exp(-square)


def dome():
    """The light of a town below the frame."""
    return 0.3 * np.exp((places()[:, 0] - 1) / 0.15)


def flexible(mesh, stiffness=1e-8):
    splines = Basis(mesh.points, grid_side(len(mesh.points))).of_degree(3)
    weight = np.ones(len(mesh.points))
    return fit_surface(splines, mesh, weight, stiffness, PROTECTIONS["auto"])


def test_less_of_an_object_is_taken_away(rng):
    sky, light = dome(), nebula(0.5, 0.5)
    mesh = mesh_of_values(sky + light + NOISE * rng.standard_normal(ROWS * COLUMNS))
    before = flexible(mesh)
    after = stiffened(before, mesh)
    core = light > 0.02
    bulge = [(each.values[:, 0] - sky)[core].mean() for each in (before, after)]
    assert bulge[0] > 0.005
    assert abs(bulge[1]) < 0.7 * bulge[0]
    # Elsewhere it stays what it was.
    rest = light < 1e-5
    assert np.abs((after.values - before.values)[rest]).max() < 3 * NOISE


def test_a_sky_without_objects_stays_as_it_is(rng):
    mesh = mesh_of_values(dome() + NOISE * rng.standard_normal(ROWS * COLUMNS))
    before = flexible(mesh)
    np.testing.assert_allclose(stiffened(before, mesh).values, before.values, atol=NOISE / 3)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_what_is_excluded_at_the_border_may_be_light_from_outside(rng, y):
    light = nebula(y, 0.5)
    mesh = mesh_of_values(dome() + light + NOISE * rng.standard_normal(ROWS * COLUMNS))
    before = flexible(mesh)
    edge = slice(0, COLUMNS) if y == 0 else slice(-COLUMNS, None)
    change = (stiffened(before, mesh).values - before.values)[edge]
    assert np.abs(change).max() < 2 * NOISE


def test_multiples_of_a_shape_have_nothing_to_stiffen(rng):
    mesh = mesh_of_values(dome() + nebula(0.5, 0.5))
    surface = flexible(mesh)
    plain = surface.splines.multiples(surface.coordinates)
    multiple = fit_surface(plain, mesh, mesh.weight, 0, PROTECTIONS["auto"])
    assert stiffened(multiple, mesh) is multiple


def test_a_surface_without_weights_is_left_alone():
    mesh = mesh_of_values(dome())
    surface = replace(flexible(mesh), weight=np.full(ROWS * COLUMNS, 1e-4))
    assert np.isfinite(stiffened(surface, mesh).values).all()

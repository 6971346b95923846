"""The halo of a saturated area, and the sky behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.diagnostics.uncertainty import of_surface
from fastbg.sky.basis import Basis
from fastbg.sky.grid import grid_side
from fastbg.sky.halo import behind_halo
from fastbg.sky.mesh import Mesh
from fastbg.sky.surface import PROTECTIONS, fit_surface

ROWS, COLUMNS, NOISE, CORE = 30, 45, 1e-3, 5
Y, X = (each.ravel() for each in np.mgrid[:ROWS, :COLUMNS] + 0.5)
POINTS = np.stack([Y / ROWS, X / COLUMNS], axis=1)
SKY = np.stack(
    [0.09 * POINTS[:, 1] + 0.06 * POINTS[:, 0] ** 2, 0.06 * (POINTS[:, 0] - POINTS[:, 1])], axis=1
)
AWAY = np.hypot(Y - 17, X - 20) / CORE
SPLINES = {degree: Basis(POINTS, grid_side(len(POINTS))).of_degree(degree) for degree in (2, 3)}


def overexposed(rng, power, weight=None, rough=0.1):
    """The mesh of a sky and of what is saturated amid a halo that is brighter on one side."""
    halo = 0.5 * AWAY**-power * (1 + 0.3 * (X - 20) / (AWAY * CORE))
    halo *= np.exp(rough * np.sin(Y / 3) * np.sin(X / 4))
    values = SKY + halo[:, np.newaxis] + NOISE * rng.standard_normal(SKY.shape)
    values[AWAY < 1] = 1.0
    used = (AWAY > 1.4).astype(float) if weight is None else weight
    return Mesh(4, (ROWS, COLUMNS), POINTS, values, used, np.full(2, NOISE))


def fitted(mesh):
    return fit_surface(SPLINES[3], mesh, mesh.weight, 1e-2, PROTECTIONS["auto"])


def error(surface):
    return ((surface.values - SKY).std(axis=0) / SKY.std(axis=0)).mean()


@pytest.mark.parametrize("power", [2, 2.5])
def test_the_sky_behind_a_halo_is_found(rng, power):
    mesh = overexposed(rng, power)
    instead = fitted(mesh)
    behind = behind_halo(instead, mesh, SPLINES[2], SPLINES[3])
    assert behind is not None
    assert error(behind) < 0.75 * error(instead)
    assert (behind.explained, behind.below) != (instead.explained, instead.below)
    # The halo is none of the spline that is rendered, and the jackknife knows of it.
    np.testing.assert_allclose(SPLINES[3].at(POINTS) @ behind.coordinates, behind.values, atol=1e-9)
    told = of_surface(behind, mesh, behind.values)
    assert (told.mean(axis=0) < SKY.std(axis=0)).all()


def test_without_a_saturated_area_there_is_no_halo(rng):
    mesh = overexposed(rng, 4, weight=np.ones(len(SKY)))
    assert behind_halo(fitted(mesh), mesh, SPLINES[2], SPLINES[3]) is None


def test_a_frame_that_no_halo_accounts_for_keeps_its_surface(rng):
    mesh = overexposed(rng, 4)
    mesh.values[mesh.usable] += 0.05 * (rng.random((np.count_nonzero(mesh.usable), 1)) < 0.4)
    assert behind_halo(fitted(mesh), mesh, SPLINES[2], SPLINES[3]) is None


def test_a_surface_that_does_as_well_with_a_halo_beside_it_is_kept(rng):
    mesh = overexposed(rng, 6, rough=0)
    splines, weight = SPLINES[3], np.ones(len(SKY))
    instead = fit_surface(splines, mesh, weight, 1e-2, PROTECTIONS["auto"])
    truth = splines.solve(SKY, weight, 1e-6)
    right = type(instead)(splines, truth, weight, 1e-6, 0.1, 0.0)
    multiples = replace(right, joint=(mesh, right))
    assert behind_halo(multiples, mesh, SPLINES[2], SPLINES[3]) is None
    # Channels of their own may have followed the halo: how likely they are tells nothing.
    assert behind_halo(right, mesh, SPLINES[2], SPLINES[3]) is not None


def test_a_surface_that_explains_half_of_the_frame_is_kept(rng):
    mesh = overexposed(rng, 2)
    explains = replace(fitted(mesh), explained=0.5)
    assert behind_halo(explains, mesh, SPLINES[2], SPLINES[3]) is None


def test_what_is_known_to_be_sky_keeps_its_weight_and_has_no_halo(rng):
    plain = overexposed(rng, 2, rough=0.3)
    known = ((POINTS[:, 1] > 0.8) & (POINTS[:, 0] < 0.5)).astype(float)
    # There is none where somebody says so: as dust in front of it would hide it.
    plain.values[known > 0] = (SKY + NOISE * rng.standard_normal(SKY.shape))[known > 0]
    painted = replace(plain, known=known)
    instead = fitted(plain)
    surfaces = [behind_halo(instead, mesh, SPLINES[2], SPLINES[3]) for mesh in (plain, painted)]
    assert None not in surfaces
    off = [(each.values - SKY)[known > 0].std(axis=0).mean() for each in surfaces]
    assert off[1] < off[0]
    assert error(surfaces[1]) < error(surfaces[0])
    assert not surfaces[1].halo[known > 0].any()
    assert (surfaces[1].weight[known > 0] == 1).all()

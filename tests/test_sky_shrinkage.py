"""What a surface bends where hardly any sky is seen: left out as far as it is a guess."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.sky.basis import Basis
from fastbg.sky.grid import grid_side
from fastbg.sky.mesh import Mesh
from fastbg.sky.shrinkage import shrunk
from fastbg.sky.surface import Surface

ROWS, COLUMNS, NOISE = 30, 45, 1e-3
POINTS = np.stack(
    [
        each.ravel()
        for each in np.meshgrid(
            (np.arange(ROWS) + 0.5) / ROWS, (np.arange(COLUMNS) + 0.5) / COLUMNS, indexing="ij"
        )
    ],
    axis=1,
)
TILT = 0.02 * POINTS @ [1.0, -0.5]
BOWL = 0.02 * ((POINTS - 0.5) ** 2).sum(axis=1)


def seen_in(cells, sky, rng):
    """The mesh of a sky, and the quadratic surface through some of its cells."""
    values = np.stack([sky, 2 * sky], axis=1) + NOISE * rng.standard_normal((len(sky), 2))
    mesh = Mesh(4, (ROWS, COLUMNS), POINTS, values, np.ones(len(sky)), np.full(2, NOISE))
    splines = Basis(POINTS, grid_side(len(POINTS))).of_degree(2)
    weight = np.where(cells, 1.0, 0.0)
    coordinates = splines.solve(values, weight, 1e-2)
    return mesh, Surface(splines, coordinates, weight, 1e-2, 0.1, 0.0)


def errors(surface, sky):
    off = surface.values - np.stack([sky, 2 * sky], axis=1)
    return off.std(axis=0)


PATCHES = np.zeros(len(POINTS), bool)
for middle in ((0.1, 0.1), (0.1, 0.85), (0.85, 0.1)):
    PATCHES |= (np.abs(POINTS - middle) < 0.08).all(axis=1)


def test_a_guess_between_patches_of_sky_bends_less(rng):
    off = []
    for _ in range(5):
        mesh, surface = seen_in(PATCHES, TILT, rng)
        after = shrunk(surface, mesh)
        off.append([errors(each, TILT).mean() for each in (surface, after)])
    # Noise in three patches makes a quadratic bend elsewhere.
    before, now = np.mean(off, axis=0)
    assert now < before / 2
    # The spline that is rendered is the same surface.
    rendered = after.splines.at(POINTS) @ after.coordinates
    np.testing.assert_allclose(rendered, after.values, atol=1e-9)
    # It tells how much less each channel bends.
    planes = np.c_[POINTS, np.ones(len(POINTS))]
    now, whole = (np.linalg.lstsq(planes, each.values)[1] for each in (after, surface))
    assert surface.left_out == ()
    np.testing.assert_allclose(after.left_out, 1 - np.sqrt(now / whole), atol=0.05)


def test_a_bend_that_is_plain_to_see_stays_also_without_a_slope(rng):
    mesh, surface = seen_in(rng.random(len(POINTS)) < 0.2, BOWL, rng)
    assert shrunk(surface, mesh) is surface


def test_where_most_of_the_frame_is_sky_nothing_is_shrunk(rng):
    mesh, surface = seen_in(PATCHES, TILT, rng)
    whole = replace(surface, weight=np.where(POINTS[:, 0] < 0.55, 1.0, 0.0))
    assert shrunk(whole, mesh) is whole
    # Also where most lies on the surface, though noise has taken its weight.
    explained = replace(surface, explained=0.6)
    assert shrunk(explained, mesh) is explained


@pytest.mark.parametrize("kind", ["multiples", "one block"])
def test_what_cannot_be_judged_is_left_alone(rng, kind):
    mesh, surface = seen_in(PATCHES, TILT, rng)
    if kind == "multiples":
        surface = replace(surface, joint=(mesh, surface))
    else:
        surface = replace(surface, weight=np.where((POINTS < 0.2).all(axis=1), 1.0, 0.0))
    assert shrunk(surface, mesh) is surface

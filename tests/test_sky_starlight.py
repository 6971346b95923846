"""The sky before stars of one colour that shine everywhere, reddened where dust hides them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.sky.basis import Basis
from fastbg.sky.grid import grid_side
from fastbg.sky.mesh import Mesh
from fastbg.sky.neighbourhood import gaussian_mean
from fastbg.sky.outskirts import SEEN
from fastbg.sky.starlight import before_stars
from fastbg.sky.surface import Surface

ROWS, COLUMNS, NOISE = 30, 45, 1e-3
POINTS = (np.argwhere(np.ones((ROWS, COLUMNS))) + 0.5) / (ROWS, COLUMNS)
QUADRATIC = Basis(POINTS, grid_side(len(POINTS))).of_degree(2)
Y, X = POINTS.T
TOWN = np.outer(0.2 * X + 0.1 * (X - 0.4) ** 2, [1.3, 0.9, 0.5])
AIRGLOW = np.outer(0.1 * Y, [0.6, 1.0, 0.6])
LATITUDE = np.abs(Y - 0.4 - 0.2 * X)
STARS = np.array([1.1, 1.0, 0.9])


def milky_way(rng, stars=STARS, sky=TOWN + AIRGLOW, hides=(2.4, 3.0, 3.9)):
    """The truth, the mesh, and a surface through the darkest cells, which follows the dust."""
    dust = gaussian_mean(rng.standard_normal((ROWS, COLUMNS)), 2.5).ravel()
    dust = np.maximum(dust / dust.std() - 0.5, 0)[:, np.newaxis]
    light = 0.8 * np.exp(-LATITUDE / 0.1) + 0.15 * np.exp(-LATITUDE / 1.5)
    seen = light[:, np.newaxis] * stars * np.exp(-dust * hides)
    values = sky + seen + NOISE * rng.standard_normal(seen.shape)
    return sky, *selected(values, seen[:, 1] < np.quantile(seen[:, 1], 0.1))


def selected(values, cells):
    noise = np.full(values.shape[1], NOISE)
    mesh = Mesh(4, (ROWS, COLUMNS), POINTS, values, np.ones(len(values)), noise)
    weight = np.where(cells, 1.0, 1e-4)
    coordinates = QUADRATIC.solve(values, weight, 1e-2)
    return mesh, Surface(QUADRATIC, coordinates, weight, 1e-2, 0.1, 0.0)


def errors(surface, sky):
    return (surface.values - sky).std(axis=0) / sky.std(axis=0)


def test_the_sky_is_found_before_stars_that_leave_none_of_it_bare(rng):
    off = []
    for _ in range(4):
        sky, mesh, surface = milky_way(rng)
        found = before_stars(surface, mesh, QUADRATIC, QUADRATIC)
        off.append([errors(each, sky) for each in (surface, found)])
    before, now = np.median(off, axis=0)
    assert (now < before / 2).all()
    assert (now < 0.2).all()
    # It is told, and the spline that is rendered is the same surface.
    assert found.guessed
    assert not surface.guessed
    rendered = found.splines.at(POINTS) @ found.coordinates
    np.testing.assert_allclose(rendered, found.values, atol=1e-9)


def test_differences_do_not_depend_on_how_bright_the_stars_are(rng):
    sky, mesh, surface = milky_way(rng)
    clouds = np.exp(gaussian_mean(rng.standard_normal((ROWS, COLUMNS)), 1.5).ravel())
    brighter = replace(mesh, values=mesh.values + 0.3 * np.outer(clouds, STARS))
    found = before_stars(surface, brighter, QUADRATIC, QUADRATIC)
    turn = STARS[:2] / STARS[2]
    wrong, true = (each[:, :2] - each[:, 2:] * turn for each in (found.values - sky, sky))
    assert (wrong.std(axis=0) < 0.2 * true.std(axis=0)).all()


def test_stars_that_somebody_knows_to_be_sky_stay_in_it(rng):
    mesh = milky_way(rng)[1]
    known = (POINTS[:, 0] > 0.8) & (POINTS[:, 1] > 0.8)
    through = selected(mesh.values, known)[1]
    assert before_stars(through, mesh, QUADRATIC, QUADRATIC).guessed
    told = replace(mesh, known=known.astype(float))
    assert before_stars(through, told, QUADRATIC, QUADRATIC) is None


OTHERS = (
    *("seen", "mono", "the stars' colour", "many colours", "multiples", "no dust", "lit dust"),
    *("little dust", "hydrogen"),
)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_skies_are_left_alone(rng, kind):
    if kind == "the stars' colour":
        _, mesh, surface = milky_way(rng, sky=np.outer(0.2 * X, STARS))
    elif kind == "many colours":
        _, mesh, surface = milky_way(rng, stars=rng.random((len(POINTS), 3)))
    elif kind == "no dust":
        _, mesh, surface = milky_way(rng, hides=(0, 0, 0))
    elif kind == "lit dust":
        _, mesh, surface = milky_way(rng, hides=(-0.4, -0.3, -0.2))
    elif kind == "little dust":
        few = (POINTS[:, 0] < 0.3)[:, np.newaxis]
        _, mesh, surface = milky_way(rng, hides=few * [2.4, 3.0, 3.9])
    elif kind == "hydrogen":  # clouds of red light before stars that no dust hides: no darker
        _, mesh, surface = milky_way(rng, hides=(0, 0, 0))
        clouds = gaussian_mean(rng.standard_normal((ROWS, COLUMNS)), 2.5).ravel()
        clouds = np.maximum(clouds - clouds.std(), 0)
        mesh = replace(mesh, values=mesh.values + np.outer(clouds, [1.0, 0.1, 0.1]))
    else:
        _, mesh, surface = milky_way(rng)
    if kind == "seen":
        surface = replace(surface, explained=SEEN)
    elif kind == "mono":
        mesh, surface = selected(mesh.values[:, :1], surface.weight > 0.5)
    elif kind == "multiples":
        surface = replace(surface, joint=(mesh, surface))
    assert before_stars(surface, mesh, QUADRATIC, QUADRATIC) is None

"""The sky behind objects that hide most of a frame: beside the light that fades around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.sky import outskirts
from fastbg.sky.basis import Basis
from fastbg.sky.grid import grid_side
from fastbg.sky.mesh import Mesh
from fastbg.sky.outskirts import SEEN, behind_outskirts, guess
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
QUADRATIC = Basis(POINTS, grid_side(len(POINTS))).of_degree(2)
TILT = 0.02 * POINTS @ [1.0, -0.5] + 0.01 * (POINTS[:, 0] - 0.2) ** 2
EDGE = COLUMNS * (POINTS[:, 1] - 0.45)
"""Cells to the right of the outline of an object that hides the right of the frame."""
FADING = 0.05 * np.exp(np.minimum(EDGE, 6) / 2)


def selected(values, weight):
    """The mesh of values, (P, K), and the quadratic surface through some of its cells."""
    mesh = Mesh(4, (ROWS, COLUMNS), POINTS, values, np.ones(len(values)), np.full(2, NOISE))
    coordinates = QUADRATIC.solve(values, weight, 1e-2)
    return mesh, Surface(QUADRATIC, coordinates, weight, 1e-2, 0.2, 0.0)


def seen(light, rng):
    """A sky in two channels with light, (P, K), where it is faint enough to be taken for sky."""
    sky = np.stack([TILT, 2 * TILT + 0.04 * POINTS[:, 1]], axis=1)
    values = sky + light + NOISE * rng.standard_normal(sky.shape)
    weight = np.where((light < 1.5 * NOISE).all(axis=1), 1.0, 1e-4)
    return sky, *selected(values, weight)


def errors(surface, sky):
    return (surface.values - sky).std(axis=0) / sky.std(axis=0)


def test_faint_light_that_fades_around_an_object_does_not_bend_the_sky(rng):
    off = []
    for _ in range(4):
        sky, mesh, surface = seen(np.stack([FADING, FADING], axis=1), rng)
        behind = behind_outskirts(surface, mesh, QUADRATIC, QUADRATIC)
        off.append([errors(each, sky) for each in (surface, behind)])
    before, now = np.mean(off, axis=0)
    # What was taken for sky has up to 1.5 times the noise of that light in it.
    assert (now < before / 2).all()
    # It is told.
    assert behind.guessed
    assert not surface.guessed
    # The spline that is rendered is the same surface.
    rendered = behind.splines.at(POINTS) @ behind.coordinates
    np.testing.assert_allclose(rendered, behind.values, atol=1e-9)


def test_the_outline_is_found_anew_where_the_surface_has_followed_the_object(rng, monkeypatch):
    off = []
    for _ in range(4):
        light = np.stack([FADING, FADING], axis=1)
        sky, mesh, surface = seen(light, rng)
        lit = np.where((light < 10 * NOISE).all(axis=1) & (POINTS[:, 0] < 0.4), 1.0, 1e-4)
        surface = selected(mesh.values, lit)[1]
        for times in (1, outskirts.OUTLINES):
            monkeypatch.setattr(outskirts, "OUTLINES", times)
            off.append(errors(behind_outskirts(surface, mesh, QUADRATIC, QUADRATIC), sky).mean())
        monkeypatch.undo()
    once, anew = np.reshape(off, (-1, 2)).mean(axis=0)
    assert anew < 0.8 * once


def test_an_object_in_one_channel_hides_no_sky_in_another(rng):
    sky, mesh, surface = seen(np.stack([FADING, 0 * FADING], axis=1), rng)
    now = errors(behind_outskirts(surface, mesh, QUADRATIC, QUADRATIC), sky)[1]
    # The whole frame tells the second channel, and the surface a part of it.
    assert now < 0.6 * errors(surface, sky)[1]


def test_where_no_object_is_the_sky_is_that_of_all_cells(rng):
    sky, mesh, surface = seen(np.zeros((len(POINTS), 2)), rng)
    few = np.where(rng.random(len(POINTS)) < 0.1, 1.0, 1e-4)
    found = behind_outskirts(replace(surface, weight=few), mesh, QUADRATIC, QUADRATIC)
    whole = QUADRATIC.matrix @ QUADRATIC.solve(mesh.values, mesh.weight, 1e3)
    assert (errors(found, sky) < 1.5 * errors(replace(surface), sky) + 0.01).all()
    assert (np.abs(found.values - whole) < 2 * NOISE).all()


def test_what_somebody_knows_to_be_sky_is_no_outskirts(rng):
    bump = 0.004 * np.exp(-((COLUMNS * (POINTS[:, 1] - 0.2)) ** 2) / 8)
    _, mesh, surface = seen(np.stack([FADING, FADING], axis=1), rng)
    lit = replace(mesh, values=mesh.values + bump[:, np.newaxis])
    known = replace(lit, known=(bump > 1e-3).astype(float))
    without, with_known = (
        behind_outskirts(surface, each, QUADRATIC, QUADRATIC) for each in (lit, known)
    )
    there = bump > 1e-3
    nearer = [np.abs(lit.values - each.values)[there].mean() for each in (without, with_known)]
    assert nearer[1] < nearer[0]


def test_a_guess_is_as_near_to_what_is_known_to_be_sky_as_the_surface_was(rng):
    sky, mesh, _ = seen(np.stack([FADING, FADING], axis=1), rng)
    there = (POINTS < 0.2).all(axis=1)
    surface = selected(mesh.values, there)[1]
    known = replace(mesh, known=there.astype(float))
    off = np.where(there, 1.0, -40.0)[:, np.newaxis] * NOISE
    # What is far from them elsewhere is no worse a guess, and without them nobody knows.
    assert guess(surface, sky + off, known, QUADRATIC).guessed
    assert guess(surface, sky - 8 * off, known, QUADRATIC) is None
    assert guess(surface, sky - 8 * off, mesh, QUADRATIC).guessed


KEPT = ("enough is sky", "enough is explained", "multiples", "all above", "one colour", "darker")


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_seen_or_cannot_be_told_is_left_alone(rng, kind):
    _, mesh, surface = seen(np.stack([FADING, FADING], axis=1), rng)
    if kind == "enough is sky":
        surface = replace(surface, weight=np.where(POINTS[:, 0] < SEEN + 0.05, 1.0, 0.0))
    elif kind == "enough is explained":
        surface = replace(surface, explained=SEEN)
    elif kind == "multiples":
        surface = replace(surface, joint=(mesh, surface))
    elif kind == "one colour":
        alike = np.outer(TILT + FADING, [1.0, 2.0]) + NOISE * rng.standard_normal((len(TILT), 2))
        mesh = replace(mesh, values=alike)
    elif kind == "darker":  # as before smoke: of what the surface does not explain, most is below
        assert behind_outskirts(replace(surface, below=0.35), mesh, QUADRATIC, QUADRATIC)
        surface = replace(surface, below=0.45)
    else:
        mesh = replace(mesh, values=mesh.values + 1)
    assert behind_outskirts(surface, mesh, QUADRATIC, QUADRATIC) is None

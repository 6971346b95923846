"""Skies that hardly show: behind smooth dust, behind clouds, and lit by two towns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_sky_selection import cells_from, lit_nebula

from fastbg import remove_background
from fastbg.sky.basis import Basis
from fastbg.sky.clouds import DOUBT, STIFFNESS, are_clouds, without_fine_clouds
from fastbg.sky.colour import joint_channels
from fastbg.sky.quiet import quiet_cells
from fastbg.sky.selection import select_surfaces
from fastbg.sky.surface import PROTECTIONS

AUTO = PROTECTIONS["auto"]
SHAPE = (160, 240)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[1]
SKY = 1 + 0.3 * X + 0.2 * Y**2
COLOUR = np.array([0.3, 0.2, 0.1])


def noise(rng, channels=3, deviation=0.01):
    return rng.normal(0, deviation, (*SHAPE, channels))


def waves(turn=0.0):
    """Smooth structure everywhere, of about 1."""
    first = np.sin(13 * X + 8 * Y + turn) + np.sin(15 * Y - 7 * X)
    return first + 0.6 * np.sin(19 * X - 6 * Y)


def error(found, truth):
    """Of a surface at cells, relative to a true sky, (h, w) or (h, w, K)."""
    expected = cells_from(truth).values
    return ((found.values - expected).std(axis=0) / expected.std(axis=0)).max()


def found_in(data, how=AUTO):
    return select_surfaces(cells_from(data), how)[-1]


@pytest.mark.parametrize("seed", [1, 2])
def test_smooth_dark_dust_over_two_fifths_of_a_frame_is_not_followed(seed):
    dust = 0.15 * np.maximum(waves(seed) - np.quantile(waves(seed), 0.6), 0)
    data = (SKY - dust)[..., np.newaxis] + noise(np.random.default_rng(seed), 1)
    assert error(found_in(data), SKY) < 0.05  # .18 if it were


def test_quiet_cells_are_those_between_objects_unless_sky_is_known(rng):
    light = np.maximum(waves(), 0)[..., np.newaxis]
    mesh = cells_from(SKY[..., np.newaxis] + light + noise(rng, 1))
    lit = cells_from(light).values[:, 0] > 0.3
    quiet = quiet_cells(mesh)
    assert (quiet[lit] < 0.1).all()
    assert np.mean(quiet[~lit]) > 0.1
    known = replace(mesh, known=lit.astype(float))
    assert quiet_cells(known) is None


def test_where_structure_is_everywhere_nothing_is_quiet(rng):
    grain = np.kron(rng.normal(0, 0.2, (40, 60)), np.ones((4, 4)))[..., np.newaxis]
    assert quiet_cells(cells_from(1 + grain + noise(rng, 1))) is None


def clouds(rng):
    """Light of one colour on all scales, its large part, and the image."""
    grain = np.kron(rng.normal(0, 0.5, (40, 60)), np.ones((4, 4)))
    large = np.multiply.outer(SKY + 0.2 * waves(), COLOUR)
    return large, large + np.multiply.outer(np.exp(grain), 0.2 * COLOUR) + noise(rng, 3, 0.002)


def test_clouds_in_the_colour_of_the_sky_are_followed_and_doubted(rng):
    large, data = clouds(rng)
    found = found_in(data)
    assert error(found, large) < 0.25
    assert found.doubts == (DOUBT,)
    report = remove_background(data.astype(np.float32)).report
    assert any(DOUBT in doubt for doubt in report["doubts"])


FINE = 0.03 * np.sin(24 * X + 8 * Y) * np.sin(24 * Y - 12 * X)


def thin_clouds(rng):
    """Light of one colour that is smooth, of which `FINE` is the smallest part."""
    soft = np.sin(8 * X + 5 * Y) + np.sin(9 * Y - 4 * X) + 0.6 * np.sin(11 * X - 4 * Y)
    return np.multiply.outer(SKY + 0.2 * soft + FINE, COLOUR) + noise(rng, 3, 0.002)


def followed(surface):
    """The part of the fine clouds that a surface follows."""
    fine = cells_from(np.multiply.outer(FINE, COLOUR)).values
    return (surface.values * fine).sum() / (fine**2).sum()


def test_of_thin_clouds_a_surface_takes_what_is_large(rng):
    mesh = cells_from(thin_clouds(rng))
    found = select_surfaces(mesh, AUTO)[-1]
    assert found.stiffness == STIFFNESS
    softer = replace(found, stiffness=1e-6).solved(mesh)
    assert followed(found) < 0.7 * followed(softer)
    # By hand, or where clouds are not looked for, the surface is the one that was asked for.
    by_hand = select_surfaces(mesh, AUTO, flexibility=found.choice.flexibility + 1)[-1]
    assert by_hand.stiffness != STIFFNESS
    assert select_surfaces(mesh, PROTECTIONS["strong"])[-1].stiffness != STIFFNESS


@pytest.mark.parametrize("change", ["convex", "plain", "two colours", "known"])
def test_what_bends_for_another_cause_keeps_its_bends(change, rng):
    data = thin_clouds(rng)
    if change == "two colours":
        data = data + np.multiply.outer(waves(), [0.0, 0.01, 0.02])
    mesh = cells_from(data)
    bends = replace(select_surfaces(mesh, AUTO)[-1], stiffness=1e-6)
    if change == "convex":
        bends = replace(bends, concave=0.15)
    elif change == "plain":
        explained = (0.6, *bends.choice.explained[1:])
        bends = replace(bends, choice=replace(bends.choice, explained=explained))
    elif change == "known":
        mesh = replace(mesh, known=np.ones(len(mesh.weight)))
    assert without_fine_clouds(bends, mesh) is bends


@pytest.mark.parametrize("reach", [0.2, 0.25])
def test_the_light_of_a_town_is_no_cloud(reach, rng):
    dome = 8 * np.exp((0.08 - np.hypot(Y - 0.2, X - 1.08)) / reach)
    truth = np.multiply.outer(1 + dome, COLOUR)
    found = found_in(truth + noise(rng))
    assert found.stiffness < STIFFNESS
    assert error(found, truth) < 0.015  # .05 if it were


def test_clouds_can_be_protected(rng):
    assert found_in(clouds(rng)[1], PROTECTIONS["strong"]).doubts == ()


@pytest.mark.parametrize("change", ["one channel", "copies", "two colours", "known", "bare sky"])
def test_what_may_be_objects_is_no_cloud(change, rng):
    _, data = clouds(rng)
    if change == "one channel":
        data = data[..., :1]
    elif change == "copies":
        data = np.repeat(data[..., :1], 3, axis=2)
    elif change == "two colours":
        data = data + np.multiply.outer(waves(), [0.0, 0.01, 0.02])
    elif change == "bare sky":
        data = np.where(X[..., np.newaxis] < 0.4, np.multiply.outer(SKY, COLOUR), data)
        data = data + noise(rng, 3, 0.002)
    mesh = cells_from(data)
    selected = select_surfaces(mesh, AUTO)[-1]
    if change == "known":
        mesh = replace(mesh, known=np.ones(len(mesh.weight)))
    assert change == "known" or not selected.doubts
    assert not are_clouds(
        mesh, selected if change == "bare sky" else replace(selected, explained=0.1)
    )


def test_the_shapes_of_two_lights_show_behind_a_nebula(rng):
    truth, data = lit_nebula(rng, second=1.0)
    mesh = cells_from(data)
    joint = joint_channels(mesh, Basis(mesh.points, 10).of_degree(3))
    assert joint.values.shape[1] == 2
    lights = cells_from(truth).values
    shapes = np.column_stack([joint.values, np.ones(len(lights))])
    left = lights - shapes @ np.linalg.lstsq(shapes, lights)[0]
    assert (left.std(axis=0) < 0.03 * lights.std(axis=0)).all()


def test_channels_of_a_sky_of_two_lights_are_sums_of_two_shapes(rng):
    truth, data = lit_nebula(rng, second=1.0)
    found = found_in(data)
    shapes = found.values - found.values.mean(axis=0)
    assert np.linalg.matrix_rank(shapes, 1e-6 * np.linalg.norm(shapes)) == 2
    assert error(found, truth) < 0.01

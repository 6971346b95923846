"""Differences between channels bend no more than they must."""

from __future__ import annotations

import numpy as np
import pytest

from fastbg.sky.basis import Basis
from fastbg.sky.colour import joint_channels, stiffer_differences
from fastbg.sky.mesh import Mesh
from fastbg.sky.surface import LOWEST, PROTECTIONS, fit_surface, lower_envelope

ROWS, COLUMNS, NOISE = 30, 45, np.array([1e-3, 2e-3, 1.5e-3])
AUTO = PROTECTIONS["auto"]
STIFFNESSES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


def points():
    axes = ((np.arange(n) + 0.5) / n for n in (ROWS, COLUMNS))
    return np.stack([each.ravel() for each in np.meshgrid(*axes, indexing="ij")], axis=1)


def mesh_of_light(rng, *layers):
    light = sum(np.multiply.outer(pattern, colour) for pattern, colour in layers)
    values = light + NOISE * rng.standard_normal(light.shape)
    return Mesh(4, (ROWS, COLUMNS), points(), values, np.ones(len(values)), NOISE)


def flexible(mesh):
    splines = Basis(mesh.points, 14).of_degree(3)
    return fit_surface(splines, mesh, mesh.weight, 1e-8, AUTO)


def dome(x=0.5):
    y, place = points().T
    return 0.2 * np.exp(-np.hypot(1.1 - y, place - x) / 0.2)


def deviation(surface, pattern, colour):
    return (surface.values - np.multiply.outer(pattern, colour)).std(axis=0)


def test_noise_makes_no_blotches_of_colours(rng):
    colour = np.array([1.0, 0.8, 0.6])
    mesh = mesh_of_light(rng, (dome(), colour))
    before = flexible(mesh)
    after = stiffer_differences(before, mesh, STIFFNESSES)
    shared = (before.values / NOISE).sum(axis=1)
    np.testing.assert_allclose((after.values / NOISE).sum(axis=1), shared, rtol=1e-9)
    off = deviation(before, dome(), colour), deviation(after, dome(), colour)
    assert np.linalg.norm(off[1]) < 0.95 * np.linalg.norm(off[0])


def test_differences_are_never_softer_than_the_surface(rng):
    """The first candidate of a chain is softer than the second one."""
    mesh = mesh_of_light(rng, (dome(), np.array([1.0, 0.8, 0.6])))
    stiff = fit_surface(Basis(mesh.points, 14).of_degree(3), mesh, mesh.weight, 1e-2, AUTO)
    assert stiffer_differences(stiff, mesh, [2e-3]) is stiff


def test_lights_of_two_colours_keep_them(rng):
    warm, cold = np.array([1.0, 0.6, 0.3]), np.array([0.3, 0.6, 1.0])
    mesh = mesh_of_light(rng, (dome(0.2), warm), (dome(0.8), cold))
    before = flexible(mesh)
    after = stiffer_differences(before, mesh, STIFFNESSES)
    truth = np.multiply.outer(dome(0.2), warm) + np.multiply.outer(dome(0.8), cold)
    off = [(each.values - truth).std(axis=0) for each in (before, after)]
    assert (off[1] < off[0] + 0.3 * NOISE).all()


@pytest.mark.parametrize("stiffnesses", [(), STIFFNESSES])
def test_one_channel_has_no_differences(rng, stiffnesses):
    mesh = mesh_of_light(rng, (dome(), np.ones(3)))
    mono = Mesh(4, mesh.shape, mesh.points, mesh.values[:, :1], mesh.weight, NOISE[:1])
    surface = flexible(mono)
    assert stiffer_differences(surface, mono, stiffnesses) is surface


def test_without_noise_no_sum_of_the_channels_is_told_by_rounding():
    y, x = points().T
    light = np.multiply.outer(0.01 * (x + y) + (np.hypot(y - 0.5, x - 0.5) < 0.1), NOISE)
    mesh = Mesh(4, (ROWS, COLUMNS), points(), light, np.ones(len(light)), np.zeros(3))
    assert joint_channels(mesh, Basis(mesh.points, 14).of_degree(3)) is None


def test_multiples_of_a_shape_are_found_by_a_twentieth_of_the_frame(rng):
    y, x = points().T
    away = np.hypot(y - 0.45, x - 0.4) * np.exp(0.2 * np.sin(9 * x + 1) * np.cos(7 * y))
    halo = 2 * np.maximum(np.quantile(away, 0.95) - away, 0)
    sky = np.multiply.outer(x, [0.2, 0.15, 0.1])
    mesh = mesh_of_light(rng, (x, np.array([0.2, 0.15, 0.1])), (halo, np.array([0.5, 0.6, 0.7])))
    splines = Basis(mesh.points, 14).of_degree(3)
    shape = splines.multiples(splines.solve(x[:, np.newaxis], mesh.weight, 1e-2))

    def error(*envelope):
        weight = lower_envelope(shape, mesh, *envelope)
        found = fit_surface(shape, mesh, weight, 1e-2, AUTO)
        return ((found.values - sky).std(axis=0) / sky.std(axis=0)).mean()

    assert error() > 0.5
    assert error(*LOWEST) < 0.03

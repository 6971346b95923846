"""The sky found in the image itself: smooth, robust, and no object in it."""

from __future__ import annotations

import numpy as np
import pytest
from cases import diagonal, some
from hypothesis import given, settings
from hypothesis import strategies as st

import scenes
from fastbg import Settings, remove_background
from fastbg.errors import InputError
from fastbg.sky.basis import Basis
from fastbg.sky.colour import joint_channels
from fastbg.sky.mesh import cell_count, mesh_of
from fastbg.sky.selection import MOST_FITS, select_surfaces
from fastbg.sky.surface import PROTECTIONS
from fastbg.sky.thin_plate import ORDER
from fastbg.spline.spline import phi, spline_values

AUTO = PROTECTIONS["auto"]


def places(height, width):
    return (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width


def points_of(height, width):
    return np.stack(np.meshgrid(*places(height, width), indexing="ij"), axis=-1).reshape(-1, 2)


def cells_from(data):
    """Of (h, w) or (h, w, K), NaN = missing."""
    data = np.atleast_3d(np.asarray(data, np.float64))
    weight = np.isfinite(data).all(axis=2, keepdims=True) * np.ones(data.shape)
    return mesh_of(data, weight, *places(*data.shape[:2]))


def sky_of(data, how="auto"):
    """The surface over the cells, rows by columns by channels, and the last step."""
    mesh = cells_from(data)
    found = select_surfaces(mesh, PROTECTIONS[how])[-1]
    return found.values.reshape(*mesh.shape, -1), found, mesh


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_polynomials_of_the_degree_are_free(rng, degree):
    points = rng.random((300, 2))
    splines = Basis(points, 7).of_degree(degree)
    y, x = points.T - 0.5
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    truth = sum(rng.normal() * y**i * x**j for i, j in powers)[:, np.newaxis]
    found = splines.matrix @ splines.solve(truth, np.ones(300), 1e3)
    # Splines through a polynomial at the centres are close to it between them.
    assert np.abs(found - truth).max() < (1e-6 if degree == 1 else 0.02) * np.ptp(truth)


@settings(max_examples=25)
@given(st.integers(2, 8), st.integers(1, 3), st.integers(0, 99))
def test_the_spline_is_the_surface_and_its_energy_what_was_paid(side, degree, seed):
    if degree >= side:
        return
    rng = np.random.default_rng(seed)
    points = rng.random((40, 2))
    splines = Basis(points, side).of_degree(degree)
    coordinates = rng.normal(size=(splines.matrix.shape[1], 2))
    spline = splines.spline(coordinates)
    np.testing.assert_allclose(
        spline_values(spline, points), splines.matrix @ coordinates, rtol=1e-6, atol=1e-7
    )
    np.testing.assert_allclose(spline.weights.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(spline.centres.T @ spline.weights, 0, atol=1e-6)
    if degree == 1:
        squares = ((spline.centres[:, np.newaxis] - spline.centres) ** 2).sum(axis=2)
        energy = np.einsum("ik,ij,jk->k", spline.weights, phi(squares, ORDER), spline.weights)
        paid = (coordinates[splines.free :] ** 2).sum(axis=0)
        np.testing.assert_allclose(energy, paid, rtol=1e-6)


@settings(max_examples=8)
@given(st.integers(4, 130), st.integers(4, 130), st.integers(0, 99))
def test_cells_are_medians_of_what_may_be_used(height, width, seed):
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(height, width, 2))
    data[rng.random((height, width)) < 0.3] = np.nan
    weight = np.where(np.isnan(data), 0, rng.random(data.shape))
    y, x = places(height, width)
    mesh = mesh_of(data, weight, y, x)
    side = max(1, round(min(height, width) / 40))
    assert mesh.side == side
    enough, medians, points = [], [], []
    for top in range(0, height, side):
        for left in range(0, width, side):
            part = (slice(top, top + side), slice(left, left + side))
            used = (weight[part] > 0).all(axis=2)
            enough.append(used.sum() > side**2 / 2)
            medians.append(np.median(data[part][used], axis=0) if enough[-1] else [0, 0])
            points.append([y[part[0]].mean(), x[part[1]].mean()])
    np.testing.assert_array_equal(mesh.weight > 0, enough)
    np.testing.assert_allclose(mesh.values[enough], np.array(medians)[enough])
    np.testing.assert_allclose(mesh.points, points)
    assert len(enough) == len(mesh.values) == np.prod(mesh.shape)


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(12, 9000), st.booleans(), st.integers(0, 99))
def test_cells_of_a_strip_are_medians_across(across, along, tall, seed):
    data = np.random.default_rng(seed).normal(size=(across, along, 2))
    data = data.swapaxes(0, 1) if tall else data
    mesh = mesh_of(data, np.ones(data.shape), *places(*data.shape[:2]))
    rows, columns = mesh.shape[::-1] if tall else mesh.shape
    assert rows == 4
    assert rows * columns == cell_count(*data.shape[:2]) <= 8192 + rows
    values = mesh.values.reshape(*mesh.shape, 2)
    values = values.swapaxes(0, 1) if tall else values
    np.testing.assert_array_equal(values, np.broadcast_to(values[:1], values.shape))
    medians = np.median(data, axis=1 if tall else 0)
    last = columns - 1
    np.testing.assert_allclose(values[0, 0], np.median(medians[: mesh.side], axis=0))
    np.testing.assert_allclose(
        values[0, last - 1], np.median(medians[(last - 1) * mesh.side : last * mesh.side], axis=0)
    )


@pytest.mark.parametrize("shape", [(1, 300), (3, 500), (7, 2000), (60, 90)], ids=str)
def test_a_mesh_turns_with_its_image(rng, shape):
    data = rng.normal(size=(*shape, 2))
    lying, standing = cells_from(data), cells_from(data.swapaxes(0, 1))
    values = lying.values.reshape(*lying.shape, 2).swapaxes(0, 1)
    np.testing.assert_array_equal(standing.values.reshape(values.shape), values)
    np.testing.assert_array_equal(standing.noise, lying.noise)
    assert (lying.noise > 0).all()


@pytest.mark.parametrize(
    ("factor", "shape"),
    diagonal(
        [8, "auto"],
        [(1, 2000), (2, 2000), (5, 2000), (10, 2000), (16, 3000), (24, 2000), (1000, 8), (2000, 5)],
    ),
    ids=str,
)
def test_a_strip_is_fitted_along(shape, factor):
    height, width = shape
    y, x = places(height, width)
    along = np.broadcast_to(x if width > height else y[:, np.newaxis], shape)
    sky = 0.06 + 0.02 * along + 0.01 * np.sin(2.5 * along)
    rng = np.random.default_rng(1)
    image = sky + rng.normal(0, 0.001, shape)
    image[rng.random(shape) < 0.01] += 0.05
    model = remove_background(image.astype(np.float32), downscaling_factor=factor).background
    assert np.std(model - sky) < 0.06 * np.std(sky)


@pytest.mark.parametrize(
    ("shape", "options", "cure"),
    [
        ((3, 3), {}, "give one of at least 12 pixels"),
        ((3, 3), {"downscaling_factor": 8}, "give one of at least 12 pixels"),
        ((3, 3), {"control_points": 10}, "use fewer points$"),
        ((16, 40), {"downscaling_factor": 8}, "use a smaller factor"),
    ],
    ids=str,
)
def test_what_helps_a_small_image_is_told(rng, shape, options, cure):
    with pytest.raises(InputError, match=cure):
        remove_background(rng.normal(1, 0.1, shape), **options)


@pytest.mark.parametrize("shape", [(40, 60), (200, 300)])
def test_the_noise_of_cells_is_theirs(rng, shape):
    mesh = cells_from(rng.normal(0, 3, (*shape, 2)))
    scatter = mesh.values[mesh.usable].std(axis=0)
    # The quietest fifth is taken, which lies below the rest where cells are small.
    assert (mesh.noise < 1.1 * scatter).all()
    assert (mesh.noise > 0.2 * scatter).all()


@pytest.mark.parametrize(
    ("scale", "level", "turns", "mirrored"),
    [(1e-12, 5, 1, False), (1e-3, -3, 2, True), (1e5, 0, 3, True)],
)
def test_level_scale_and_direction_do_not_matter(scale, level, turns, mirrored):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:48, :60] / 60
    data = 2 + x - y**2 + rng.normal(0, 0.02, x.shape)
    data[10:25, 20:40] += 1
    surface, _, _ = sky_of(data)
    other = np.rot90(data, turns)
    other = other[:, ::-1] if mirrored else other
    again, _, _ = sky_of(scale * (other + level))
    again = again[:, ::-1] if mirrored else again
    again = np.rot90(again, -turns) / scale - level
    np.testing.assert_allclose(again, surface, atol=2e-3)


def lit_nebula(rng, second=0.0):
    """A sky of one light, and of a second one, behind a nebula over most of it."""
    y, x = np.mgrid[:160, :240] / 240
    lights = (x + y**2)[..., np.newaxis] * [0.3, 0.2, 0.1]
    lights = lights + second * (1 - y)[..., np.newaxis] * [0.0, 0.3, 0.0]
    waves = np.sin(20 * x + 9 * y) + np.sin(31 * y - 7 * x) + np.sin(6 * x + 11 * y)
    nebula = np.maximum(waves + 1, 0)[..., np.newaxis] * [0.03, 0.04, 0.06]
    return 1 + lights, 1 + lights + nebula + rng.normal(0, 0.003, (160, 240, 3))


def test_a_nebula_cancels_in_a_sum_of_the_channels(rng):
    truth, data = lit_nebula(rng)
    mesh = cells_from(data)
    splines = Basis(mesh.points, 10).of_degree(3)
    one = joint_channels(mesh, splines)
    light = cells_from(truth).values[:, 0]
    assert abs(np.corrcoef(one.values[:, 0], light)[0, 1]) > 0.999
    assert abs(np.corrcoef(mesh.values[:, 2], light)[0, 1]) < 0.9
    scaled = joint_channels(cells_from(data * [2.0, 0.5, 30.0] + [0, 1, 2]), splines)
    assert abs(np.corrcoef(one.values[:, 0], scaled.values[:, 0])[0, 1]) > 1 - 1e-6
    assert joint_channels(cells_from(data[..., :1]), splines) is None
    assert joint_channels(cells_from(lit_nebula(rng, second=1.0)[1]), splines).values.shape[1] == 2
    assert joint_channels(cells_from(data - truth), splines) is None


def test_a_sky_of_one_light_is_found_behind_a_nebula(rng):
    truth, data = lit_nebula(rng)
    surface = sky_of(data)[0]
    off = surface - cells_from(truth).values.reshape(surface.shape)
    assert (off.std(axis=(0, 1)) < 0.1 * truth.std(axis=(0, 1))).all()
    shapes = surface.reshape(-1, 3) - surface.mean(axis=(0, 1))
    assert np.linalg.matrix_rank(shapes, 1e-6) == 1, "channels are multiples of one shape"


def test_objects_are_no_sky(rng):
    y, x = np.mgrid[:200, :300] / 300
    truth = 1 + 0.5 * x + 0.3 * y**2
    data = truth + rng.normal(0, 0.03, truth.shape)
    blob = np.exp(-((y - 0.3) ** 2 + (x - 0.5) ** 2) / 0.01)
    data += 2 * blob
    data[:, :20] = np.nan
    surface, found, mesh = sky_of(data)
    expected = cells_from(truth).values.reshape(surface.shape)
    assert np.abs(surface - expected).std() < 0.01
    weight = found.weight.reshape(mesh.shape)
    middle, corner = weight[mesh.shape[0] // 2, mesh.shape[1] // 2], weight[-5:, -5:]
    assert middle < 0.01
    assert corner.mean() > 0.8
    assert (weight[:, :3] == 0).all()


def test_a_landscape_is_no_sky(rng):
    y, x = np.mgrid[:200, :300] / 300
    truth = 1 + 0.5 * np.exp((y - 0.5) / 0.3)
    data = truth + rng.normal(0, 0.01, truth.shape)
    land = y > 0.5 + 0.02 * np.sin(20 * x)
    data[land] = 0.2 + 0.1 * rng.random(land.sum())
    surface, found, mesh = sky_of(data)
    expected = cells_from(truth).values.reshape(surface.shape)
    above = mesh.points[:, 0].reshape(mesh.shape) < 0.7
    assert (surface - expected)[above].std() < 0.02 * expected.std()
    assert found.weight.reshape(mesh.shape)[-5:].max() < 0.01
    assert found.below == pytest.approx(land.mean(), abs=0.05)


LARGEST_ERRORS = {
    "star field": 2 * 0.0060,
    "light dome": 2 * 0.0200,
    "large nebula": 2 * 0.0258,
    "faint nebulosity": 2 * 0.1896,
    "nightscape": 2 * 0.0152,
    "narrowband": 2 * 0.0450,
    "galaxy": 2 * 0.0181,
    "moon": 2 * 0.0073,
    "satellite trails": 2 * 0.0069,
    "quantised": 2 * 0.0141,
}
"""Twice the errors of the default, measured as below: on scenes of 800 x 1200 pixels with the seed
31, with blocks of 4 x 4 pixels, by `scenes.error`. They do not depend on the number of threads."""


@pytest.mark.parametrize(
    "name",
    some(["large nebula", "faint nebulosity", "nightscape", "quantised"], LARGEST_ERRORS),
)
def test_every_kind_of_sky_is_found(name):
    scene = scenes.simulate(name, (800, 1200), 31)
    result = remove_background(scene.image, downscaling_factor=4)
    assert scenes.error(result.background, scene) < LARGEST_ERRORS[name]
    assert result.report["sky"]["explained"] > 0


def test_multiples_of_a_shape_follow_no_cirrus():
    """From the largest region without an edge, they explain more, and err by 0.32."""
    scene = scenes.simulate("galactic cirrus", (600, 900), 363)
    result = remove_background(scene.image)
    assert scenes.error(result.background, scene) < 0.2


@pytest.mark.parametrize(("name", "white"), [("star field", True), ("galaxy", False)])
def test_the_model_grows_by_what_is_added(name, white):
    """White light, or before a galaxy more of the light that is there: of two its sky is harder."""
    scene = scenes.simulate(name, (600, 900), 3)
    y, x = np.mgrid[:600, :900] / 900
    colour = np.ones(3) if white else scene.background[scene.valid].std(axis=0)
    added = ((0.01 * x + 0.02 * y**2)[..., np.newaxis] * colour / colour.max()).astype(np.float32)
    valid = scene.valid[..., np.newaxis]
    before, after = (
        remove_background(image, downscaling_factor=4).background
        for image in (scene.image, np.where(valid, scene.image + added, 0))
    )
    grown = (after - before - added)[scene.valid]
    # Which cells are sky changes a little, too.
    assert grown.std(axis=0).max() < 0.05 * added.std()


def test_stars_and_objects_are_protected_from_a_descent():
    scene = scenes.simulate("large nebula", (600, 900), 2)
    options = {"control_points": 9, "initializer": "grid", "downscaling_factor": 4, "epochs": 300}
    errors = {
        how: scenes.error(remove_background(scene.image, protect=how, **options).background, scene)
        for how in ("off", "strong")
    }
    assert errors["strong"] < 0.7 * errors["off"]


def test_threads_do_not_matter_and_steps_are_told(rng):
    scene = scenes.simulate("star field", (300, 400), 3)
    seen = []
    results = [
        remove_background(scene.image, threads=threads, progress=seen.append) for threads in (1, 3)
    ]
    np.testing.assert_array_equal(results[0].background, results[1].background)
    steps = [step for step in seen if step.stage == "protect"]
    done = [step.done for step in steps[: len(steps) // 2]]
    assert done == list(range(len(done)))
    assert 10 < len(done) <= MOST_FITS + 1
    assert {step.total for step in steps} == {MOST_FITS}


@pytest.mark.idle_settings
def test_settings_of_the_descent_are_told_to_be_idle():
    assert Settings().idle == []
    assert Settings(order=3, epochs=5).idle == ["order", "epochs"]
    assert Settings(control_points=4, order=3).idle == []
    assert Settings(control_points=4, learning_rate=0.1).idle == ["learning_rate"]
    assert Settings(control_points=4, learning_rate=0.1, optimizer="adam").idle == []
    scene = scenes.simulate("star field", (200, 300), 3)
    report = remove_background(scene.image, initializer="grid").report
    assert any("initializer had no effect" in line for line in report["warnings"])


def test_too_little_to_search_in_is_refused():
    with pytest.raises(InputError, match="only 8 of 8 parts of the image can be used"):
        select_surfaces(cells_from(np.ones((2, 2))), AUTO)


@pytest.mark.parametrize("shape", [(40, 40), (30, 400), (33, 47), (100, 20), (1, 60000)])
def test_small_images_have_a_sky_too(rng, shape):
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    image = (0.1 + 0.05 * x + 0.02 * y + rng.normal(0, 0.001, shape)).astype(np.float32)
    result = remove_background(image, downscaling_factor=2)
    off = result.background - (0.1 + 0.05 * x + 0.02 * y)
    assert off.std() < 0.001

"""A mask is obeyed: what it leaves is sky, whatever it looks like, but for stars."""

from __future__ import annotations

import numpy as np
import pytest
from cases import diagonal
from hypothesis import given
from hypothesis import strategies as st

import scenes
from fastbg import Settings, remove_background
from fastbg.errors import InputError
from fastbg.image.frame import Frame
from fastbg.image.image import Image
from fastbg.pipeline import Job
from fastbg.sky.least_squares import select_by_residuals
from fastbg.sky.mesh import Mesh
from fastbg.sky.stars import without_stars

SHAPE = (400, 600)
CORNERS = [(0, 0), (0, 599), (399, 0), (399, 599)]


def mesh_of_values(values, noise=1e-3):
    rows, columns, channels = values.shape
    y, x = ((np.arange(n) + 0.5) / n for n in (rows, columns))
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.ones(rows * columns)
    return Mesh(4, (rows, columns), points, values.reshape(-1, channels), weight, noise)


def comet(rng, corner):
    """An image, its background that rises towards a corner, and the weight without the coma."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 600
    distance = np.hypot(y - corner[0] / 600, x - corner[1] / 600)
    background = 0.1 + 0.01 * x + 0.05 * np.exp(-distance / 0.07)
    from_nucleus = np.hypot(y - 0.32, x - 0.5)
    image = background + 0.1 * np.exp(-from_nucleus / 0.06) + 0.002 * rng.normal(size=SHAPE)
    return image.astype(np.float32), background, (from_nucleus > 0.3).astype(np.float32)


@pytest.mark.parametrize("corner", CORNERS)
def test_a_corner_that_a_mask_leaves_is_sky(rng, corner):
    image, background, weight = comet(rng, corner)
    options = {"downscaling_factor": 4, "threads": 1}
    found = remove_background(image, weight=weight, **options)
    off = (found.background - background)[weight > 0]
    assert off.std() < 0.1 * background[weight > 0].std()
    with Job(Settings(**options)) as job:
        prepared = job.prepare(Frame(Image.from_samples(image)), Image.from_samples(weight))
    near = tuple(slice(0, 12) if place == 0 else slice(-12, None) for place in corner)
    assert prepared.problem.weight[near].mean() > 0.95


@pytest.mark.parametrize(
    ("size", "name"),
    diagonal([(200, 300), (400, 600)], ["light dome", "moon", "star field", "nightscape"]),
)
def test_a_mask_of_all_objects_is_as_good_as_the_search(name, size):
    scene = scenes.simulate(name, size, 3)
    objects = np.abs(scene.image - scene.background).max(axis=2)
    # Of objects, not of noise: medians of 5 x 5.
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(objects, 2, mode="edge"), (5, 5))
    weight = scene.valid & (np.median(windows, axis=(2, 3)) < 0.6 * scene.background.std())
    found = remove_background(scene.image, weight=weight)
    assert scenes.error(found.background, scene) < 0.12


def test_what_a_mask_hides_has_no_effect(rng):
    image, _, weight = comet(rng, CORNERS[0])
    weight = np.kron(weight[::4, ::4], np.ones((4, 4), np.float32))  # whole blocks
    other = np.where(weight > 0, image, rng.uniform(0.12, 0.14, SHAPE)).astype(np.float32)
    options = {"weight": weight, "downscaling_factor": 4}
    one, two = (remove_background(each, **options).background for each in (image, other))
    np.testing.assert_allclose(one - one.mean(), two - two.mean(), atol=1e-5)


def test_always_and_strong_find_objects_beside_a_mask_and_off_leaves_stars(rng):
    image, _, weight = comet(rng, CORNERS[3])
    image[60:140, 80:170] += 0.02  # an object that was not masked
    star = np.hypot(*np.ogrid[-300:100, -100:500]) < 12
    image[star] += 0.5

    def weights(protect):
        with Job(Settings(protect=protect, downscaling_factor=4)) as job:
            frame = Frame(Image.from_samples(image))
            return job.prepare(frame, Image.from_samples(weight)).problem.weight[..., 0]

    inside, starry = (slice(18, 32), slice(22, 29)), (slice(73, 77), slice(23, 27))
    found = {how: weights(how) for how in ("auto", "always", "strong", "off")}
    for how in ("always", "strong"):
        assert found[how][inside].mean() < 0.1 < 0.9 < found["auto"][inside].mean()
    assert found["auto"][starry].max() < 0.1
    assert found["off"][starry].min() == 1 == found["off"][inside].min()


def test_always_is_auto_without_a_mask_and_beside_one_of_sky_alone(rng):
    image, _, _ = comet(rng, CORNERS[0])
    plain = remove_background(image)
    assert remove_background(image, protect="always").background.tobytes() == (
        plain.background.tobytes()
    )
    # Thresholds that ignore nothing and a mask that masks nothing are the same.
    thresholds = {"threshold_min": 0.0, "threshold_max": 1.0}
    beside = remove_background(image, protect="always", weight=np.ones(SHAPE)).background
    assert beside.tobytes() == remove_background(image, **thresholds).background.tobytes()
    assert beside.tobytes() != remove_background(image, weight=np.ones(SHAPE)).background.tobytes()


def test_always_finds_objects_for_a_descent(rng):
    image, _, _ = comet(rng, CORNERS[0])
    image[60:140, 80:170] += 0.02
    few = {"control_points": 9, "epochs": 3, "downscaling_factor": 4}

    def weight(protect):
        with Job(Settings(protect=protect, **few)) as job:
            return job.prepare(Frame(Image.from_samples(image))).problem.weight[18:32, 22:39].mean()

    assert weight("always") < 0.1 < 0.9 < weight("auto")


def test_thresholds_are_no_mask(rng):
    image, _, _ = comet(rng, CORNERS[0])
    plain, widened = (
        remove_background(image, threshold_max=high).background for high in (1.0, 1.5)
    )
    np.testing.assert_array_equal(plain, widened)


@given(
    st.integers(0, 99),
    st.tuples(st.integers(5, 20), st.integers(5, 20)),
    st.floats(-100, 100),
    st.floats(-100, 100),
)
def test_nothing_stands_out_of_a_plane_and_a_spike_does(seed, shape, down, across):
    y, x = np.mgrid[: shape[0], : shape[1]]
    values = (down * y + across * x)[..., np.newaxis] + np.zeros(2)
    mesh = mesh_of_values(values, np.full(2, 0.1))
    assert without_stars(mesh)[0].usable.all()
    place = np.random.default_rng(seed).integers(values.shape[0] * values.shape[1])
    mesh.values[place, 1] += 100 * (abs(down) + abs(across) + 1)
    found, _ = without_stars(mesh)
    assert np.flatnonzero(~found.usable).tolist() == [place]


def test_the_surface_is_the_least_squares_of_all_cells(rng):
    """Its residual is orthogonal to what costs nothing, in every channel."""
    y, x = np.mgrid[:20, :30] / 30
    mesh = mesh_of_values(np.stack([np.exp(3 * x), np.sin(4 * y) + x], axis=-1))
    found = select_by_residuals(mesh)[-1]
    residual = mesh.values - found.values
    free = found.splines.matrix[:, : found.splines.free]
    assert np.abs(free.T @ residual).max() < 1e-6 * np.abs(mesh.values).sum()
    np.testing.assert_array_equal(found.weight, mesh.weight)


def test_too_few_cells_are_told():
    mesh = mesh_of_values(np.zeros((2, 3, 1)))
    with pytest.raises(InputError, match="only 6 of 6 parts of the image"):
        select_by_residuals(mesh)

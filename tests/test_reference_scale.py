"""What the scale, the own gradient and the flexibility of a reference are made of."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from fastbg.errors import InputError
from fastbg.image.downscale import block_centres
from fastbg.reference.band import COARSE, FINE, Band, _covariance
from fastbg.reference.combination import combine
from fastbg.reference.flexibility import by_residuals
from fastbg.reference.linearity import trend
from fastbg.reference.own_gradient import ENOUGH, LITTLE, own_gradient
from fastbg.simulate import fractal_noise
from fastbg.sky.mesh import mesh_of
from fastbg.sky.selection import select_surfaces
from fastbg.sky.surface import PROTECTIONS

SHAPE = (90, 120)
EVERYWHERE = np.ones(SHAPE, bool)
PART = np.repeat(np.arange(9), SHAPE[0] * SHAPE[1] // 9).reshape(SHAPE)


def noise(seed, size=SHAPE):
    return np.random.default_rng(seed).standard_normal(size)


def structure(seed=1):
    return fractal_noise(SHAPE, 1.5, np.random.default_rng(seed))


def combined(target, *reference, usable=EVERYWHERE):
    ours = Band.of(target[..., np.newaxis], usable)
    theirs = Band.of(np.stack(reference, axis=-1), usable)
    where = ours.inside
    return combine(
        ours.values[where, 0],
        theirs.values[where],
        theirs.derivatives[where],
        theirs.noise,
        PART[where],
    )


def test_a_band_holds_no_plane_and_is_linear():
    y, x = np.meshgrid(*map(np.arange, SHAPE), indexing="ij")
    usable = EVERYWHERE.copy()
    usable[40:43, 60:66] = False
    plane = Band.of((2.0 + 0.3 * y - 0.1 * x)[..., np.newaxis], EVERYWHERE)
    assert np.abs(plane.values[plane.inside]).max() < 0.01 * (0.3 * SHAPE[0] + 0.1 * SHAPE[1])
    one, other = structure(1)[..., np.newaxis], structure(2)[..., np.newaxis]
    bands = [Band.of(each, usable).values for each in (one, other, 2 * one - 3 * other)]
    inside = Band.of(one, usable).inside
    np.testing.assert_allclose(bands[2][inside], (2 * bands[0] - 3 * bands[1])[inside], atol=1e-9)


def test_the_noise_of_a_band_is_that_of_white_noise():
    band = Band.of(0.1 * noise(3, (240, 320))[..., np.newaxis], np.ones((240, 320), bool))
    all_four = np.concatenate([band.values[..., np.newaxis], band.derivatives], axis=-1)
    found = np.cov(all_four[band.inside][:, 0].T)
    np.testing.assert_allclose(np.diag(found), np.diag(band.noise[0]), rtol=0.2)
    assert FINE < COARSE


@pytest.mark.parametrize("pixel", [0.3, 0.53, 0.76, 1.52])
def test_the_noise_of_a_band_is_that_of_interpolated_noise(pixel):
    """As `fastbg.coordinates.aligned` interpolates it, turned a little."""
    count, size = 2 if pixel > 0.5 else 8, 200
    at = np.arange(size * count) / count + (1 / count - 1) / 2 - size / 2
    y, x = np.meshgrid(at, at, indexing="ij")
    source = noise(7, (int(1.6 * size / pixel),) * 2)
    places = np.stack([y - 0.13 * x, x + 0.13 * y]) / (np.hypot(1, 0.13) * pixel)
    values = map_coordinates(source, places + len(source) / 2, order=1)
    values = values.reshape(size, count, size, count).mean(axis=(1, 3))[..., np.newaxis]
    band = Band.of(values, np.ones((size, size), bool), max(1, 1.5 * pixel), pixel=pixel)
    all_four = np.concatenate([band.values[..., np.newaxis], band.derivatives], axis=-1)
    found = np.cov(all_four[band.inside][:, 0].T)
    np.testing.assert_allclose(np.diag(found), np.diag(band.noise[0]), rtol=0.2)


def test_a_faint_channel_has_its_factor_if_the_displacement_is_known():
    shape = (360, 480)
    everywhere, part = np.ones(shape, bool), np.arange(360)[:, np.newaxis] // 90 * np.ones(shape)
    light = fractal_noise(shape, 1.5, np.random.default_rng(1))
    ours = Band.of((2 * light)[..., np.newaxis], everywhere)
    band = Band.of(light[..., np.newaxis], everywhere)
    spread = float(
        band.values[band.inside].std() / np.sqrt(_covariance((FINE, COARSE), np.ones(1))[0, 0])
    )
    # Noise has 1.5 times the variance of what the band has of the light.
    reference = light + 1.22 * spread * noise(4, shape)
    theirs, at = Band.of(reference[..., np.newaxis], everywhere), ours.inside
    found = combine(
        *(ours.values[at, 0], theirs.values[at], theirs.derivatives[at], theirs.noise, part[at]),
        moved=np.zeros(3),
    )
    assert abs(found.factors[0] / 2 - 1) < 0.1


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
def test_the_factor_is_found_with_its_error_and_noise_does_not_flatten_it(factor):
    light = structure()
    reference = light + 0.3 * noise(4)
    plain = combined(factor * light + 0.1 * factor * noise(5), reference)
    assert abs(plain.factors[0] / factor - 1) < 4 * plain.error
    assert plain.error < 0.05


def test_a_displaced_image_that_is_less_sharp_has_the_same_factor():
    light = structure()
    shifted = np.roll(light, (1, 0), axis=(0, 1))
    blurred = (shifted + sum(np.roll(shifted, s, a) for s in (1, -1) for a in (0, 1))) / 5
    found = combined(2 * light, blurred)
    assert abs(found.factors[0] / 2 - 1) < 0.02
    assert abs(FINE * found.moved[0] - 1) < 0.1
    assert abs(FINE * found.moved[1]) < 0.1


def test_what_is_in_one_image_alone_does_not_count():
    light, trail = structure(), np.zeros(SHAPE)
    trail[np.arange(80), np.arange(80) + 10] = 5
    assert abs(combined(light, light + trail).factors[0] - 1) < 0.1
    assert abs(combined(light + trail, light).factors[0] - 1) < 0.1


def test_a_sum_of_channels_is_not_negative():
    red, green, blue = (structure(seed) for seed in (1, 2, 3))
    found = combined(0.7 * red + 0.2 * green - 0.1 * blue, red, green, blue)
    np.testing.assert_allclose(found.factors[:2], [0.7, 0.2], atol=0.03)
    assert found.factors[2] == 0
    assert not combined(-red, red).factors.any()
    assert combined(-red, red).error == np.inf


def test_channels_that_are_alike_and_noisy_leave_an_error():
    light = structure()
    found = combined(light + 0.05 * noise(9), *(light + noise(seed) for seed in (142, 143, 144)))
    assert abs(found.factors.sum() - 1) < 3 * found.error
    assert found.error > 0.05


def test_a_single_row_or_column_has_no_slope_across():
    for shape in ((1, 30), (30, 1), (1, 1)):
        band = Band.of(noise(1, (*shape, 1)), np.ones(shape, bool))
        assert np.isfinite(band.derivatives).all()


def test_light_in_few_places_leaves_numbers():
    light, part = np.where(np.arange(900) % 10, 0, noise(1, 900)), np.arange(900) % 9
    theirs = (light[:, None], np.zeros((900, 1, 3)), np.zeros((1, 4, 4)), part)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        assert np.isfinite(combine(2 * light, *theirs).factors).all()


def test_nothing_tells_nothing():
    found = combined(noise(1), noise(2))
    assert not found.factors.any() or found.error > 0.1
    nowhere = combined(structure(), structure(), usable=np.zeros(SHAPE, bool))
    assert nowhere.error == np.inf


@pytest.mark.parametrize(
    ("stretch", "rises"), [(lambda light: light, 0), (np.sqrt, 1), (np.square, -1)]
)
def test_a_stretch_of_the_reference_makes_the_scale_change_with_brightness(stretch, rises):
    light = structure() - structure().min() + 1
    reference = stretch(light) + 0.05 * noise(9)
    ours, theirs = (
        Band.of(each[..., np.newaxis], EVERYWHERE) for each in (light + 0.05 * noise(8), reference)
    )
    at = ours.inside
    found, error = trend(
        *(ours.values[at, 0], theirs.values[at, 0], PART[at], stretch(light)[at]),
        float(theirs.noise[0, 0, 0]),
    )
    assert found * rises > 6 * error if rises else abs(found) < 4 * error
    assert (abs(found) > 0.1) == bool(rises)


def test_noise_and_one_brightness_tell_of_no_stretch():
    light, part = noise(1).ravel(), PART.ravel()
    alone = light * (part == 0)
    for target, own, brightness, variance in (
        (light, light, np.ones_like(light), 0.0),
        (light, light, np.abs(light), 1.5),
        (alone, alone, np.abs(alone), 0.0),
        (0 * light, light, np.abs(light), 0.0),
    ):
        found, error = trend(target, own, part, brightness, variance)
        assert not abs(found) > 6 * error


def mesh(data):
    small = data.astype(np.float32)
    places = [block_centres(size, 1) for size in SHAPE]
    return mesh_of(small, np.ones_like(small), *places)


def plane():
    y, x = np.meshgrid(*(np.linspace(-0.5, 0.5, size) for size in SHAPE), indexing="ij")
    return y, x


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_the_own_gradient_is_the_polynomial_between_objects(degree):
    y, x = plane()
    objects = 3 * np.exp(-60 * ((x - 0.1) ** 2 + y**2))
    sky = 1 + 0.3 * x - 0.2 * y
    found = own_gradient(mesh((sky + objects + 0.01 * noise(6))[..., np.newaxis]), degree, 1)
    assert found.degree == degree
    values = found.at(*(block_centres(size, 1) for size in SHAPE))[..., 0]
    if degree:
        np.testing.assert_allclose(values, sky, atol=0.01)
        assert not found.left.any()
    else:
        assert np.ptp(values) == 0
        np.testing.assert_allclose(found.left, np.std(sky), rtol=0.1)


@pytest.mark.parametrize(("steep", "taken"), [(0.3, 1), (0.0, 0)])
def test_with_little_sky_a_plane_counts_if_it_is_certain(steep, taken):
    y, x = plane()
    objects = (1 + structure() / 4) / (1 + np.exp(50 * (np.hypot(y, x) - 0.42)))
    sky = 1 + steep * (x - y)
    data = (
        sky[..., np.newaxis] + objects[..., np.newaxis] * [3, 1, 2] + 0.02 * noise(6, (*SHAPE, 3))
    )
    found = own_gradient(mesh(data), 1, 1)
    assert LITTLE["colour"] < found.sky < min(ENOUGH.values())
    assert found.degree == taken
    assert bool(own_gradient(mesh(data), 0, 1).left.all()) == bool(taken)


def test_without_sky_there_is_a_level_alone():
    found = own_gradient(
        mesh(structure()[..., np.newaxis] + 0.01 * noise(7)[..., np.newaxis]), 2, 1
    )
    assert found.degree == 0
    assert not found.left.any()
    assert found.sky < 0.5


def test_the_residuals_tell_how_far_a_sky_bends():
    y, x = plane()
    errors = {}
    for name, sky in (("plane", x + y), ("bent", np.exp(2 * x) * np.cos(3 * y))):
        cells = mesh((sky + 0.5 * noise(8))[..., np.newaxis])
        found = select_surfaces(cells, PROTECTIONS["difference"])[-1]
        better = by_residuals(found, cells)
        truth = mesh(sky[..., np.newaxis]).values
        errors[name] = [
            float((each.values - truth)[cells.usable].std()) for each in (found, better)
        ]
    assert errors["plane"][1] < 0.1
    assert errors["bent"][1] <= errors["bent"][0]


def test_too_few_cells_are_told():
    with pytest.raises(InputError, match="can be used"):
        own_gradient(mesh(np.full((*SHAPE, 1), np.nan)), 1, 1)

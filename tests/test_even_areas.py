"""Areas that are too even for a sky: they change nothing elsewhere, and skies are none of them."""

from __future__ import annotations

import numpy as np
import pytest

import scenes
from fastbg import remove_background
from fastbg.errors import InputError
from fastbg.image.downscale import BELOW, block_centres
from fastbg.sky.even_areas import even_areas
from fastbg.sky.mesh import mesh_of
from fastbg.sky.neighbourhood import largest_region, regions

SHAPE = (480, 720)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]] / SHAPE[1]
NOISE = 0.002
GRADIENT = 0.03

# Without what is hidden, other cells decide; as the sky it was fitted, it changed the model by 0.08
# (a disc) and 0.8 (land).
ELSEWHERE = 0.03


def sky(seed=0, gradient=GRADIENT):
    """A gradient with stars and noise, (H, W, 3) float32."""
    rng = np.random.default_rng(seed)
    image = 0.05 + gradient * (X + Y**2) + NOISE * rng.standard_normal(SHAPE)
    for _ in range(600):
        row, column = rng.integers(4, SHAPE[0] - 4), rng.integers(4, SHAPE[1] - 4)
        image[row - 3 : row + 4, column - 3 : column + 4] += 0.1 * rng.random() ** 2
    return np.repeat(image[..., np.newaxis], 3, 2).astype(np.float32)


def cells_of(image, factor=4):
    """The even cells of an image, (rows, columns), by block means."""
    blocks = image.reshape(SHAPE[0] // factor, factor, SHAPE[1] // factor, factor, 3)
    small = blocks.mean(axis=(1, 3))
    y, x = (block_centres(size, factor) for size in SHAPE)
    mesh = mesh_of(small, np.ones_like(small), y, x)
    return even_areas(mesh, small).reshape(mesh.shape)


DISC = np.hypot(Y - 0.3, X - 0.4) < 0.14
LAND = Y - 0.02 * np.sin(12 * X) > 0.45


def off(image, alone, elsewhere):
    """How far the model is from that of the sky alone, relative to the gradient of that."""
    expected = remove_background(alone).background[elsewhere]
    difference = remove_background(image).background[elsewhere] - expected
    return (difference.std(axis=0) / expected.std(axis=0)).max()


def test_a_saturated_disc_changes_little_elsewhere() -> None:
    alone = 0.1 * sky(gradient=GRADIENT / 3)
    image = alone.copy()
    image[DISC] = 1
    assert off(image, alone, ~DISC) < ELSEWHERE


def test_even_dark_land_under_a_glow_changes_little_above_it() -> None:
    glow = 0.08 * np.exp((Y - 0.45) / 0.15)
    alone = sky() + glow[..., np.newaxis].astype(np.float32)
    image, rng = alone.copy(), np.random.default_rng(1)
    image[LAND] = (0.003 + 0.3 * NOISE * rng.standard_normal((*SHAPE, 3)))[LAND]
    assert off(image, alone, ~LAND) < ELSEWHERE


@pytest.mark.parametrize("channels", [slice(None), slice(1, 2)])
@pytest.mark.parametrize("level", [1, 0.25])
def test_the_cells_of_a_saturated_disc_and_those_beside_it_are_even(level, channels) -> None:
    image = sky()
    image[DISC, channels] = level
    even = cells_of(image)
    side = SHAPE[0] // even.shape[0]
    inside = DISC[side // 2 :: side, side // 2 :: side][: even.shape[0], : even.shape[1]]
    assert even[inside].all()
    assert even.mean() < 1.7 * DISC.mean()


def test_the_dark_outside_of_the_circle_of_a_fisheye_is_no_sky() -> None:
    scene = scenes.simulate("fisheye", (300, 450), 61)
    assert scenes.error(remove_background(scene.image).background, scene) < 0.4


def test_cells_that_are_cut_off_below_do_not_split_the_outside_of_a_circle() -> None:
    # Half of it was taken for sky, and the model erred by 0.87.
    scene = scenes.simulate("fisheye", (600, 900), 122)
    assert scenes.error(remove_background(scene.image).background, scene) < 0.5


def test_an_outline_that_runs_through_cells_divides_them() -> None:
    # None of the outside was seen, and the model erred by 1.0.
    scene = scenes.simulate("fisheye", (600, 900), 35)
    assert scenes.error(remove_background(scene.image).background, scene) < 0.3


ROUND = np.hypot(Y - 0.33, X - 0.5) < 0.32


def in_a_circle(image, rng):
    dark = 1e-4 * (1 + 0.1 * rng.standard_normal(SHAPE))
    return np.where(ROUND[..., np.newaxis], image, dark[..., np.newaxis]).astype(np.float32)


def rough(rng, size):
    """Light in patches of a size, as of the Milky Way or of a town, (H, W, 1)."""
    few = rng.random((SHAPE[0] // size, SHAPE[1] // size, 1))
    return np.repeat(np.repeat(few, size, 0), size, 1)


def test_a_sky_that_a_circle_surrounds_may_be_rough() -> None:
    # All of the outside was fitted, for skies over lit land are smooth.
    rng = np.random.default_rng(2)
    even = cells_of(in_a_circle(sky() + 0.02 * rough(rng, 8), rng))
    side = SHAPE[0] // even.shape[0]
    inside = ROUND[side // 2 :: side, side // 2 :: side][: even.shape[0], : even.shape[1]]
    assert even[~inside].mean() > 0.95
    assert even[inside].mean() < 0.2


def lit_land_under_a_dark_sky_in_a_circle(rng):
    image = np.where((Y > 0.3)[..., np.newaxis], sky() + 0.02 * rough(rng, 8), 1e-4)
    return in_a_circle(image, rng)


def disc_of_the_moon(rng):
    seas = sum(rough(rng, size) for size in (4, 12, 48))
    light = 0.1 * (1 + seas) + NOISE * rng.standard_normal((*SHAPE, 3))
    dim = 0.003 + 2e-4 * rng.standard_normal((*SHAPE, 3))
    return np.where(ROUND[..., np.newaxis], light, dim).astype(np.float32)


def dark_sky_over_lit_land(rng):
    image = sky()
    image[LAND] = (0.2 + 0.2 * rough(rng, 4))[LAND]
    return image


def without_stars(rng):
    image = dark_sky_over_lit_land(rng)
    quiet = 0.05 + GRADIENT * (X + Y**2) + NOISE * rng.standard_normal(SHAPE)
    image[~LAND] = quiet[~LAND, np.newaxis]
    return image


def bright_nebula(rng):
    image = sky()
    light = 0.3 + NOISE * 3 * rng.standard_normal(SHAPE)
    image[DISC] += light[DISC, np.newaxis].astype(np.float32)
    return image


def dark_cloud(rng):
    image = sky()
    image[DISC] *= 0.7
    return image


def steps_of_integers(rng):
    return np.round(sky() * 1000).astype(np.float32) / 1000


def panels(rng):
    image = sky()
    image[:, 360:] = 0.9 * sky(seed=3)[:, 360:] + 0.5 * NOISE * rng.standard_normal((480, 360, 1))
    return image


@pytest.mark.parametrize(
    "scene",
    [
        *(dark_sky_over_lit_land, lit_land_under_a_dark_sky_in_a_circle, disc_of_the_moon),
        *(without_stars, bright_nebula, dark_cloud, steps_of_integers, panels),
    ],
)
def test_skies_and_objects_are_not_even(scene) -> None:
    assert not cells_of(scene(np.random.default_rng(2))).any()


def test_a_mesh_without_usable_or_large_cells_has_no_even_areas() -> None:
    for fill, shape in ((np.nan, (200, 300)), (BELOW, (200, 300)), (1, (60, 60))):
        small = np.full((*shape, 1), fill, np.float32)
        y, x = (block_centres(size, 1) for size in shape)
        weight = np.isfinite(small).astype(np.float32)
        assert not even_areas(mesh_of(small, weight, y, x), small).any()


def test_the_noise_of_a_mesh_is_that_of_its_sky() -> None:
    rng = np.random.default_rng(0)
    small = rng.standard_normal((200, 300, 2)).astype(np.float32)
    y, x = (block_centres(size, 1) for size in (200, 300))
    whole = mesh_of(small, np.ones_like(small), y, x)
    half = small.copy()
    half[100:] = 1e-3 * half[100:] + 9
    mesh = mesh_of(half, np.ones_like(small), y, x)
    without = mesh.without(mesh.values[:, 0] > 5)
    assert (mesh.noise < 0.01 * whole.noise).all()
    assert without.noise == pytest.approx(whole.noise, rel=0.1)
    assert not without.usable[mesh.values[:, 0] > 5].any()


def test_regions_are_those_of_scipy() -> None:
    label = pytest.importorskip("scipy.ndimage").label
    rng = np.random.default_rng(4)
    for shape in ((1, 1), (1, 9), (30, 41)):
        inside = rng.random(shape) < 0.6
        numbers = regions(inside[1:] & inside[:-1], inside[:, 1:] & inside[:, :-1])
        expected, _ = label(inside)
        pairs = set(zip(numbers[inside], expected[inside], strict=True))
        assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})
        if inside.any():
            largest = np.argmax(np.bincount(expected[inside]))
            assert largest_region(inside).sum() == (expected == largest).sum()


@pytest.mark.parametrize("share", [0.6, 0.97])
def test_an_overexposed_image_is_called_so(share) -> None:
    image = sky()
    image[: int(share * SHAPE[0])] = 1
    with pytest.raises(InputError, match="overexposed") as error:
        remove_background(image)
    assert "\n" not in str(error.value)

"""A plane beside objects that fill the frame, told by their colours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastbg.image.downscale import block_centres
from fastbg.reference.colours import plane_by_colours
from fastbg.reference.own_gradient import own_gradient
from fastbg.sky.mesh import Mesh, mesh_of

SHAPE = 180, 270
GLOW = np.array([1.0, 0.7, 0.5])
"""The colour of the gradient."""

SLOPES = np.array([0.3, -0.2])


def mesh(image: np.ndarray) -> Mesh:
    small = image.astype(np.float32)
    return mesh_of(small, np.ones_like(small), *(block_centres(size, 1) for size in SHAPE))


def structure(rng: np.random.Generator) -> np.ndarray:
    """(H, W): clouds of all sizes, as large as the frame most of all."""
    wave = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, (2 * SHAPE[0], 2 * SHAPE[1])), indexing="ij"))
    amplitude = np.where(wave > 0, np.maximum(wave, 1e-9) ** -1.7, 0)
    clouds = np.fft.ifft2(np.fft.fft2(rng.standard_normal(wave.shape)) * amplitude).real
    clouds = clouds[: SHAPE[0], : SHAPE[1]]
    return (clouds - clouds.mean()) / clouds.std()


def reference(rng: np.random.Generator, colours: int, slopes: np.ndarray) -> np.ndarray:
    """Objects of some colours, noise, and a plane."""
    y, x = (np.linspace(-0.5, 0.5, size) for size in SHAPE)
    plane = slopes[0] * y[:, np.newaxis] + slopes[1] * x
    own = np.array([[1.0, 0.3, 0.1], [0.1, 0.3, 1.0], [0.2, 1.0, 0.3]])[:colours]
    light = sum(np.multiply.outer(structure(rng), colour) for colour in own)
    noise = 0.02 * rng.standard_normal((*SHAPE, 3))
    return light + np.multiply.outer(plane, GLOW) + noise


def difference(rng: np.random.Generator) -> np.ndarray:
    """What an image has more: a steeper gradient of that colour in another direction."""
    y, x = (np.linspace(-0.5, 0.5, size) for size in SHAPE)
    rises = np.exp(y[:, np.newaxis] + 0.5 * x)
    return np.multiply.outer(rises, GLOW) + 0.03 * rng.standard_normal((*SHAPE, 3))


@pytest.mark.parametrize("colours", [1, 2])
def test_a_plane_is_found_beside_objects_of_few_colours(
    rng: np.random.Generator, colours: int
) -> None:
    left = mesh(difference(rng))
    found = plane_by_colours(mesh(reference(rng, colours, SLOPES)), left)
    assert found
    true = np.outer(SLOPES, GLOW)
    assert (np.abs(found.slopes - true) < 4 * found.errors).all()
    assert np.abs(found.slopes - true).max() < 0.1
    none = plane_by_colours(mesh(reference(rng, colours, 0 * SLOPES)), left)
    assert none
    assert (np.abs(none.slopes) < 4 * none.errors).all()


def test_objects_of_as_many_colours_as_channels_hide_it(rng: np.random.Generator) -> None:
    assert plane_by_colours(mesh(reference(rng, 3, SLOPES)), mesh(difference(rng))) is None


def test_without_colours_or_with_gaps_nothing_is_told(rng: np.random.Generator) -> None:
    image, left = reference(rng, 1, SLOPES), difference(rng)
    assert plane_by_colours(mesh(image[..., :1]), mesh(left[..., :1])) is None
    same = np.repeat(image[..., :1], 3, axis=2)
    assert plane_by_colours(mesh(same), mesh(left)) is None
    whole = mesh(image)
    gaps = replace(whole, weight=np.where(whole.points[:, 0] < 0.4, 0, whole.weight))
    assert plane_by_colours(gaps, mesh(left)) is None


def test_the_scale_of_both_images_changes_nothing(rng: np.random.Generator) -> None:
    image, left = reference(rng, 1, SLOPES), difference(rng)
    plain, scaled = (plane_by_colours(mesh(n * image), mesh(n * left)) for n in (1, 1024))
    assert plain
    assert scaled
    np.testing.assert_allclose(scaled.slopes, 1024 * plain.slopes, rtol=1e-6)
    np.testing.assert_allclose(scaled.errors, 1024 * plain.errors, rtol=1e-6)


def test_where_no_sky_is_seen_it_is_the_gradient_of_the_references_own(
    rng: np.random.Generator,
) -> None:
    image, left = mesh(reference(rng, 1, SLOPES)), mesh(difference(rng))
    believed, taken = (own_gradient(image, degree, 1, difference=left) for degree in (0, 2))
    assert (believed.seen, believed.degree) == ("colours", 0)
    assert believed.left.all()
    assert (taken.seen, taken.degree, taken.left.any()) == ("colours", 1, False)
    assert taken.sky < 0.5
    y, x = (block_centres(size, 1) for size in SHAPE)
    rise = np.ptp(taken.at(y, x), axis=(0, 1))
    np.testing.assert_allclose(rise, np.abs(SLOPES).sum() * GLOW, rtol=0.2)

"""The TensorFlow reference: what surrounds its fit equals ours, and so does its loss."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import reference
from fastbg.image.downscale import block_centres, downscale
from fastbg.image.image import Image
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch
from fastbg.jobs.array import remove_background
from fastbg.simulate import simulate_sky
from fastbg.spline.control_points import grid_points, initial_values


@pytest.fixture(scope="module")
def theirs():
    """The module of the reference that needs numpy only."""
    spec = importlib.util.spec_from_file_location("reference_image", reference.HERE / "image.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=[(1, 0.0), (3, 0.1)], ids=["mono", "RGB with missing borders"])
def image(request):
    channels, border = request.param
    rng = np.random.default_rng(4)
    return simulate_sky((83, 122), rng, channels, border=border).image


def stretch_of(image):
    return Stretch.of(quantiles(Image.from_samples(image), [0, 0.5, 0.95, 1], 1).values(), 0.95)


def test_stretches_agree(theirs, image):
    ours, other = stretch_of(image), theirs.Stretch.of(image, 0.95)
    for name in ("pedestal", "scale", "midtones"):
        np.testing.assert_allclose(getattr(other, name), getattr(ours, name), rtol=1e-6)
    missing = image == 0
    expected = np.moveaxis(ours.apply(np.moveaxis(image, 2, 0)), 0, 2)
    np.testing.assert_allclose(other.apply(image)[~missing], expected[~missing], atol=2e-6)
    back = other.invert(other.apply(image))
    below = other.apply(image) < 0.999
    np.testing.assert_allclose(back[below], image[below], rtol=2e-5)


@pytest.mark.parametrize("side", [1, 4, 8, 50])
def test_blocks_agree(theirs, image, side):
    ours = downscale(Image.from_samples(image), stretch_of(image), side, "median")
    other = theirs.block_medians(theirs.Stretch.of(image, 0.95).apply(image), side)
    np.testing.assert_array_equal(np.isnan(other), np.isnan(ours))
    np.testing.assert_allclose(other, ours, atol=2e-6)
    for size in image.shape[:2]:
        np.testing.assert_allclose(theirs.block_centres(size, side), block_centres(size, side))


def test_starts_agree(theirs, image):
    data = downscale(Image.from_samples(image), stretch_of(image), 4, "median")
    weight = (data > 0.2).astype(np.float32)
    y, x = (block_centres(size, 4) for size in image.shape[:2])
    points = theirs.grid(5, data.shape[:2])
    np.testing.assert_array_equal(points, grid_points(25, data.shape[:2]))
    expected = initial_values(points, data, weight, y, x)
    np.testing.assert_allclose(theirs.values_under(points, data, weight, y, x), expected)


def test_subtractions_agree(theirs, image):
    ours = remove_background(image, control_points=4, epochs=3)
    other = theirs.subtract(image, ours.background)
    np.testing.assert_allclose(other, ours.corrected, atol=1e-6)


def test_losses_agree():
    python = reference.python()
    if python is None:
        pytest.skip(f"no environment of the TensorFlow reference; {reference.CURE}")
    worst, cases = reference.worst_difference(python)
    assert cases == 32
    assert worst <= reference.TOLERANCE
